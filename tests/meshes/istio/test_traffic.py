from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from meshperf.meshes.istio.traffic import edge_claims

OUT = "cluster.outbound|8080||app.meshperf.svc.cluster.local;"

Counted = dict[str, dict[str, int]]


@pytest.fixture
def counted(recorded: Path) -> Counted:
    found = {}
    for workload in ("client", "app"):
        lines = (recorded / f"counters-{workload}.txt").read_text().splitlines()
        found[workload] = {name: int(value) for name, _, value in (line.rpartition(": ") for line in lines)}
    return found


@pytest.fixture
def received(recorded: Path) -> dict[str, object]:
    return {"app": json.loads((recorded / "counters.json").read_bytes())["bytes_in"]}


def broken(layout: Any, counted: Counted, received: Mapping[str, object], mtls: str = "strict") -> str:
    """Evidence of every claim that does not hold."""
    claims = edge_claims(layout, counted, received, mtls=mtls, when="end")
    return "; ".join(claim.evidence for claim in claims if not claim.held)


def test_a_mesh_that_carried_the_load_holds_every_claim(
    layout_of: Any, counted: Counted, received: dict[str, object]
) -> None:
    assert broken(layout_of(), counted, received) == ""


def test_load_that_passed_the_sidecar_by_is_seen(layout_of: Any, counted: Counted) -> None:
    assert "app received 1000000 bytes" in broken(layout_of(), counted, {"app": 1_000_000})


def test_a_service_that_tells_nothing_breaks_the_claim(layout_of: Any, counted: Counted) -> None:
    assert broken(layout_of(), counted, {}) == "app does not tell what it received"


def test_a_client_whose_sidecar_opened_nothing_is_named(
    layout_of: Any, counted: Counted, received: dict[str, object]
) -> None:
    counted["client"] = {name: count for name, count in counted["client"].items() if not name.startswith(OUT)}
    assert "the sidecar of client opened no connection to app" in broken(layout_of(), counted, received)


def test_connections_that_arrived_elsewhere_are_seen(
    layout_of: Any, counted: Counted, received: dict[str, object]
) -> None:
    counted["client"][f"{OUT}.upstream_cx_total"] += 40
    counted["client"][f"{OUT}.ssl.handshake"] += 40
    assert "arrived at its sidecar" in broken(layout_of(), counted, received)


def test_a_connection_without_a_handshake_breaks_mutual_tls(
    layout_of: Any, counted: Counted, received: dict[str, object]
) -> None:
    counted["client"][f"{OUT}.ssl.handshake"] = 0
    assert "0 TLS handshakes on" in broken(layout_of(), counted, received)


def test_a_handshake_breaks_the_word_of_an_arm_without_mutual_tls(
    layout_of: Any, counted: Counted, received: dict[str, object]
) -> None:
    assert "TLS handshakes on" in broken(layout_of(), counted, received, mtls="off")


def test_attempts_that_failed_need_no_handshake(layout_of: Any, counted: Counted, received: dict[str, object]) -> None:
    counted["client"][f"{OUT}.upstream_cx_total"] += 3
    counted["client"][f"{OUT}.upstream_cx_connect_fail"] = 3
    assert broken(layout_of(), counted, received) == ""


def test_subsets_of_a_split_count_for_their_service(
    layout_of: Any, counted: Counted, received: dict[str, object]
) -> None:
    counted["client"] = {name.replace("|8080||app", "|8080|part-0|app"): n for name, n in counted["client"].items()}
    assert broken(layout_of(), counted, received) == ""

"""Which of a sidecar's counters speak for the application's requests, on counters of a real pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshperf.meshes.consul.claims import is_hop, toward

RECORDED = Path(__file__).parent / "recorded"


def counters(side: str) -> dict[str, int]:
    lines = (line.rpartition(": ") for line in (RECORDED / f"{side}-counters.txt").read_text().splitlines())
    return {name: int(value) for name, _, value in lines}


def test_connections_to_all_subsets_of_a_callee_count() -> None:
    seen = counters("client")
    subsets = [count for name, count in seen.items() if ".app.default." in name and name.endswith("upstream_cx_total")]
    assert len(subsets) == 2
    assert toward(seen, "app", "upstream_cx_total") == sum(subsets) > 0
    assert toward(seen, "app", "ssl.handshake") >= toward(seen, "app", "upstream_cx_total")


def test_another_callee_and_the_agent_do_not_count() -> None:
    seen = counters("client")
    assert seen["cluster.local_agent.upstream_cx_total"] > 0
    for other in ("ap", "local_agent", "s0", "app-2", "a.p"):
        assert toward(seen, other, "upstream_cx_total") == 0


@pytest.mark.parametrize(
    ("cluster", "carries"),
    [
        ("local_app", True),
        ("s1.app.default.dc1.internal.1-2.consul", True),
        ("app.default.dc1.internal.1-2.consul", True),
        ("local_agent", False),
    ],
)
def test_only_the_applications_clusters_are_hops(cluster: str, carries: bool) -> None:
    assert is_hop(cluster) is carries


def test_the_recorded_pair_carried_what_the_application_received() -> None:
    seen = counters("app")
    assert seen["cluster.local_app.upstream_rq_total"] >= 20
    assert seen["http.public_listener.rbac.denied"] > 0

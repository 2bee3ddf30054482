from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshperf.meshes.istio.functions_in_force import functions_claim
from meshperf.spec.experiment import Functions
from meshperf.spec.records import Claim

CONFIGURED = Functions(
    authorization_rules=3, routes=4, route_match="last", split=(80, 20), retries=2, timeout_s=3.5, rate_limit=200.0
)


def tried(functions: Functions, recorded: Path) -> Claim:
    client, app = ((recorded / f"functions-{name}.json").read_bytes() for name in ("client", "app"))
    return functions_claim(functions, functions.used(), client, app, "begin")


def test_everything_that_was_configured_is_found(recorded: Path) -> None:
    claim = tried(CONFIGURED, recorded)
    assert claim.held, claim.evidence
    assert "rate_limit" in claim.evidence


@pytest.mark.parametrize(
    "other", [{"authorization_rules": 4}, {"routes": 5}, {"split": (50, 50)}, {"retries": 1}, {"timeout_s": 1.0}]
)
def test_another_setting_than_the_one_in_force_is_named(recorded: Path, other: dict[str, Any]) -> None:
    claim = tried(replace(CONFIGURED, **other), recorded)
    assert not claim.held
    assert claim.evidence.partition(": ")[2].split(", ")[0] == next(iter(other))


def test_a_route_in_another_place_is_named(recorded: Path) -> None:
    client = (recorded / "functions-client.json").read_bytes()
    first = replace(CONFIGURED, route_match="first")
    assert not functions_claim(first, ("route_match",), client, b"{}", "begin").held
    assert functions_claim(CONFIGURED, ("route_match",), client, b"{}", "begin").held


def test_sidecars_that_do_not_answer_have_nothing_in_force() -> None:
    claim = functions_claim(CONFIGURED, CONFIGURED.used(), b"", b"not json", "end")
    assert not claim.held
    assert claim.evidence.endswith(", ".join(CONFIGURED.used()))

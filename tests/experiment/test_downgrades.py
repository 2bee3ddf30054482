"""A protocol that was not kept is a warning, and only where it was the load's."""

from __future__ import annotations

from dataclasses import replace

import pytest

import run_sample
from meshperf.experiment.downgrades import downgrade_warnings
from meshperf.spec.records import Fact, RunResult, WarningKind

LOST = "http2 becomes http1 to the application"


def run(protocol: str, told: Fact | None) -> RunResult:
    sample = run_sample.sample_round()
    facts = {name: fact for name, fact in sample.facts.items() if not name.startswith("hop.")}
    facts["load.protocol"] = Fact(value=protocol)
    return replace(sample, arm="mine", facts=facts if told is None else {**facts, "hop.downgrade": told})


@pytest.mark.parametrize("protocol", ["http2", "grpc"])
def test_a_downgrade_is_told_with_its_place(protocol: str) -> None:
    (warning,) = downgrade_warnings(run(protocol, Fact(value=LOST)))
    assert warning.kind is WarningKind.DOWNGRADED
    assert warning.text == f"The proxies of arm mine do not keep the protocol of the load: {LOST}."


@pytest.mark.parametrize("told", [None, Fact(value="none"), Fact(unavailable="not seen")])
def test_a_protocol_that_was_kept_or_not_seen_is_no_downgrade(told: Fact | None) -> None:
    assert downgrade_warnings(run("http2", told)) == ()


def test_a_load_point_of_http1_is_not_warned_for_another_points_downgrade() -> None:
    assert downgrade_warnings(run("http1", Fact(value=LOST))) == ()

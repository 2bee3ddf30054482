"""Results of two generators, with and without a trial of both on one server."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from simulated import SimulatedArm, Simulation

from meshperf.analysis import Verdict, packaged_rules
from meshperf.analysis.calibration import Calibration, calibrated_rules, calibration_from_document
from meshperf.analysis.cross import Side, compare_sides
from meshperf.analysis.records import Comparison
from meshperf.analysis.rules import Rules
from meshperf.errors import ComparisonError, DocumentError
from meshperf.spec.records import Fact, RunResult


def trial(name: str, version: str | None, error_s: float | None, **more: Any) -> dict[str, Any]:
    return {"generator": name, "version": version, "p50_error_s": error_s, "paced": True, **more}


RECORD = {
    "generators": [
        trial("meshperf", "0.1.0", 20e-6),
        trial("fortio", "1.68.2", 120e-6),
        trial("k6", "1.8.1", None, failure="it ended with 1"),
    ],
    "missing": {"wrk": "apt"},
}


def session(seed: int, generator: str, version: str, *, origin: str = "intended") -> tuple[RunResult, ...]:
    told = {"load.generator": generator, "load.generator_version": version, "load.latency_origin": origin}
    facts = {path: Fact(value=value, source="simulation") for path, value in told.items()}
    found = Simulation(arms={"envoy": SimulatedArm(ratio=1.0 if seed == 1 else 1.5)}, run_sd=0.01).run(seed)
    return tuple(replace(run, experiment_id=generator, facts={**run.facts, **facts}) for run in found)


def compared(rules: Rules | None, *, origin: str = "intended") -> Comparison:
    sides = [
        Side(label=label, arm="envoy", session=runs)
        for label, runs in (
            ("ours", session(1, "meshperf", "0.1.0")),
            ("theirs", session(2, "fortio", "1.68.2", origin=origin)),
        )
    ]
    return compare_sides(*sides, subject=(), margins={"p50": 0.05}, rules=rules)


def loosened() -> Rules:
    return calibrated_rules(
        packaged_rules(), calibration_from_document(RECORD), [("meshperf", "0.1.0"), ("fortio", "1.68.2")]
    )


def test_two_generators_without_a_calibration_are_not_comparable() -> None:
    found = compared(None)
    assert found.comparability.grade == "X"
    assert {"load.generator", "load.generator_version"} <= {one.path for one in found.comparability.violations}


def test_two_generators_that_were_tried_on_one_server_are_indicative_and_have_no_winner() -> None:
    found = compared(loosened())
    assert found.comparability.grade == "D"
    (told,) = (one for one in found.comparability.violations if one.path == "load.generator")
    assert (told.a, told.b) == ("meshperf", "fortio") and "fortio by +0.120 ms" in told.why
    assert {one.verdict for one in found.metrics} == {Verdict.INCONCLUSIVE}
    assert all(one.narrow is None for one in found.metrics)
    assert [arm.figures["p50"].value for arm in found.arms] == pytest.approx([1e-3, 1.5e-3], rel=0.1)


def test_a_calibration_is_no_factor() -> None:
    plain, other = (
        {arm.arm: arm.figures["p50"].value for arm in compared(rules).arms} for rules in (loosened(), loosened())
    )
    worse = {**RECORD, "generators": [trial("meshperf", "0.1.0", 1.0), trial("fortio", "1.68.2", 2.0)]}
    rules = calibrated_rules(
        packaged_rules(), calibration_from_document(worse), [("meshperf", "0.1.0"), ("fortio", "1.68.2")]
    )
    assert {arm.arm: arm.figures["p50"].value for arm in compared(rules).arms} == plain == other


def test_what_was_loosened_stands_in_the_label_and_ours_stay_as_they_are() -> None:
    before = packaged_rules().rule("load.generator")
    rules = loosened()
    assert "loosened: load.generator by a calibration" in rules.label and "meshperf by +0.020 ms" in rules.label
    assert rules.rule("load.generator").severity == "CLOSE"
    assert packaged_rules().rule("load.generator") is before and before.severity == "EQ"


def test_a_calibration_is_none_of_where_latencies_begin() -> None:
    assert compared(loosened(), origin="actual").comparability.grade == "X"


@pytest.mark.parametrize("other", [("wrk", "4.1.0"), ("k6", "1.8.1"), ("fortio", "1.70.0"), ("", "")])
def test_a_generator_or_a_version_that_was_not_tried_is_refused(other: tuple[str, str]) -> None:
    with pytest.raises(ComparisonError, match="no whole trial of") as caught:
        calibrated_rules(packaged_rules(), calibration_from_document(RECORD), [("meshperf", "0.1.0"), other])
    assert caught.value.code == "MP4001"


def test_another_patch_of_a_tried_version_will_do() -> None:
    calibrated_rules(packaged_rules(), calibration_from_document(RECORD), [("fortio", "1.68.9")])


def test_a_trial_without_a_median_is_none() -> None:
    found = calibration_from_document(RECORD)
    assert isinstance(found, Calibration) and set(found.tried) == {"meshperf", "fortio"}
    assert math.isclose(found.tried["fortio"].p50_error_s, 120e-6)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], "MP2201"), ({"generators": {}}, "MP2201"), ({"generators": [1]}, "MP2104"),
        ({"generators": [trial("a", "1", 1.0), {"version": "1"}]}, "MP2104"),
        ({"generators": [{**trial("a", "1", 1.0), "p50_error_s": "much"}]}, "MP2104"),
        ({"generators": [{**trial("a", "1", 1.0), "version": 1}]}, "MP2104"),
    ],
)  # fmt: skip
def test_what_is_no_calibration_is_refused(document: object, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        calibration_from_document(document)
    assert caught.value.code == code

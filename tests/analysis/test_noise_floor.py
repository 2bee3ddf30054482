"""An arm against its own twin."""

import math

import pytest
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation, constant_run

from meshperf.analysis import compare, noise_floors
from meshperf.analysis.noise_floor import floor_for, twin_warnings
from meshperf.analysis.pairing import in_order
from meshperf.spec.records import WarningKind


def _twins(factors):
    runs = []
    for number, factor in enumerate(factors, start=1):
        runs.append(constant_run(1e-3, arm="envoy", round=number))
        runs.append(constant_run(1e-3 * factor, arm="envoy", twin=1, round=number))
    return in_order(runs)


def _p50(floors):
    return next(entry for entry in floors if entry.metric == "p50")


def test_the_floor_is_the_half_width_of_the_interval():
    floor = _p50(noise_floors(_twins([1.02, 0.98, 1.03, 0.97, 1.01, 0.99]), ["envoy"]))
    assert floor.holds
    assert floor.floor == pytest.approx(math.sqrt(floor.ratio.high / floor.ratio.low) - 1)
    assert floor.ratio.low < 1 < floor.ratio.high


def test_the_floor_is_at_least_the_difference_that_was_seen():
    floor = _p50(noise_floors(_twins([1.10, 1.101, 1.099]), ["envoy"]))
    assert floor.floor == pytest.approx(0.10, abs=0.002)
    assert not floor.holds
    (warning,) = twin_warnings([floor])
    assert warning.kind is WarningKind.AA_DIFFERS


def test_one_round_of_twins_gives_what_was_seen_without_an_interval():
    floor = _p50(noise_floors(_twins([0.95]), ["envoy"]))
    assert floor.floor == pytest.approx(1 / 0.95 - 1, abs=0.002)
    assert math.isnan(floor.ratio.low)


def test_the_larger_floor_of_both_arms_counts_and_no_twin_means_none():
    floors = noise_floors(_twins([1.02, 0.98, 1.03]), ["envoy", "baseline"])
    assert floor_for(floors, ("baseline", "envoy"), "p50") == _p50(floors).floor
    assert floor_for(floors, ("baseline",), "p50") is None


def test_a_verdict_below_the_floor_is_withdrawn_with_a_warning():
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.08)}
    runs = Simulation(arms=arms, run_sd=0.004, requests=4000).run(5)
    lottery = [
        constant_run(1e-3 * factor, arm="envoy", twin=1, round=number, memory_bytes=21_000_000)
        for number, factor in enumerate((1.3, 0.9, 1.4, 0.8, 1.2, 1.0), start=1)
    ]
    (found,) = compare([*runs, *lottery], baseline="baseline", subject=("mesh",), margins={"p50": 0.01})
    metric = next(entry for entry in found.metrics if entry.metric == "p50")
    assert metric.verdict.value == "inconclusive"
    assert "deployed twice" in metric.reason
    assert any(entry.kind is WarningKind.NOISE_FLOOR and "p50" in entry.text for entry in found.warnings)
    (without,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
    assert next(entry for entry in without.metrics if entry.metric == "p50").verdict.value == "worse"

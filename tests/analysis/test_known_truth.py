"""Operating characteristics: many simulated experiments through the product's own `compare`, fixed seeds.

Bounds leave room for the sampling error of the number of experiments given here; benchmarks/simulate_verdicts.py
runs more.
"""

import math

import numpy as np
import pytest
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation

from meshperf.analysis import Verdict, compare


def _judged(simulation, experiments, metric="p50", margins=MARGINS):
    found = []
    for seed in range(experiments):
        (comparison,) = compare(simulation.run(1000 + seed), baseline="baseline", subject=("mesh",), margins=margins)
        found.append(next(m for m in comparison.metrics if m.metric == metric))
    return found


def _arms(**truth):
    return {"baseline": BASELINE, "envoy": SimulatedArm(**truth)}


def _coverage(found, truth):
    return float(np.mean([m.ratio.low <= truth <= m.ratio.high for m in found]))


@pytest.mark.parametrize(
    ("metric", "settings"),
    [
        ("p50", {}),
        ("p90", {"heavy": 0.1}),
        ("p50", {"drift": 0.15}),
        ("p90", {"slices": 8, "requests": 320, "storm_sd": 0.3}),
    ],
    ids=["quiet", "bad runs", "drift", "storms in slices"],
)
def test_the_published_interval_covers_the_truth(metric, settings):
    simulation = Simulation(**{"arms": _arms(ratio=1.1), "requests": 500, "run_sd": 0.05, **settings})
    found = _judged(simulation, 200 if simulation.slices else 400, metric)
    assert _coverage(found, 1.1) >= 0.93


def test_cpu_per_request_is_covered_too():
    found = _judged(Simulation(arms=_arms(cpu_ratio=1.4), requests=200, cpu_sd=0.03), 400, "cpu_per_request")
    assert _coverage(found, 1.4) >= 0.93


def test_two_identical_arms_are_called_different_in_few_experiments():
    """Any of the primary family; Holm holds the family at 5 %, 8.5 % leaves room for 300 experiments."""
    false = 0
    for seed in range(300):
        simulation = Simulation(requests=400, run_sd=0.05, cpu_sd=0.05)
        (comparison,) = compare(simulation.run(seed), baseline="baseline", subject=("mesh",), margins=MARGINS)
        false += any(m.verdict in (Verdict.BETTER, Verdict.WORSE) for m in comparison.metrics if m.primary)
    assert false / 300 <= 0.085


def test_a_drift_over_the_session_makes_no_false_differences():
    found = _judged(Simulation(requests=400, drift=0.3, run_sd=0.03), 250)
    assert np.mean([m.verdict in (Verdict.BETTER, Verdict.WORSE) for m in found]) <= 0.06


def test_a_difference_as_large_as_the_margin_is_rarely_called_equivalent():
    found = _judged(Simulation(arms=_arms(ratio=1.05), requests=2000, run_sd=0.02), 300)
    share = np.mean([m.verdict is Verdict.EQUIVALENT for m in found])
    assert share <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)


def test_equal_arms_are_found_equivalent_where_the_scatter_allows_it():
    found = _judged(Simulation(arms=_arms(), requests=2000, run_sd=0.01, sigma=0.2, rounds=8), 60)
    assert np.mean([m.verdict is Verdict.EQUIVALENT for m in found]) >= 0.8


def test_a_large_difference_is_found_nearly_always():
    found = _judged(Simulation(arms=_arms(ratio=1.3), requests=1000, run_sd=0.05), 80)
    assert np.mean([m.verdict is Verdict.WORSE for m in found]) >= 0.95


def test_twenty_microseconds_on_three_hundred_are_recovered():
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(added_s=20e-6)}
    simulation = Simulation(
        arms=arms, median_s=400e-6, sigma=0.15, slices=30, requests=1500, storm_sd=0.1, run_sd=0.005, rounds=6
    )
    found = _judged(simulation, 40)
    added = [m.added.value for m in found]
    assert np.mean(added) == pytest.approx(20e-6, rel=0.08)
    assert np.mean([m.added.low <= 20e-6 <= m.added.high for m in found]) >= 0.85
    assert np.mean([m.added.low > 0 for m in found]) >= 0.9


def test_the_estimate_of_a_ratio_is_not_drawn_towards_one():
    for ratio in (0.5, 1.2, 6.0):
        simulation = Simulation(arms=_arms(ratio=ratio), slices=12, requests=600, storm_sd=0.2, run_sd=0.02)
        logs = [math.log(m.ratio.value) for m in _judged(simulation, 40)]
        assert np.mean(logs) == pytest.approx(math.log(ratio), abs=0.015)

"""What holds for any experiment: order, scale and exchange do not matter."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation, constant_run

from meshperf.analysis import (
    compare,
    comparison_from_document,
    comparison_to_document,
    hodges_lehmann,
    holm,
    ratio_estimate,
)
from meshperf.analysis.blocks import weighted_quantile

LOGS = st.lists(st.floats(-2, 2).map(lambda x: round(x, 6)), min_size=2, max_size=12)


def _document(runs):
    (found,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
    return comparison_to_document(found)


def _runs(seed, rounds, slices):
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.2), "other": SimulatedArm(ratio=0.9)}
    return Simulation(arms=arms, twins=("envoy",), rounds=rounds, slices=slices, requests=240).run(seed)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), rounds=st.integers(1, 7), slices=st.sampled_from([0, 8]), order=st.randoms())
def test_the_order_in_which_runs_are_given_does_not_matter(seed, rounds, slices, order):
    runs = _runs(seed, rounds, slices)
    shuffled = list(runs)
    order.shuffle(shuffled)
    assert _document(shuffled) == _document(runs)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), rounds=st.integers(2, 6))
def test_the_order_of_slices_in_a_run_does_not_matter(seed, rounds):
    runs = _runs(seed, rounds, 8)
    backwards = [replace(run, slices=run.slices[::-1]) for run in runs]
    first, second = _document(backwards), _document(runs)
    for a, b in zip(first["metrics"], second["metrics"], strict=True):
        assert a["verdict"] == b["verdict"]
        assert a["ratio"]["value"] == pytest.approx(b["ratio"]["value"], rel=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_exchanging_an_arm_with_its_twin_inverts_its_noise_and_keeps_its_floor(seed):
    runs = _runs(seed, 6, 0)
    swapped = [replace(run, twin=1 - run.twin) if run.arm == "envoy" else run for run in runs]
    for a, b in zip(_document(runs)["noise_floors"], _document(swapped)["noise_floors"], strict=True):
        assert a["ratio"]["value"] * b["ratio"]["value"] == pytest.approx(1.0, rel=1e-9)
        assert a["floor"] == pytest.approx(b["floor"], rel=1e-6)
        assert a["holds"] == b["holds"]


@settings(max_examples=20, deadline=None)
@given(scale=st.sampled_from([2, 4, 8, 1024]), seed=st.integers(0, 10**6))
def test_a_machine_that_is_slower_by_a_power_of_two_gives_the_same_ratio(scale, seed):
    """A power of two moves every histogram bucket exactly, so nothing but the unit changes."""
    rng = np.random.default_rng(seed)
    times = rng.uniform(1e-3, 2e-3, size=(6, 2))

    def ratio(factor):
        runs = [
            constant_run(float(times[n, side]) * factor, arm=arm, round=n + 1)
            for n in range(6)
            for side, arm in enumerate(("baseline", "envoy"))
        ]
        (found,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
        metric = next(m for m in found.metrics if m.metric == "p50")
        return metric.verdict, metric.ratio

    (verdict, one), (scaled_verdict, other) = ratio(1), ratio(scale)
    assert verdict == scaled_verdict
    assert other.value == pytest.approx(one.value, rel=2e-4)
    assert other.low == pytest.approx(one.low, rel=2e-3)


@given(LOGS)
def test_turning_the_arms_round_turns_the_interval_round(logs):
    forth, back = ratio_estimate(logs), ratio_estimate([-x for x in logs])
    assert forth.value * back.value == pytest.approx(1.0)
    assert forth.low * back.high == pytest.approx(1.0)
    one, other = hodges_lehmann(logs), hodges_lehmann([-x for x in logs])
    assert (one is None) == (other is None) == (len(logs) < 6)
    if one is not None and other is not None:
        assert one.low * other.high == pytest.approx(1.0)


@given(LOGS)
def test_an_interval_contains_its_value(logs):
    for found in (ratio_estimate(logs), hodges_lehmann(logs)):
        if found is not None:
            assert found.low <= found.value * (1 + 1e-12)
            assert found.value <= found.high * (1 + 1e-12)


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    assert all(adjusted[name] >= p for name, p in p_values.items())
    assert all(adjusted[name] <= 1 for name in p_values)
    ranked = sorted(p_values, key=lambda name: (p_values[name], name))
    assert [adjusted[name] for name in ranked] == sorted(adjusted.values())


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 50)), min_size=1, max_size=40, unique_by=lambda x: x[0]),
    st.floats(0, 1),
)
def test_a_weighted_quantile_is_that_of_the_values_written_out(pairs, q):
    value = np.array([float(v) for v, _ in sorted(pairs)])
    count = np.array([c for _, c in sorted(pairs)])
    assert weighted_quantile(value, count, q) == pytest.approx(np.quantile(np.repeat(value, count), q), rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), rounds=st.integers(1, 7), slices=st.sampled_from([0, 8]))
def test_every_comparison_survives_its_document(seed, rounds, slices):
    document = _document(_runs(seed, rounds, slices))
    assert comparison_to_document(comparison_from_document(document)) == document
    assert math.isfinite(document["alpha"])

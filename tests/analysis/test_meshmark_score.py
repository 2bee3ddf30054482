"""MeshMark-R of simulated experiments: what it counts, when it refuses, and when two of them differ."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ladder_sample import RATES, Truth, ladder
from meshperf.analysis.meshmark import Weights, score
from meshperf.analysis.meshmark_contrast import compare_marks
from meshperf.analysis.meshmark_score import mark
from meshperf.errors import ComparisonError

SAME = Truth()
DEAR = Truth(slope=100e-6, memory=40 * 2**20, median_s=2e-3)
CAPACITY = {"baseline": 1000.0, "envoy": 1000.0}


def marked(truths=None, *, capacity=None, **settings):
    asked = {key: settings.pop(key) for key in ("grade", "pilot", "weights") if key in settings}
    runs = ladder({"baseline": SAME, "envoy": DEAR} if truths is None else truths, **settings)
    return mark(
        runs, arm="envoy", baseline="baseline", capacity_rps=CAPACITY if capacity is None else capacity, **asked
    )


def test_a_mesh_that_is_exactly_as_its_baseline_has_100_with_no_width() -> None:
    found = marked({"baseline": SAME, "envoy": SAME})
    assert found.value is not None and found.value.value == pytest.approx(100.0, abs=1e-9)
    assert found.value.low == pytest.approx(100.0) and found.range_low == pytest.approx(100.0)


def test_the_score_is_that_of_the_printed_vector() -> None:
    found = marked(noise=0.05)
    assert found.value is not None
    assert found.value.value == pytest.approx(score(found.cells(), Weights()))
    assert found.value.low < found.value.value < found.value.high <= 100.0
    assert found.range_low < found.value.value < found.range_high


def test_every_cost_twice_as_high_gives_the_score_that_follows_from_it() -> None:
    found = marked()
    wanted = 100 * math.exp((3 * math.log(0.5) + 0 + 0) / 5)  # compute, memory, latency half; capacity and success 1
    assert found.value is not None and found.value.value == pytest.approx(wanted, rel=0.005)
    assert found.classes["compute"] == pytest.approx(0.5) and found.classes["reliability"] == 1.0
    assert list(found.cells_rps.values()) == [250.0, 500.0, 750.0]


def test_the_interval_holds_the_true_score_at_least_93_times_in_100() -> None:
    truth = 100 * math.exp(3 * math.log(0.5) / 5)
    held = 0
    for seed in range(100):
        found = marked(noise=0.05, requests=10_100, rounds=6, seed=seed, rates=RATES[:3])
        assert found.value is not None
        held += found.value.low <= truth * 1.003 and truth * 0.997 <= found.value.high
    assert held >= 86  # 0.95 less four sampling errors


def test_a_mesh_that_fails_requests_is_charged_for_it_twice() -> None:
    failing = marked({"baseline": SAME, "envoy": replace(SAME, fails=0.1)})
    raw = {term.name: term.raw.value for term in failing.terms_of(0.5)}
    assert raw["success"] == pytest.approx(0.9)
    attempts = ladder({"baseline": SAME, "envoy": replace(SAME, fails=0.1, slope=50e-6 / 0.9)})
    charged = mark(attempts, arm="envoy", baseline="baseline", capacity_rps=CAPACITY)
    assert {term.name: term.raw.value for term in charged.terms_of(0.5)}["cpu"] == pytest.approx(0.9)


def test_a_mesh_that_beats_its_baseline_shows_it_raw_and_counts_as_1() -> None:
    found = marked({"baseline": DEAR, "envoy": SAME}, noise=0.05)
    (cpu,) = [term for term in found.terms_of(0.5) if term.name == "cpu"]
    assert cpu.raw.value == pytest.approx(2.0, rel=0.1) and cpu.counted == 1.0
    assert found.value is not None and found.value.value == 100.0


def test_a_cell_that_an_arm_does_not_sustain_has_no_latency_term_for_any_arm() -> None:
    truths = {"baseline": SAME, "envoy": DEAR, "other": replace(DEAR, gives_up_from=750.0)}
    found = marked(truths, capacity={**CAPACITY, "other": 1000.0})
    assert not [term for term in found.terms_of(0.75) if term.class_name == "latency"]
    assert [term for term in found.terms_of(0.5) if term.class_name == "latency"]
    assert any("does not sustain" in why for why in found.missing) and found.value is not None


def test_a_quantile_with_too_few_requests_is_left_out_and_named() -> None:
    found = marked(requests=5_000)
    assert "p99" not in {term.name for term in found.terms}
    assert any(why.startswith("p99 at") and "10000 are needed" in why for why in found.missing)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"capacity": {"envoy": 1000.0}}, "capacity of baseline is not known"),
        ({"capacity": {"baseline": 4000.0, "envoy": 4000.0}}, "no load point within 10% of 2000/s"),
        ({"rounds": 4}, "4 rounds"),
        ({"grade": "X"}, "not comparable"),
        ({"grade": "D"}, "not comparable"),
        ({"pilot": True}, "pilot"),
        ({"requests": 100}, "no cell has all"),
        ({"truths": {"baseline": replace(SAME, fails=0.02), "envoy": DEAR}}, "baseline itself fell behind"),
    ],
)
def test_without_what_it_needs_there_is_no_score_but_the_vector(settings, why) -> None:
    found = marked(**settings)
    assert found.value is None and any(why in reason for reason in found.refused)
    assert [term for term in found.terms if term.name == "cpu"]


def test_two_meshes_of_one_experiment_differ_when_the_interval_excludes_1() -> None:
    truths = {"baseline": SAME, "a": DEAR, "b": replace(DEAR, slope=200e-6)}
    runs = ladder(truths, noise=0.02)
    capacity = dict.fromkeys(truths, 1000.0)
    a, b = (mark(runs, arm=arm, baseline="baseline", capacity_rps=capacity) for arm in ("a", "b"))
    found = compare_marks(a, b, paired=True)
    assert found.better == "a" and found.for_all_weights
    assert found.ratio.value == pytest.approx(2 ** (-1 / 5), rel=0.03)


def test_two_meshes_that_are_alike_are_seldom_told_apart() -> None:
    truths = {"baseline": SAME, "a": DEAR, "b": DEAR}
    told = 0
    for seed in range(60):
        runs = ladder(truths, noise=0.05, requests=10_100, rates=RATES[:3], seed=seed)
        capacity = dict.fromkeys(truths, 1000.0)
        a, b = (mark(runs, arm=arm, baseline="baseline", capacity_rps=capacity) for arm in ("a", "b"))
        told += bool(compare_marks(a, b, paired=True).better)
    assert told <= 9  # 5 % of 60 and three and a half sampling errors


def test_a_lead_that_depends_on_the_weights_is_said_to() -> None:
    truths = {"baseline": SAME, "a": replace(DEAR, slope=60e-6), "b": replace(DEAR, median_s=1.1e-3)}
    runs, capacity = ladder(truths), dict.fromkeys(truths, 1000.0)
    a, b = (mark(runs, arm=arm, baseline="baseline", capacity_rps=capacity) for arm in ("a", "b"))
    assert not compare_marks(a, b, paired=True).for_all_weights


def test_scores_on_other_cells_weights_or_classes_are_not_compared() -> None:
    first = marked()
    for other, field in (
        (marked(capacity=dict.fromkeys(CAPACITY, 980.0), rates=(240.0, 490.0, 735.0)), "cells"),
        (marked(weights=Weights(classes={"latency": 0.5})), "weights"),
        (marked(requests=5_000), "classes"),
    ):
        with pytest.raises(ComparisonError, match=field) as caught:
            compare_marks(first, other, paired=False)
        assert caught.value.code == "MP4001"
    with pytest.raises(ComparisonError, match="no score"):
        compare_marks(first, marked(rounds=2), paired=False)


def test_two_sessions_are_compared_unpaired() -> None:
    first, second = marked(noise=0.02, seed=1), marked(noise=0.02, seed=2)
    found = compare_marks(first, second, paired=False)
    assert not found.paired and found.ratio.low < 1 < found.ratio.high and found.better == ""


def test_few_random_arrivals_in_a_short_run_are_not_the_baselines_fault() -> None:
    runs = [replace(run, measured_s=run.measured_s * 1.05) for run in ladder({"baseline": SAME, "envoy": DEAR})]
    assert runs[0].achieved_rps < 0.99 * (runs[0].offered_rps or 0.0)
    assert mark(runs, arm="envoy", baseline="baseline", capacity_rps=CAPACITY).value is not None

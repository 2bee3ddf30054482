"""One-sided answers for gates."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from simulated import constant_run

from meshperf.analysis import Terms, Verdict, judge_paired, judge_unpaired, non_inferiority
from meshperf.analysis.non_inferiority import rounds_for_non_inferiority
from meshperf.analysis.pairing import pair_rounds
from meshperf.analysis.series import PairedRounds


def _judged(ratios, grade="A", **settings):
    runs = [constant_run(1e-3, arm="baseline", round=n + 1) for n in range(len(ratios))]
    runs += [constant_run(1e-3 * ratio, arm="envoy", round=n + 1) for n, ratio in enumerate(ratios)]
    paired = PairedRounds(pairing=pair_rounds(runs, baseline=("baseline", 0), candidate=("envoy", 0)))
    terms = Terms(arm="envoy", against="baseline", grade=grade, metrics=("p50",), **settings)
    return next(judge_paired(paired, terms)).comparison


def test_an_arm_surely_below_the_margin_holds_though_it_is_surely_worse():
    metric = _judged([1.020, 1.022, 1.019, 1.021, 1.020, 1.023])
    assert metric.verdict is Verdict.WORSE
    found = non_inferiority(metric, 0.05)
    assert found.outcome == "held"
    assert found.upper < 1.05


def test_an_arm_surely_above_the_margin_breaks_it():
    found = non_inferiority(_judged([1.20, 1.22, 1.19, 1.21, 1.20, 1.23]), 0.05)
    assert found.outcome == "broken"
    assert "x1.05" in found.reason


def test_an_arm_much_better_always_holds():
    assert non_inferiority(_judged([0.5, 0.6, 0.55, 0.7, 0.5, 0.6]), 0.0).outcome == "held"


def test_scatter_is_no_excuse_and_no_accusation():
    found = non_inferiority(_judged([1.0, 1.2, 0.9, 1.1, 1.05, 0.95]), 0.05)
    assert found.outcome == "inconclusive"
    assert "rounds in all" in found.reason


@pytest.mark.parametrize("settings", [{"grade": "C"}, {"grade": "D"}, {"grade": "X"}, {"pilot": True}])
def test_figures_that_may_not_be_judged_give_no_answer(settings):
    found = non_inferiority(_judged([1.5, 1.51, 1.5, 1.49, 1.5, 1.52], **settings), 0.05)
    assert found.outcome == "inconclusive"
    assert math.isnan(found.upper)


def test_two_rounds_never_break_a_gate():
    assert non_inferiority(_judged([2.0, 2.001]), 0.05).outcome == "inconclusive"


def test_hodges_lehmann_must_bear_the_answer_out():
    metric = _judged([1.20, 1.22, 1.19, 1.21, 1.20, 1.23])
    shaky = replace(metric, narrow_companion=replace(metric.narrow_companion, low=1.01))
    found = non_inferiority(shaky, 0.05)
    assert found.outcome == "inconclusive"
    assert "Hodges-Lehmann" in found.reason


def test_it_reads_unpaired_sets_too():
    a = [constant_run(1e-3 * r, arm="baseline", round=n) for n, r in enumerate([1.0, 1.01, 0.99, 1.0, 1.005])]
    b = [constant_run(1e-3 * r, arm="envoy", round=n) for n, r in enumerate([1.3, 1.31, 1.29, 1.3, 1.305])]
    terms = Terms(arm="envoy", against="baseline", grade="B", metrics=("p50",))
    metric = next(judge_unpaired(a, b, terms)).comparison
    assert non_inferiority(metric, 0.10).outcome == "broken"
    assert non_inferiority(metric, 0.50).outcome == "held"


@pytest.mark.parametrize("sd", [0.03, 0.06])
def test_the_plan_gives_the_power_it_promises(sd):
    rounds = rounds_for_non_inferiority(sd, 0.05)
    draws = np.random.default_rng(4).normal(0.0, sd, size=(4000, rounds))
    held = np.mean(stats.ttest_1samp(draws, math.log(1.05), axis=1, alternative="less").pvalue < 0.05)
    fewer = draws[:, :-1]
    less = np.mean(stats.ttest_1samp(fewer, math.log(1.05), axis=1, alternative="less").pvalue < 0.05)
    assert held >= 0.78
    assert less <= 0.82
    assert rounds_for_non_inferiority(sd, 0.05, difference=0.05) is None


def test_an_added_amount_below_the_absolute_floor_holds_whatever_its_share():
    ratios = [1.20, 1.22, 1.19, 1.21, 1.20, 1.23]
    assert non_inferiority(_judged(ratios), 0.05).outcome == "broken"
    held = non_inferiority(_judged(ratios, absolute_floors={"p50": 300e-6}), 0.05)
    assert held.outcome == "held"
    assert "against the floor of 300 us" in held.reason
    beyond = non_inferiority(_judged(ratios, absolute_floors={"p50": 100e-6}), 0.05)
    assert beyond.outcome == "broken"
    assert non_inferiority(_judged(ratios, absolute_floors={"p50": 210e-6}), 0.05).outcome == "inconclusive"


def test_a_margin_that_holds_needs_no_floor():
    ratios = [1.020, 1.022, 1.019, 1.021, 1.020, 1.023]
    assert non_inferiority(_judged(ratios, absolute_floors={"p50": 1e-6}), 0.05).outcome == "held"


def test_an_arm_called_equivalent_by_its_floor_always_passes():
    metric = _judged([1.08, 1.10, 1.12, 1.09, 1.11, 1.10], absolute_floors={"p50": 150e-6}, margins={"p50": 0.05})
    assert metric.verdict is Verdict.EQUIVALENT
    assert non_inferiority(metric, 0.05).outcome == "held"

"""Intervals over rounds, against other implementations and enumeration."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from meshperf.analysis.intervals import (
    geometric_mean,
    hodges_lehmann,
    hodges_lehmann_bounds,
    mean_amount,
    ratio_estimate,
    t_test_p,
)
from meshperf.units import Unit

LOGS = [0.05, 0.11, -0.02, 0.07, 0.03, 0.09, 0.01]


def test_the_t_interval_and_p_value_agree_with_scipy():
    reference = stats.ttest_1samp(LOGS, 0.0)
    interval = reference.confidence_interval(0.95)
    estimate = ratio_estimate(LOGS)
    assert math.log(estimate.low) == pytest.approx(interval.low, rel=1e-9)
    assert math.log(estimate.high) == pytest.approx(interval.high, rel=1e-9)
    assert t_test_p(LOGS) == pytest.approx(reference.pvalue, rel=1e-9)
    assert (estimate.n, estimate.unit) == (7, Unit.RATIO)


def test_one_round_has_a_value_and_no_bounds():
    estimate = ratio_estimate([math.log(1.2)])
    assert estimate.value == pytest.approx(1.2)
    assert math.isnan(estimate.low) and math.isnan(estimate.high)
    assert math.isnan(t_test_p([0.2]))


def test_no_round_is_unknown_and_not_one():
    assert math.isnan(ratio_estimate([]).value)
    assert math.isnan(mean_amount([], Unit.SECONDS).value)


def test_added_amounts_keep_their_unit_and_sign():
    estimate = mean_amount([-20e-6, -22e-6, -18e-6], Unit.SECONDS)
    assert estimate.value == pytest.approx(-20e-6)
    assert estimate.low < estimate.value < estimate.high < 0
    assert estimate.unit is Unit.SECONDS


def test_a_figure_that_is_zero_in_one_round_is_averaged_without_logarithms():
    assert geometric_mean([0.0, 2.0], Unit.BYTES).value == 1.0
    assert geometric_mean([1.0, 4.0], Unit.BYTES).value == pytest.approx(2.0)


@pytest.mark.parametrize("n", [6, 7, 9])
def test_the_signed_rank_interval_reaches_the_confidence_that_enumeration_of_all_signs_gives(n):
    """Without an effect every combination of signs is equally likely: count in how many the interval misses 0."""
    sizes = np.sqrt(np.arange(1, n + 1)) + 0.01 * np.arange(n) ** 2
    missed, reached = 0, 0.0
    for signs in itertools.product((-1, 1), repeat=n):
        _, low, high, reached = hodges_lehmann_bounds(sizes * signs, 0.95)
        missed += low > 0 or high < 0
    assert missed / 2**n == pytest.approx(1 - reached, abs=1e-12)
    assert reached >= 0.95


def test_five_rounds_have_no_95_percent_signed_rank_interval_but_six_have():
    assert hodges_lehmann(LOGS[:5]) is None
    six = hodges_lehmann(LOGS[:6])
    assert six is not None
    assert six.confidence == pytest.approx(1 - 2 / 64)
    assert six.low == pytest.approx(math.exp(-0.02))
    assert six.high == pytest.approx(math.exp(0.11))


def test_hodges_lehmann_shrugs_off_one_bad_round():
    bad = [0.05, 0.051, 0.049, 0.052, 0.048, 0.05, 0.9]
    assert hodges_lehmann(bad).value == pytest.approx(math.exp(0.05), rel=0.01)
    assert ratio_estimate(bad).value > math.exp(0.15)

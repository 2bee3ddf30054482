"""The smallest difference that can be seen: against tabulated values and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from meshperf.analysis import detectable_difference
from meshperf.analysis.power import beyond, power_of


@pytest.mark.parametrize(
    ("cv", "runs", "percent"),
    [(0.01, 3, 3.1), (0.02, 10, 2.7), (0.03, 5, 6.3), (0.05, 10, 6.9), (0.10, 20, 9.5), (0.20, 30, 16.0)],
)
def test_two_unpaired_arms_see_what_the_table_of_the_study_says(cv, runs, percent):
    assert 100 * detectable_difference(cv, runs, paired=False) == pytest.approx(percent, rel=0.03)


@pytest.mark.parametrize("rounds", [3, 6, 15])
def test_a_difference_as_large_as_told_is_found_four_times_in_five(rounds):
    least = detectable_difference(0.05, rounds)
    draws = np.random.default_rng(rounds).normal(math.log1p(least), 0.05, size=(4000, rounds))
    found = np.mean(stats.ttest_1samp(draws, 0.0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(0.80, abs=0.025)


def test_an_earlier_look_sees_less():
    assert detectable_difference(0.05, 6, alpha=0.005) > 1.5 * detectable_difference(0.05, 6)


def test_without_scatter_everything_is_seen_and_without_rounds_nothing():
    assert detectable_difference(0.0, 6) == 0.0
    assert detectable_difference(0.05, 1) is None
    assert detectable_difference(math.nan, 6) is None


def test_the_power_of_no_difference_is_the_level():
    assert power_of(0.0, 0.05, 8) == pytest.approx(0.05, abs=1e-6)
    assert power_of(0.0, 0.05, 8, alpha=0.01) == pytest.approx(0.01, abs=1e-6)


def test_a_difference_far_beyond_all_doubt_is_found_where_the_distribution_cannot_be_computed():
    assert beyond(9, 40.0, 2.26) == 1.0
    assert power_of(5.0, 0.01, 10) == 1.0

"""Differences with their standard errors, held against scipy's own tests."""

import math

import numpy as np
import pytest
from scipy import stats

from meshperf.analysis.contrast import Contrast, paired_contrast, unpaired_contrast

A = [0.01, 0.05, -0.02, 0.03, 0.00, 0.04]
B = [0.15, 0.02, 0.19, 0.11, 0.08]


def test_an_unpaired_contrast_is_welchs_test():
    found, theirs = unpaired_contrast(A, B), stats.ttest_ind(B, A, equal_var=False)
    assert found.p_value() == pytest.approx(theirs.pvalue)
    assert found.df == pytest.approx(theirs.df)
    assert found.bounds(0.95) == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_a_paired_contrast_is_the_one_sample_test():
    found, theirs = paired_contrast(A), stats.ttest_1samp(A, 0.0)
    assert found.p_value() == pytest.approx(theirs.pvalue)
    assert found.bounds(0.9) == pytest.approx(tuple(theirs.confidence_interval(0.9)))
    assert found.below_p(0.05) == pytest.approx(stats.ttest_1samp(A, 0.05, alternative="less").pvalue)


def test_equality_is_as_sure_as_the_weaker_of_two_sides():
    found = paired_contrast(A)
    above = stats.ttest_1samp(A, -0.05, alternative="greater").pvalue
    below = stats.ttest_1samp(A, 0.05, alternative="less").pvalue
    assert found.inside_p(0.05) == pytest.approx(max(above, below))


def test_equality_is_below_5_percent_exactly_when_the_widened_90_percent_interval_is_inside():
    rng, seen = np.random.default_rng(5), set()
    for _ in range(200):
        found = paired_contrast(rng.normal(0.01, 0.03, size=6), down=0.004, up=0.01)
        low, high = found.bounds(0.90)
        inside = low > -0.05 and high < 0.05
        assert (found.inside_p(0.05) < 0.05) == inside
        seen.add(inside)
    assert seen == {True, False}


def test_resolution_moves_both_bounds_out_and_is_not_averaged_away():
    few, many = (paired_contrast([0.1, 0.11, 0.09, 0.1] * times, down=0.03, up=0.02) for times in (1, 50))
    for found in (few, many):
        sharp, wide = found.bounds(0.95, widened=False), found.bounds(0.95)
        assert wide == pytest.approx((sharp[0] - 0.03, sharp[1] + 0.02))
    assert many.bounds(0.95)[1] - many.bounds(0.95)[0] > 0.05


def test_a_difference_within_the_resolution_is_no_difference():
    assert Contrast(value=0.05, error=0.001, df=9, n=10, down=0.06).p_value() == 1.0
    assert Contrast(value=-0.05, error=0.001, df=9, n=10, up=0.06).p_value() == 1.0
    assert Contrast(value=-0.05, error=0.001, df=9, n=10, up=0.01, down=9.0).p_value() < 1e-6


@pytest.mark.parametrize("found", [paired_contrast([]), paired_contrast([0.1]), unpaired_contrast([0.1], [0.2, 0.3])])
def test_a_single_run_has_no_bounds(found):
    assert math.isnan(found.bounds(0.95)[0])
    assert math.isnan(found.p_value())
    assert math.isnan(found.inside_p(0.05))


def test_values_without_any_scatter_are_certain():
    assert paired_contrast([0.5, 0.5, 0.5]).p_value() == 0.0
    assert paired_contrast([0.0, 0.0, 0.0]).p_value() == 1.0
    assert unpaired_contrast([1.0, 1.0], [1.0, 1.0]).bounds(0.95) == (0.0, 0.0)

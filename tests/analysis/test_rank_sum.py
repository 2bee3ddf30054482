"""Hodges-Lehmann of two sets: exact, against scipy's distribution and by simulation."""

import numpy as np
import pytest
from scipy import stats

from meshperf.analysis.rank_sum import rank_sum_bounds


@pytest.mark.parametrize(("few", "many"), [(4, 4), (5, 7), (6, 10), (10, 10)])
def test_the_interval_excludes_exactly_what_the_exact_test_rejects(few, many):
    rng = np.random.default_rng(few * many)
    a, b = rng.normal(size=few), rng.normal(0.5, 1.0, size=many)
    centre, low, high, reached = rank_sum_bounds(a, b, 0.95)
    assert low <= centre <= high and reached >= 0.95
    for shift in (low - 1e-6, low + 1e-6, high - 1e-6, high + 1e-6):
        p = stats.mannwhitneyu(b - shift, a, method="exact").pvalue
        assert (p > 0.05 - 1e-12) == (low < shift < high)


def test_it_does_not_matter_which_set_is_the_larger():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=5), rng.normal(size=9)
    one, other = rank_sum_bounds(a, b, 0.95), rank_sum_bounds(b, a, 0.95)
    assert one[1:3] == pytest.approx((-other[2], -other[1]))


def test_three_runs_a_side_are_too_few_for_95_percent():
    assert rank_sum_bounds([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], 0.95) is None
    assert rank_sum_bounds([], [1.0], 0.95) is None


def test_many_runs_use_a_distribution_that_joins_on_to_the_exact_one():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=50), rng.normal(size=50)
    exact, beyond = rank_sum_bounds(a, b, 0.95), rank_sum_bounds(np.append(a, a[:1]), b, 0.95)
    assert beyond[1:3] == pytest.approx(exact[1:3], abs=0.06)


def test_one_bad_run_hardly_moves_it():
    a, b = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
    assert rank_sum_bounds(a, [*b[:-1], 99.0], 0.95)[0] == pytest.approx(rank_sum_bounds(a, b, 0.95)[0], abs=0.1)

"""By how much a level changed: stretched where the place is not sure, and Welch's where it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from meshperf.analysis.changepoints import ChangePoint, change_points
from meshperf.analysis.level_change import level_change

LEVELS = [0.0, 0.01, -0.01, 0.005, 0.0, 1.0, 1.01, 0.99, 1.0, 1.005]


def at(index: int, earliest: int, latest: int) -> ChangePoint:
    return ChangePoint(index=index, p=0.01, earliest=earliest, latest=latest)


def test_where_the_place_is_sure_it_is_welchs_interval() -> None:
    found = level_change(LEVELS, at(5, 5, 5), begin=0, end=10)
    welch = stats.ttest_ind(LEVELS[5:], LEVELS[:5], equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((math.exp(welch.low), math.exp(welch.high)))
    assert found.value == pytest.approx(math.e, rel=0.01)
    assert found.n == 5


def test_where_it_is_not_the_interval_holds_those_of_every_place() -> None:
    wide = level_change(LEVELS, at(5, 3, 6), begin=0, end=10)
    for place in (3, 4, 5, 6):
        welch = stats.ttest_ind(LEVELS[place:], LEVELS[:place], equal_var=False).confidence_interval(0.95)
        assert wide.low <= math.exp(welch.low) * (1 + 1e-12) and math.exp(welch.high) <= wide.high * (1 + 1e-12)
    assert wide.value == level_change(LEVELS, at(5, 5, 5), begin=0, end=10).value


def test_a_place_that_would_leave_fewer_than_three_figures_is_not_tried() -> None:
    assert level_change(LEVELS, at(5, 1, 9), begin=0, end=10) == level_change(LEVELS, at(5, 3, 7), begin=0, end=10)


def test_only_the_two_levels_beside_the_change_count() -> None:
    alone = level_change(LEVELS, at(5, 5, 5), begin=0, end=10)
    among = level_change([9.0, 9.1, *LEVELS, -7.0], at(7, 7, 7), begin=2, end=12)
    assert among == alone


def test_a_change_that_was_barely_found_holds_its_size_as_well() -> None:
    """Twelve results, one and a half deviations: Welch's interval at the best place alone held it 90 times in 100."""
    held = seen = 0
    for seed in range(120):
        values = np.random.default_rng([1, seed]).normal(size=12)
        values[6:] += 1.5
        for change in change_points(values.tolist(), seed=seed, permutations=99)[:1]:
            size = level_change(values.tolist(), change, begin=0, end=12)
            seen += 1
            held += size.low <= math.exp(1.5) <= size.high
    assert seen >= 40
    assert held / seen >= 0.93 - 3 * math.sqrt(0.93 * 0.07 / seen)

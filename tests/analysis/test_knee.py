"""Knees of curves whose knee follows from theory."""

from __future__ import annotations

import numpy as np
import pytest

from meshperf.analysis.knee import find_knee


def test_the_knee_of_a_queue_with_random_arrivals_is_at_half_its_capacity() -> None:
    rates = np.arange(100, 1000, 100.0)
    found = find_knee([(rate, 1 / (1000 - rate)) for rate in rates], metric="mean")
    assert (found.verdict, found.knee_rps) == ("found", 500)
    assert found.low_rps < 500 < found.high_rps


def test_a_flat_curve_has_its_knee_where_it_ends_to_be_flat() -> None:
    points = [(100.0 * n, 0.01 if n <= 7 else 0.01 * 4 ** (n - 7)) for n in range(1, 11)]
    found = find_knee(points, metric="p90")
    assert (found.low_rps, found.knee_rps, found.high_rps) == (600, 700, 800)


def test_the_order_of_the_points_does_not_matter() -> None:
    points = [(100.0 * n, 1 / (1000 - 100 * n)) for n in range(1, 10)]
    shuffled = [points[i] for i in np.random.default_rng(1).permutation(9)]
    assert find_knee(shuffled, metric="p50") == find_knee(points, metric="p50")


def test_a_curve_that_has_not_turned_up_says_that_the_knee_is_beyond() -> None:
    found = find_knee([(100.0 * n, 0.01) for n in range(1, 8)], metric="p90")
    assert (found.verdict, found.knee_rps, found.low_rps, found.high_rps) == ("beyond", None, 600, None)


def test_a_curve_that_only_gets_worse_says_that_the_knee_is_below() -> None:
    found = find_knee([(100.0 * n, 0.01 * 3.0**n) for n in range(1, 6)], metric="p90")
    assert (found.verdict, found.low_rps, found.high_rps) == ("below", None, 200)


def test_noise_widens_the_bracket_instead_of_moving_the_knee_out_of_it() -> None:
    random = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        points = [(50.0 * n, 1 / (1000 - 50 * n) * np.exp(random.normal(0, 0.03))) for n in range(1, 20)]
        found = find_knee(points, metric="mean")
        held += found.low_rps < 500 < found.high_rps
    assert held >= 190


@pytest.mark.parametrize("points", [[], [(1.0, 1.0)], [(1.0, 1.0), (2.0, 1.0)]])
def test_too_few_points_have_no_knee(points: list[tuple[float, float]]) -> None:
    assert find_knee(points, metric="p50").verdict == "inconclusive"

"""Slopes of simulated series whose slope is known, with errors that remember one another."""

from __future__ import annotations

import numpy as np
import pytest

from meshperf.analysis.slopes import FEWEST, batch_means, slope_of

SLOPE = 0.01
REPETITIONS = 300


def correlated(random: np.random.Generator, n: int, correlation: float) -> np.ndarray:
    """Errors of spread 1 of which neighbours have this correlation."""
    fresh = random.normal(size=n)
    errors = np.empty(n)
    errors[0] = fresh[0]
    for i in range(1, n):
        errors[i] = correlation * errors[i - 1] + np.sqrt(1 - correlation**2) * fresh[i]
    return errors


@pytest.mark.parametrize(
    ("n", "correlation", "white"),
    [
        (40, 0.0, 0.0),
        (40, 0.5, 0.0),
        (120, 0.0, 0.0),
        (120, 0.8, 0.0),
        (120, 0.9, 0.0),
        (300, 0.9, 1.0),
        (480, 0.95, 0.0),
    ],
)
def test_the_interval_holds_the_slope_at_least_93_times_in_100(n: int, correlation: float, white: float) -> None:
    random = np.random.default_rng([n, int(100 * correlation), int(white)])
    times = np.arange(n, dtype=float)
    held = 0
    for _ in range(REPETITIONS):
        values = SLOPE * times + correlated(random, n, correlation) + white * random.normal(size=n)
        slope = slope_of(times, values)
        held += slope.low <= SLOPE <= slope.high
    assert held / REPETITIONS >= 0.93


def test_independent_errors_would_be_far_too_sure_of_themselves() -> None:
    """What the method is for: the textbook interval on the same series holds the slope half of the time."""
    random = np.random.default_rng(5)
    times = np.arange(300, dtype=float)
    held = 0
    for _ in range(200):
        values = correlated(random, times.size, 0.9)
        _, covariance = np.polyfit(times, values, 1, cov=True)
        held += abs(np.polyfit(times, values, 1)[0]) < 1.97 * np.sqrt(covariance[0, 0])
    assert held / 200 < 0.75


def test_a_series_with_gaps_is_as_good_as_one_without() -> None:
    random = np.random.default_rng(6)
    held = 0
    for _ in range(REPETITIONS):
        times = np.arange(200, dtype=float)
        values = SLOPE * times + correlated(random, 200, 0.8)
        kept = (times % 50) < 40
        slope = slope_of(times[kept], values[kept])
        held += slope.low <= SLOPE <= slope.high
    assert held / REPETITIONS >= 0.93


def test_the_detectable_slope_is_found_four_times_out_of_five() -> None:
    random = np.random.default_rng(7)
    times = np.arange(60, dtype=float)
    detectable = np.median([slope_of(times, random.normal(size=60)).detectable for _ in range(60)])
    found = sum(slope_of(times, detectable * times + random.normal(size=60)).low > 0 for _ in range(200))
    assert 0.7 <= found / 200 <= 0.95


def test_a_longer_series_tells_more() -> None:
    random = np.random.default_rng(8)
    short, long = (
        np.median([slope_of(t := np.arange(n) * 1.0, t + correlated(random, n, 0.7)).detectable for _ in range(20)])
        for n in (60, 240)
    )
    assert long < short / 4


def test_too_few_samples_have_a_slope_and_no_bounds() -> None:
    slope = slope_of(range(FEWEST - 1), [2.0 * n for n in range(FEWEST - 1)])
    assert slope.value == pytest.approx(2.0)
    assert (slope.low, slope.high) == (None, None)
    assert slope_of([0.0], [1.0]).value == 0.0


def test_a_flat_series_is_known_to_be_flat_only_to_its_grain() -> None:
    slope = slope_of(range(100), [7.0] * 100, grain=10.0)
    assert (slope.value, slope.low, slope.high) == (0.0, pytest.approx(-10 / 99), pytest.approx(10 / 99))
    assert slope.detectable > 10 / 99


def test_a_perfect_line_is_found_exactly() -> None:
    slope = slope_of(range(100), [3.0 + 0.5 * n for n in range(100)])
    assert slope.value == pytest.approx(0.5, rel=1e-6)
    assert slope.low == pytest.approx(0.5, rel=1e-3)


def test_units_and_offsets_do_not_change_the_answer() -> None:
    random = np.random.default_rng(9)
    times, values = np.arange(80.0), np.arange(80) * 1e-9 + 1e-8 * random.normal(size=80)
    small = slope_of(times, values)
    large = slope_of(times + 1e6, values * 1e15 + 1e9)
    assert large.value == pytest.approx(small.value * 1e15, rel=1e-4)
    assert large.high == pytest.approx(small.high * 1e15, rel=1e-4)


def test_batches_keep_the_mean_and_the_order() -> None:
    times, values = batch_means(np.arange(1000.0), np.arange(1000.0) * 2, batches=48)
    assert times.size == 48
    assert np.allclose(values, 2 * times)
    assert (np.diff(times) > 0).all()


def test_lengths_must_match() -> None:
    with pytest.raises(ValueError, match="one value for every time"):
        slope_of([1.0, 2.0], [1.0])

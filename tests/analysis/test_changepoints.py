"""Change points: steps of known size and place are found, and noise has none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meshperf.analysis.changepoints import FEWEST, change_points, location_set

SHUFFLES = 199


def found_in(values, seed=1, **settings):
    return [each.index for each in change_points(values, seed=seed, permutations=SHUFFLES, **settings)]


def noise(kind: str, rng: np.random.Generator, count: int) -> np.ndarray:
    draws = {
        "normal": rng.normal,
        "heavy": lambda size: rng.standard_t(3, size),
        "skewed": lambda size: rng.exponential(1, size),
    }
    return draws[kind](size=count)


@pytest.mark.parametrize("kind", ["normal", "heavy", "skewed"])
@pytest.mark.parametrize("count", [10, 25])
def test_stationary_noise_has_a_change_in_at_most_5_of_100(kind: str, count: int) -> None:
    experiments = 300
    alarms = sum(
        bool(found_in(noise(kind, np.random.default_rng([seed, count]), count), seed)) for seed in range(experiments)
    )
    assert alarms / experiments <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / experiments)


def test_a_step_of_three_spreads_is_found_at_its_place() -> None:
    places = []
    for seed in range(100):
        values = np.random.default_rng(seed).normal(size=24)
        values[15:] += 3
        places.append(found_in(values, seed))
    found = [each for each in places if each]
    assert len(found) >= 97
    assert sum(any(abs(index - 15) <= 1 for index in each) for each in found) >= 90


def test_two_steps_are_both_found() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 1, 15), rng.normal(5, 1, 12), rng.normal(1, 1, 15)])
    assert found_in(values) == [15, 27]


def test_the_set_of_places_holds_the_true_one_at_least_93_times_in_100() -> None:
    held = 0
    for seed in range(300):
        values = np.random.default_rng(seed).normal(size=30)
        values[18:] += 2
        first, last = location_set(values.tolist())
        held += first <= 18 <= last
    assert held / 300 >= 0.93


def test_the_same_seed_gives_the_same_answer_whatever_the_unit() -> None:
    values = np.random.default_rng(5).normal(size=20)
    values[9:] += 2
    assert change_points(values, seed=4, permutations=SHUFFLES) == change_points(values, seed=4, permutations=SHUFFLES)
    assert found_in(values * 1e-6 + 3, seed=4) == found_in(values, seed=4)


def test_a_single_outlier_is_no_new_level() -> None:
    alarms = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(size=20)
        values[11] = 40.0
        alarms += bool(found_in(values, seed))
    assert alarms / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_a_constant_series_has_no_change_and_a_clean_step_has_one() -> None:
    assert found_in([2.0] * 20) == []
    (step,) = change_points([1.0] * 10 + [2.0] * 10, seed=1, permutations=SHUFFLES)
    assert (step.index, step.earliest, step.latest, step.p) == (10, 10, 10, 1 / (SHUFFLES + 1))


def test_a_level_has_at_least_three_results() -> None:
    assert found_in([]) == found_in([1.0]) == found_in([1.0] * 2 + [9.0] * 3) == []
    for index in found_in([1.0] * 12 + [9.0] * 4):
        assert FEWEST <= index <= 16 - FEWEST


def test_values_that_are_no_numbers_and_too_few_shuffles_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        change_points([1.0, math.nan], seed=1)
    with pytest.raises(ValueError, match="shuffles"):
        change_points([1.0] * 10, seed=1, permutations=9)

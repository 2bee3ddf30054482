"""Where a series changes its level: E-divisive with a permutation test.

What it decides: after which values the distribution is another one. The split with the largest energy distance between
its two sides is tried against the same statistic of series whose order within each segment was shuffled; when it is
significant the series is cut there, and the search goes on in both parts.

Why this way: neither a level nor a distribution has to be known, a single outlier moves no level, and shuffling gives
the right false alarm rate at any length. The shuffles are drawn from a seed, so a history reads the same every time.

What it assumes: results between two changes are exchangeable. A slow drift is no change point, but is cut into steps.

What it refuses: a level of fewer than three values, so nothing is found in fewer than six.

Source: Matteson & James (2014), the divisive algorithm with exponent 1 and splits of whole segments. `location_set`:
inverted likelihood ratio of Eo & Morley (2015), whose critical value solves (1 - exp(-c/2))^2 = confidence.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST", "ChangePoint", "change_points", "location_set"]

FEWEST = 3
"""Values that make a level."""
_BATCH = 2_000_000
"""Distances that are shuffled at a time."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """A change. `index`: place of the first value of the new level."""

    index: int
    p: float
    earliest: int
    """The first value of the new level lies between these two places, at 95 % confidence."""
    latest: int


def change_points(
    values: Sequence[float], *, seed: int, alpha: float = 0.05, permutations: int = 999
) -> tuple[ChangePoint, ...]:
    """All changes of level, in order.

    Args:
        values: one a result, in order of time, finite.
        alpha: probability of finding a change in a series that has none.
        permutations: shuffles per test; `1 / (permutations + 1)` is the smallest p value, and has to reach `alpha`.

    Raises:
        ValueError: a value is not finite, or `permutations` cannot reach `alpha`.
    """
    x = np.asarray(values, dtype=np.float64)
    if not np.isfinite(x).all():
        raise ValueError("a series of finite values is needed")
    if 1 / (permutations + 1) > alpha:
        raise ValueError(f"{permutations} shuffles cannot show a p value of {alpha:g}")
    rng = np.random.default_rng(seed)
    distances = np.abs(x[:, None] - x[None, :])
    borders, found = [0, x.size], dict[int, float]()
    while True:
        segments = [slice(low, high) for low, high in itertools.pairwise(borders) if high - low >= 2 * FEWEST]
        if not segments:
            break
        tried = [(each, *_best(distances[each, each])) for each in segments]
        segment, strength, place = max(tried, key=lambda one: one[1])
        p = _p_value(distances, segments, strength, rng, alpha=alpha, permutations=permutations)
        if p > alpha:
            break
        found[segment.start + place] = p
        borders = sorted([*borders, segment.start + place])
    return tuple(_located(x, borders, index, found[index]) for index in borders[1:-1])


def location_set(values: Sequence[float], *, confidence: float = 0.95) -> tuple[int, int]:
    """First and last place at which the one step of this series may begin, at that confidence.

    Args:
        values: with one step in them, of two levels with the same spread.
    """
    x = np.asarray(values, dtype=np.float64)
    places = np.arange(1, x.size)
    sums, squares = np.cumsum(x), np.cumsum(x**2)
    left = squares[:-1] - sums[:-1] ** 2 / places
    right = (squares[-1] - squares[:-1]) - (sums[-1] - sums[:-1]) ** 2 / (x.size - places)
    scale = max(float(np.var(x)) * x.size, 1e-300)
    rss = np.maximum(left + right, 1e-12 * scale)
    limit = -2 * math.log(1 - math.sqrt(confidence))
    inside = places[x.size * np.log(rss / rss.min()) <= limit]
    return int(inside.min()), int(inside.max())


def _located(x: Floats, borders: Sequence[int], index: int, p: float) -> ChangePoint:
    place = list(borders).index(index)
    low, high = borders[place - 1], borders[place + 1]
    earliest, latest = location_set((x[low:high] - x[low:high].mean()).tolist())
    return ChangePoint(index=index, p=p, earliest=min(low + earliest, index), latest=max(low + latest, index))


def _best(distances: Floats) -> tuple[float, int]:
    """Largest statistic of a segment, and the place of its split."""
    q = _statistics(distances[None])[0]
    place = int(np.argmax(q))
    return float(q[place]), place + FEWEST


def _statistics(distances: Floats) -> Floats:
    """Scaled energy distance of every split of every segment: shape (segments, splits)."""
    n = distances.shape[-1]
    ahead = np.tril(distances, -1).sum(axis=2).cumsum(axis=1)
    behind = np.triu(distances, 1).sum(axis=2)[:, ::-1].cumsum(axis=1)[:, ::-1]
    splits = np.arange(FEWEST, n - FEWEST + 1)
    within_left, within_right = ahead[:, splits - 1], behind[:, splits]
    between = ahead[:, -1:] - within_left - within_right
    a, b = splits.astype(np.float64), (n - splits).astype(np.float64)
    energy = 2 * between / (a * b) - within_left / (a * (a - 1) / 2) - within_right / (b * (b - 1) / 2)
    return np.asarray(a * b / n * energy)


def _p_value(
    distances: Floats,
    segments: Sequence[slice],
    strength: float,
    rng: np.random.Generator,
    *,
    alpha: float,
    permutations: int,
) -> float:
    """Share of shuffles that are as strong; it stops as soon as more than `alpha` of all are."""
    largest = max(each.stop - each.start for each in segments)
    batch = max(1, _BATCH // largest**2)
    as_strong = done = 0
    while done < permutations:
        count = min(batch, permutations - done)
        best = np.full(count, -np.inf)
        for each in segments:
            own = distances[each, each]
            order = rng.permuted(np.tile(np.arange(own.shape[0]), (count, 1)), axis=1)
            shuffled = own[order[:, :, None], order[:, None, :]]
            best = np.maximum(best, _statistics(shuffled).max(axis=1))
        as_strong += int((best >= strength - 1e-12 * max(abs(strength), 1e-300)).sum())
        done += count
        if as_strong + 1 > alpha * (permutations + 1):
            break
    return (as_strong + 1) / (permutations + 1)

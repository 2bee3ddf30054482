"""Hodges-Lehmann for two sets that were never paired, with the exact rank-sum distribution.

Why this way: the companion of Welch's interval, as the signed-rank one is of the paired t interval: it does not trust
the normal distribution, and one bad run moves it little.

What it refuses: an interval where the distribution is too coarse for the level (three runs a side cannot give 95 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

__all__ = ["rank_sum_bounds"]

_MOST_EXACT = 2500
"""Pairs of runs up to which the distribution is counted out; beyond, the normal one is within 0.1 % of it."""

Values = Sequence[float] | npt.NDArray[np.float64]


def rank_sum_bounds(baseline: Values, candidate: Values, confidence: float) -> tuple[float, float, float, float] | None:
    """(centre, low, high, confidence reached) of candidate minus baseline; None where there are too few values.

    Source: Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, ch. 4: the interval runs between two of the
    sorted differences of all pairs, chosen by the null distribution of the rank-sum statistic.
    """
    a, b = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    if not (a.size and b.size):
        return None
    cut, reached = _cut(int(min(a.size, b.size)), int(max(a.size, b.size)), confidence)
    if cut == 0:
        return None
    differences = np.sort((b[:, None] - a[None, :]).ravel())
    return float(np.median(differences)), float(differences[cut - 1]), float(differences[-cut]), reached


@lru_cache(maxsize=256)
def _cut(few: int, many: int, confidence: float) -> tuple[int, float]:
    """Which difference, counted from either end, bounds the interval, and the confidence that gives; 0: none does."""
    tail = (1 - confidence) / 2 * (1 + 1e-12)
    if few * many > _MOST_EXACT:
        spread = (few * many * (few + many + 1) / 12) ** 0.5
        return max(int(few * many / 2 + NormalDist().inv_cdf(tail) * spread), 0), confidence
    below = np.cumsum(_distribution(few, many))
    cut = int(np.searchsorted(below, tail, side="right"))
    return (cut, 1.0 - 2.0 * float(below[cut - 1])) if cut else (0, 0.0)


def _distribution(few: int, many: int) -> npt.NDArray[np.float64]:
    """Chance of every number of pairs in which the candidate is the smaller one, when there is no difference.

    The largest of all values is in one set or the other, with a chance in proportion to what is left of either; if it
    is the candidate's it beats all of the baseline's that are left.
    """
    size = few * many + 1
    row: list[npt.NDArray[np.float64]] = []
    for m in range(few + 1):
        new: list[npt.NDArray[np.float64]] = []
        for n in range(many + 1):
            chance = np.zeros(size)
            if m == 0 or n == 0:
                chance[0] = 1.0
            else:
                chance[n:] += row[n][: size - n] * (m / (m + n))
                chance += new[n - 1] * (n / (m + n))
            new.append(chance)
        row = new
    return row[many]

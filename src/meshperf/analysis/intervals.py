"""Intervals over rounds: what a handful of fresh deployments says about a ratio or an added amount.

What it decides: nothing; it gives estimates with bounds.

Why this way: the unit is the round, never the request, since requests of one deployment share its luck. Ratios are
averaged as logarithms, so that x2 and x0.5 cancel. The t interval is the published one; Hodges-Lehmann with the exact
signed-rank distribution stands beside it and does not trust the normal distribution (docs/adr/0004-intervals.md).

What it assumes: rounds are independent of one another and their log ratios come from one distribution.

What it refuses: bounds from a single round (NaN), a Hodges-Lehmann interval where the signed-rank distribution is too
coarse for the level (five rounds cannot give 95 %), bootstrap intervals (too narrow at such numbers of rounds).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

from meshperf.analysis.records import Estimate
from meshperf.units import Unit

__all__ = [
    "COMPANION_ROUNDS",
    "geometric_mean",
    "hodges_lehmann",
    "hodges_lehmann_bounds",
    "mean_amount",
    "ratio_estimate",
    "t_bounds",
    "t_quantile",
    "t_test_p",
]

COMPANION_ROUNDS = 6
"""Fewest rounds for which Hodges-Lehmann has a 95 % interval: five give 93.75 % at best."""

Values = Sequence[float] | npt.NDArray[np.float64]


@lru_cache(maxsize=4096)
def t_quantile(df: int, probability: float) -> float:
    """Quantile of Student's t distribution with `df` >= 1 degrees of freedom."""
    return float(special.stdtrit(df, probability))


def t_bounds(values: Values, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and its two-sided t interval: (mean, low, high).

    Args:
        values: one a round; any unit.
        confidence: in (0, 1).

    Returns:
        NaN three times for no values, NaN bounds for one.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size == 0:
        return (math.nan, math.nan, math.nan)
    mean = float(x.mean())
    if x.size == 1:
        return (mean, math.nan, math.nan)
    half = t_quantile(x.size - 1, 0.5 + confidence / 2) * float(x.std(ddof=1)) / math.sqrt(x.size)
    return (mean, mean - half, mean + half)


def t_test_p(values: Values) -> float:
    """Two-sided p value of a mean of 0; NaN for fewer than two values."""
    x = np.asarray(values, dtype=np.float64)
    if x.size < 2:
        return math.nan
    mean, error = float(x.mean()), float(x.std(ddof=1)) / math.sqrt(x.size)
    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return float(2.0 * special.stdtr(x.size - 1, -abs(mean / error)))


def ratio_estimate(log_ratios: Values, confidence: float = 0.95) -> Estimate:
    """The published estimate of a ratio: geometric mean over rounds with a paired t interval on the logarithms.

    Args:
        log_ratios: log(candidate / baseline), one a round, finite.
        confidence: in (0, 1).

    Returns:
        Estimate of unit 1. One round: the value with NaN bounds. None: NaN.
    """
    return _exponential(log_ratios, confidence, Unit.RATIO, "geometric mean over rounds, paired t interval on logs")


def geometric_mean(values: Values, unit: Unit, confidence: float = 0.95) -> Estimate:
    """An arm's own figure over its rounds: geometric mean with a t interval on the logarithms. Values above 0."""
    x = np.asarray(values, dtype=np.float64)
    if x.size and (x <= 0).any():
        mean, low, high = t_bounds(x, confidence)
        return Estimate(
            value=mean,
            low=low,
            high=high,
            confidence=confidence,
            n=x.size,
            unit=unit,
            method="mean over rounds, t interval",
        )
    return _exponential(np.log(x), confidence, unit, "geometric mean over rounds, t interval on logs")


def mean_amount(values: Values, unit: Unit, confidence: float = 0.95) -> Estimate:
    """What the candidate adds, in `unit`: mean over rounds with a paired t interval."""
    mean, low, high = t_bounds(values, confidence)
    return Estimate(
        value=mean,
        low=low,
        high=high,
        confidence=confidence,
        n=len(values),
        unit=unit,
        method="mean over rounds, paired t interval",
    )


def hodges_lehmann(log_ratios: Values, confidence: float = 0.95) -> Estimate | None:
    """Hodges-Lehmann ratio over rounds with its exact signed-rank interval.

    Args:
        log_ratios: log(candidate / baseline), one a round.
        confidence: asked for, in (0, 1); the estimate carries the one reached, which is at least that.

    Returns:
        None where there are too few rounds for the level (fewer than 6 at 95 %).

    Source:
        Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, ch. 3: the interval runs between two of the
        sorted pairwise means, chosen by the null distribution of the signed-rank statistic.
    """
    bounds = hodges_lehmann_bounds(log_ratios, confidence)
    if bounds is None:
        return None
    centre, low, high, reached = bounds
    return Estimate(
        value=math.exp(centre),
        low=math.exp(low),
        high=math.exp(high),
        confidence=reached,
        n=len(log_ratios),
        unit=Unit.RATIO,
        method="Hodges-Lehmann over rounds, exact signed-rank interval",
    )


def hodges_lehmann_bounds(values: Values, confidence: float) -> tuple[float, float, float, float] | None:
    """(centre, low, high, confidence reached) on the scale of `values`; None where there are too few of them."""
    x = np.asarray(values, dtype=np.float64)
    if x.size == 0:
        return None
    rank, reached = _signed_rank_cut(x.size, confidence)
    if rank == 0:
        return None
    first, second = _pairs(x.size)
    means = np.sort((x[first] + x[second]) / 2)
    middle = means.size // 2
    centre = means[middle] if means.size % 2 else (means[middle - 1] + means[middle]) / 2
    return float(centre), float(means[rank - 1]), float(means[-rank]), reached


@lru_cache(maxsize=16)
def _pairs(n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Both places of each pair of n values, a value with itself included."""
    return np.triu_indices(n)


@lru_cache(maxsize=256)
def _signed_rank_cut(n: int, confidence: float) -> tuple[int, float]:
    """Which pairwise mean, counted from either end, bounds the interval, and the confidence that gives; 0: none does.

    The statistic is the sum of those ranks 1..n whose value is positive; without an effect each rank is in it or not
    with probability one half, so its distribution is built by adding one rank after the other.
    """
    top = n * (n + 1) // 2
    chance = np.zeros(top + 1)
    chance[0] = 1.0
    for rank in range(1, n + 1):
        shifted = np.zeros_like(chance)
        shifted[rank:] = chance[: top + 1 - rank]
        chance = (chance + shifted) / 2
    below = np.cumsum(chance)
    tail = (1 - confidence) / 2 * (1 + 1e-12)
    cut = int(np.searchsorted(below, tail, side="right"))
    return (cut, 1.0 - 2.0 * float(below[cut - 1])) if cut else (0, 0.0)


def _exponential(logs: Values, confidence: float, unit: Unit, method: str) -> Estimate:
    mean, low, high = t_bounds(logs, confidence)
    return Estimate(
        value=math.exp(mean),
        low=math.exp(low),
        high=math.exp(high),
        confidence=confidence,
        n=len(logs),
        unit=unit,
        method=method,
    )

"""How fast a series rises, with an interval that does not believe neighbouring samples to be independent.

What it decides: nothing; it gives the slope of a line through a series, and bounds.

Why this way: the samples of one process or one stretch of load follow one another closely, so the least-squares
standard error is several times too small. Here the errors about the line are taken to be an Ornstein-Uhlenbeck process
(correlation falls exponentially with the time between two samples, whatever the gaps) plus white noise. How long the
correlation lasts, and how much of the noise is white, is not known, and a point estimate of it from a short series is
too optimistic: the interval is averaged over a grid of both, weighted by the restricted likelihood of the series.

What it assumes: one line; noise whose spread stays the same; a series at least ten times as long as its errors stay
correlated (then a 95 % interval holds the slope at least 93 times in 100; a series no longer than its own wandering
looks like a line, and no method can tell). Peaks of load are left out before.

What it refuses: bounds from fewer than twelve samples; a slope finer than the grain of the values over the time they
cover, for a size that has not moved by one page has not been shown not to move.

Source: restricted likelihood with known covariance, Harville (1977); that the t interval of each grid point is the
marginal of the slope under flat priors is textbook regression. Coverage is checked by simulation in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["FEWEST", "Slope", "batch_means", "slope_of"]

FEWEST = 12
"""Samples below which no bounds are given."""
BATCHES = 48
"""Longer series are averaged in so many consecutive batches; it costs no precision of a line."""
_CORRELATIONS = (0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.87, 0.92, 0.96, 0.985)
"""Of two samples at the typical distance."""
_WHITE_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)
_POWER = 0.8
BISECTIONS = 80
"""Of a distribution function: more than a float has digits."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Rise per second. `low` and `high` are None where no bounds can be given; `detectable` is NaN then."""

    value: float
    low: float | None
    high: float | None
    detectable: float
    """The smallest slope that would be told from 0 four times out of five."""
    confidence: float
    n: int
    """Samples before averaging in batches."""
    level: float
    """Mean of the values."""
    span_s: float


def slope_of(
    times_s: Sequence[float], values: Sequence[float], *, confidence: float = 0.95, grain: float = 0.0
) -> Slope:
    """The slope of a line through a series.

    Args:
        times_s: rising, in seconds; gaps are welcome.
        values: same length, finite, any unit.
        confidence: of the bounds, in (0, 1).
        grain: step in which the values can move, in their unit; 0 for a continuous figure.

    Raises:
        ValueError: lengths differ, or there is no sample at all.
    """
    t, y = np.asarray(times_s, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if t.shape != y.shape or t.ndim != 1 or not t.size:
        raise ValueError("a slope needs one value for every time, and at least one")
    n, level, span_s = t.size, float(y.mean()), float(t[-1] - t[0])
    t, y = batch_means(t, y)
    if n < FEWEST or span_s <= 0:
        value = float(np.polyfit(t, y, 1)[0]) if n > 1 and span_s > 0 else 0.0
        return Slope(
            value=value, low=None, high=None, detectable=float("nan"), confidence=confidence, n=n, level=level,
            span_s=span_s,
        )  # fmt: skip
    value, low, high = _marginal(t, y, confidence)
    blur = grain / span_s
    low, high = low - blur, high + blur
    df = t.size - 2
    error = (high - low) / 2 / float(special.stdtrit(df, 0.5 + confidence / 2))
    detectable = (float(special.stdtrit(df, 0.5 + confidence / 2)) + float(special.stdtrit(df, _POWER))) * error
    return Slope(
        value=value, low=low, high=high, detectable=detectable, confidence=confidence, n=n, level=level, span_s=span_s
    )


def batch_means(times_s: Floats, values: Floats, batches: int = BATCHES) -> tuple[Floats, Floats]:
    """A series averaged in consecutive batches of as equal a size as can be; shorter ones stay as they are."""
    if times_s.size <= batches:
        return times_s, values
    borders = np.linspace(0, times_s.size, batches + 1).round().astype(np.int64)[:-1]
    sizes = np.diff(np.append(borders, times_s.size))
    return np.add.reduceat(times_s, borders) / sizes, np.add.reduceat(values, borders) / sizes


def _marginal(t: Floats, y: Floats, confidence: float) -> tuple[float, float, float]:
    """Slope and its equal-tailed bounds, averaged over the grid of correlations."""
    n = t.size
    scale = float(t[-1] - t[0])
    u = (t - t.mean()) / scale
    spread = float(np.ptp(y))
    if spread == 0.0:
        return 0.0, 0.0, 0.0
    v = (y - y.mean()) / spread
    design = np.column_stack([np.ones(n), u])
    covariance = _covariances(t)
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, np.broadcast_to(np.column_stack([design, v]), (factor.shape[0], n, 3)))
    x, z = white[:, :, :2], white[:, :, 2]
    normal = x.transpose(0, 2, 1) @ x
    inverse = np.linalg.inv(normal)
    beta = (inverse @ (x.transpose(0, 2, 1) @ z[:, :, None]))[:, :, 0]
    rss = np.maximum(((z - (x @ beta[:, :, None])[:, :, 0]) ** 2).sum(axis=1), 1e-24)
    slopes = beta[:, 1]
    errors = np.sqrt(rss / (n - 2) * inverse[:, 1, 1])
    logdet = 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    likelihood = -0.5 * (logdet + np.linalg.slogdet(normal)[1] + (n - 2) * np.log(rss))
    weights = np.exp(likelihood - likelihood.max())
    weights /= weights.sum()
    tail = (1 - confidence) / 2

    reach = float(special.stdtrit(n - 2, 1 - 1e-6)) * float(errors.max())

    def quantile(probability: float) -> float:
        below, above = float(slopes.min()) - reach, float(slopes.max()) + reach
        for _ in range(BISECTIONS):
            middle = (below + above) / 2
            if float(weights @ special.stdtr(n - 2, (middle - slopes) / errors)) < probability:
                below = middle
            else:
                above = middle
        return (below + above) / 2

    unit = spread / scale
    return float(weights @ slopes) * unit, quantile(tail) * unit, quantile(1 - tail) * unit


def _covariances(t: Floats) -> Floats:
    """One correlation matrix for every point of the grid, independent errors first."""
    n = t.size
    typical = float(np.median(np.diff(t)))
    steps = np.abs(t[:, None] - t[None, :]) / typical
    identity = np.eye(n)
    matrices = [identity]
    for correlation in _CORRELATIONS:
        correlated = correlation**steps
        matrices += [(1 - share) * correlated + share * identity for share in _WHITE_SHARES]
    return np.stack(matrices) + 1e-10 * identity

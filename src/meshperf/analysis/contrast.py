"""A difference with its standard error: what every interval and test on a handful of rounds is made from.

What it decides: nothing; it gives bounds and p values, for paired rounds and for two sets that were never paired alike.

Why this way: a paired t interval and Welch's differ only in the standard error and the degrees of freedom. One record
of the two keeps one set of formulas for verdicts, equality, non-inferiority and plans.

What it assumes: the values come from distributions near the normal, on the scale they are given on (logarithms for
ratios). Resolution is a bias, not a scatter: all runs of one tool share its buckets, so averaging does not shrink it,
and the whole interval is moved out by as much as the truth may lie off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["Contrast", "paired_contrast", "unpaired_contrast"]

Values = Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Candidate minus baseline, on the scale of the values (log ratio, or an amount in its unit).

    `error` is the standard error, NaN where too few values tell none. `down` and `up`, both >= 0, say how far below and
    above the truth may lie because the values were read from coarse buckets.
    """

    value: float
    error: float
    df: float
    n: int
    """Rounds; of two unpaired sets, the number in the smaller one."""
    down: float = 0.0
    up: float = 0.0

    def bounds(self, confidence: float, *, widened: bool = True) -> tuple[float, float]:
        """Two-sided t bounds; NaN where there is no standard error. `widened`: with the resolution's share."""
        if not (math.isfinite(self.error) and self.df > 0):
            return (math.nan, math.nan)
        half = float(special.stdtrit(self.df, 0.5 + confidence / 2)) * self.error
        down, up = (self.down, self.up) if widened else (0.0, 0.0)
        return (self.value - half - down, self.value + half + up)

    def p_value(self) -> float:
        """Two-sided p value of no difference: the largest over all differences that the resolution leaves open."""
        if not (math.isfinite(self.error) and self.df > 0):
            return math.nan
        low, high = self.value - self.down, self.value + self.up
        nearest = low if low > 0 else high if high < 0 else 0.0
        if self.error == 0.0:
            return 1.0 if nearest == 0.0 else 0.0
        return float(2.0 * special.stdtr(self.df, -abs(nearest) / self.error))

    def below_p(self, limit: float) -> float:
        """One-sided p value against a truth of `limit` or more: small when the difference is surely below it."""
        if not (math.isfinite(self.error) and self.df > 0):
            return math.nan
        worst = self.value + self.up
        if self.error == 0.0:
            return 0.0 if worst < limit else 1.0
        return float(special.stdtr(self.df, (worst - limit) / self.error))

    def inside_p(self, limit: float) -> float:
        """p value of two one-sided tests against [-limit, limit]: small when the difference is surely inside."""
        mirrored = Contrast(
            value=-self.value, error=self.error, df=self.df, n=self.n, down=self.up, up=self.down
        )  # its upper side is this one's lower side
        above, below = self.below_p(limit), mirrored.below_p(limit)
        return math.nan if math.isnan(above) or math.isnan(below) else max(above, below)


def paired_contrast(differences: Values, *, down: float = 0.0, up: float = 0.0) -> Contrast:
    """Of one difference a round: mean, its standard error, n - 1 degrees of freedom."""
    values = tuple(map(float, differences)) if not isinstance(differences, tuple) else differences
    return _paired(values, down, up)


@lru_cache(maxsize=256)
def _paired(differences: tuple[float, ...], down: float, up: float) -> Contrast:
    """One judgement asks for the same contrast half a dozen times."""
    x = np.asarray(differences, dtype=np.float64)
    error = float(x.std(ddof=1)) / math.sqrt(x.size) if x.size > 1 else math.nan
    mean = float(x.mean()) if x.size else math.nan
    return Contrast(value=mean, error=error, df=float(x.size - 1), n=int(x.size), down=down, up=up)


def unpaired_contrast(baseline: Values, candidate: Values, *, down: float = 0.0, up: float = 0.0) -> Contrast:
    """Of two sets that share no rounds, spread unequal: Welch's standard error and degrees of freedom.

    Source: Welch (1947), with the degrees of freedom of Satterthwaite.
    """
    a, b = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    n = int(min(a.size, b.size))
    value = float(b.mean() - a.mean()) if n else math.nan
    if n < 2:
        return Contrast(value=value, error=math.nan, df=0.0, n=n, down=down, up=up)
    va, vb = float(a.var(ddof=1)) / a.size, float(b.var(ddof=1)) / b.size
    total = va + vb
    df = total**2 / (va**2 / (a.size - 1) + vb**2 / (b.size - 1)) if total > 0 else float(a.size + b.size - 2)
    return Contrast(value=value, error=math.sqrt(total), df=df, n=n, down=down, up=up)

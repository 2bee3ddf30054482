"""What so many rounds can show: the smallest difference that would be seen, and the power of a given one.

Why this way: a verdict of "no difference seen" is worth what the experiment could have seen, so the number is printed
beside it. The noncentral t distribution is exact for normal log ratios, which a rule with normal quantiles is not at
six rounds.

What it assumes: the scatter is as estimated. With few rounds that estimate is rough, and so is what follows from it.
"""

from __future__ import annotations

import math
from functools import lru_cache

from scipy import special

__all__ = ["beyond", "detectable_difference", "power_of", "shift_found"]

_BISECTIONS = 60
_NEGLIGIBLE = 5.0
"""Standard errors from 0 at which a difference is no longer found on the wrong side."""


def detectable_difference(
    sd: float, rounds: int, *, paired: bool = True, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """The smallest true ratio less 1 (0.05: 5 %) that a two-sided test would find with the given power.

    Args:
        sd: on the log scale: of a round's log ratio if `paired`, else of one run of either arm.
        rounds: rounds, or runs in each arm.

    Returns:
        None for fewer than two rounds, or an unknown sd.
    """
    if rounds < 2 or not math.isfinite(sd):
        return None
    df = float(rounds - 1 if paired else 2 * (rounds - 1))
    return math.expm1(shift_found(df, alpha, power) * sd * math.sqrt((1 if paired else 2) / rounds))


@lru_cache(maxsize=1024)
def shift_found(df: float, alpha: float, power: float) -> float:
    """How many standard errors a true difference must have to be found with the given power."""
    low, high = 0.0, 4.0
    while _two_sided(df, high, alpha) < power:
        low, high = high, 2 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        enough = _two_sided(df, middle, alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def power_of(log_ratio: float, sd: float, rounds: int, *, paired: bool = True, alpha: float = 0.05) -> float:
    """How often a two-sided t test at `alpha` finds a true log ratio; arguments as `detectable_difference`."""
    if sd == 0.0:
        return 1.0 if log_ratio else alpha
    error = sd * math.sqrt((1 if paired else 2) / rounds)
    return _two_sided(float(rounds - 1 if paired else 2 * (rounds - 1)), abs(log_ratio) / error, alpha)


def _two_sided(df: float, shift: float, alpha: float) -> float:
    critical = float(special.stdtrit(df, 1 - alpha / 2))
    wrong_side = 1.0 - beyond(df, shift, -critical) if shift < _NEGLIGIBLE else 0.0
    return beyond(df, shift, critical) + wrong_side


def beyond(df: float, shift: float, critical: float) -> float:
    """How often a noncentral t exceeds `critical`. For a large shift, where it cannot be computed, 1."""
    below = float(special.nctdtr(df, shift, critical))
    return 1.0 if math.isnan(below) else 1.0 - below

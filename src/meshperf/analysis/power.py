"""What so many rounds can show: the smallest difference that would be seen, and the power of a given one.

Why this way: a verdict of "no difference seen" is worth what the experiment could have seen, so the number is printed
beside it. The noncentral t distribution is exact for normal log ratios, which a rule with normal quantiles is not at
six rounds.

What it assumes: the scatter is as estimated. With few rounds that estimate is rough, and so is what follows from it.
"""

from __future__ import annotations

import math

from scipy import special

__all__ = ["detectable_difference", "power_of"]

_BISECTIONS = 60


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
    if sd == 0.0:
        return 0.0
    low, high = 0.0, 1.0
    while power_of(high, sd, rounds, paired=paired, alpha=alpha) < power:
        low, high = high, 2 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        enough = power_of(middle, sd, rounds, paired=paired, alpha=alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return math.expm1(high)


def power_of(log_ratio: float, sd: float, rounds: int, *, paired: bool = True, alpha: float = 0.05) -> float:
    """How often a two-sided t test at `alpha` finds a true log ratio; arguments as `detectable_difference`."""
    df = rounds - 1 if paired else 2 * (rounds - 1)
    error = sd * math.sqrt((1 if paired else 2) / rounds)
    critical = float(special.stdtrit(df, 1 - alpha / 2))
    shift = abs(log_ratio) / error
    if shift > 37:  # beyond it the noncentral distribution is not computed; the test never fails there
        return 1.0
    return float(1.0 - special.nctdtr(df, shift, critical) + special.nctdtr(df, shift, -critical))

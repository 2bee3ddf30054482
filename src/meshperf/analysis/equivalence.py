"""Equality within a margin, several metrics at once, and how many rounds a decision takes.

What it decides: whether a 90 % interval lies inside the margin (two one-sided tests at 5 %), which p values survive
Holm's correction, and the smallest number of rounds that would probably decide.

Why this way: "no significant difference" is not "no difference"; only an interval inside a margin that was declared
before shows equality. The margin is symmetric on the log scale: [1 / (1 + m), 1 + m].

What it assumes: as `intervals` does; the rounds to come scatter as those at hand.

What it refuses: a promise. `rounds_to_decide` is planned at 80 % power from an estimated scatter, so it is "about".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from meshperf.analysis.intervals import COMPANION_ROUNDS, t_bounds, t_quantile
from meshperf.analysis.power import beyond

__all__ = [
    "MOST_ROUNDS",
    "holm",
    "inside_margin",
    "log_margin",
    "rounds_for_margin",
    "rounds_from_spread",
    "rounds_to_decide",
    "rounds_within",
    "tost_p",
]

MOST_ROUNDS = 1000
"""Plans beyond this are not given: nobody makes that many deployments."""

Values = Sequence[float] | npt.NDArray[np.float64]


def log_margin(margin: float) -> float:
    """A margin of 0.05 (5 %) on the log scale, where it is symmetric."""
    return math.log1p(margin)


def inside_margin(low: float, high: float, margin: float) -> bool:
    """Whether bounds on the log scale lie strictly inside the margin; False for NaN bounds."""
    limit = log_margin(margin)
    return -limit < low and high < limit


def tost_p(log_ratios: Values, margin: float) -> float:
    """p value of two one-sided t tests against the margin; below 0.05 exactly when the 90 % interval is inside.

    NaN for fewer than two rounds.
    """
    x = np.asarray(log_ratios, dtype=np.float64)
    if x.size < 2:
        return math.nan
    mean, error, limit = float(x.mean()), float(x.std(ddof=1)) / math.sqrt(x.size), log_margin(margin)
    if error == 0.0:
        return 0.0 if abs(mean) < limit else 1.0
    return float(special.stdtr(x.size - 1, (abs(mean) - limit) / error))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p values by Holm's step-down method; a NaN (not testable) stays NaN and does not count."""
    testable = sorted((p, name) for name, p in p_values.items() if not math.isnan(p))
    adjusted = dict.fromkeys(p_values, math.nan)
    running = 0.0
    for place, (p, name) in enumerate(testable):
        running = max(running, min(1.0, p * (len(testable) - place)))
        adjusted[name] = running
    return adjusted


def rounds_for_margin(sd: float, margin: float, *, difference: float = 0.0, power: float = 0.8) -> int | None:
    """Rounds that show equality within `margin` with the given power, when the true log ratio is `difference`.

    Args:
        sd: standard deviation of the rounds' log ratios, >= 0.
        margin: as a share, > 0.
        difference: true log ratio, 0 for truly equal arms.

    Returns:
        At least 3; None beyond 1000 or when the difference is not inside the margin.
    """
    if abs(difference) >= log_margin(margin):
        return None
    return _smallest(lambda n: _equivalence_power(n, sd, log_margin(margin), difference) >= power, 3)


def rounds_to_decide(
    log_ratios: Values, margin: float | None, *, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Rounds in all after which either a difference as observed or equality within the margin would probably show.

    Fewer than two rounds say nothing of the scatter: then the answer is the number from which the companion interval
    exists. None beyond 1000.
    """
    x = np.asarray(log_ratios, dtype=np.float64)
    sd = float(x.std(ddof=1)) if x.size > 1 else math.nan
    return rounds_from_spread(t_bounds(x)[0], sd, int(x.size), margin, alpha=alpha, power=power)


def rounds_from_spread(
    mean: float, sd: float, have: int, margin: float | None, *, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """The same from the mean log ratio and the spread of one pair of rounds (or of runs that were never paired)."""
    if not math.isfinite(sd):
        return COMPANION_ROUNDS
    plans = [_smallest(lambda n: _difference_power(n, sd, mean, alpha) >= power, COMPANION_ROUNDS)]
    if margin is not None:
        plans.append(rounds_within(mean, sd, have, log_margin(margin), alpha=alpha, power=power))
    known = [plan for plan in plans if plan is not None]
    return max(min(known), have + 1) if known else None


def rounds_within(
    mean: float, sd: float, have: int, limit: float, *, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Rounds in all after which a mean would probably be shown to lie inside [-limit, limit], on any one scale.

    None beyond 1000, or where the mean lies outside as it stands.
    """
    if not math.isfinite(sd):
        return COMPANION_ROUNDS
    if not abs(mean) < limit:
        return None
    plan = _smallest(lambda n: _equivalence_power(n, sd, limit, mean, alpha) >= power, COMPANION_ROUNDS)
    return None if plan is None else max(plan, have + 1)


def _difference_power(n: int, sd: float, mean: float, alpha: float) -> float:
    """Power of the two-sided t test (the far tail is left out) for a true log ratio `mean`: noncentral t."""
    if mean == 0.0:
        return 0.0
    if sd == 0.0:
        return 1.0
    return beyond(n - 1, abs(mean) / sd * math.sqrt(n), t_quantile(n - 1, 1 - alpha / 2))


def _equivalence_power(n: int, sd: float, limit: float, mean: float, alpha: float = 0.05) -> float:
    """Lower bound of the power of two one-sided tests: both pass at least as often as one plus the other less 1."""
    if sd == 0.0:
        return 1.0 if abs(mean) < limit else 0.0
    scale, critical = math.sqrt(n) / sd, t_quantile(n - 1, 1 - alpha)
    upper = beyond(n - 1, (limit - mean) * scale, critical)
    lower = beyond(n - 1, (limit + mean) * scale, critical)
    return max(0.0, upper + lower - 1.0)


def _smallest(enough: Callable[[int], bool], first: int) -> int | None:
    """Smallest n in [first, 1000] for which `enough` holds, given that it stays true once it is: by bisection."""
    if enough(first):
        return first
    low, high = first, first
    while not enough(high):
        if high == MOST_ROUNDS:
            return None
        low, high = high, min(2 * high, MOST_ROUNDS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high

"""Whether an arm is surely not worse than a margin allows: the question of a gate, which has one side only.

What it decides: `held` when the upper bound, true at 95 % by itself, is below 1 + margin; `broken` when the lower one
is above it; else `inconclusive`, which fails nobody but says what it would take.

Why this way: "no significant difference" lets a noisy run pass; a broken limit must be shown, and so must a kept one.
The bounds are those of the interval of two one-sided tests, so that an arm called equivalent always passes. Where the
metric was judged with an absolute floor, an added amount that is surely below it is held too, and only what is surely
beyond both is broken.

What it refuses: to answer where the figures may not be judged (class C, D or X, a pilot, a merged tail, arms one after
the other, fewer than three rounds), and where Hodges-Lehmann does not bear the answer out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from meshperf.analysis.power import beyond
from meshperf.analysis.records import Estimate, MetricComparison
from meshperf.units import format_quantity

__all__ = ["BROKEN", "HELD", "INCONCLUSIVE", "NonInferiority", "non_inferiority", "rounds_for_non_inferiority"]

HELD, BROKEN, INCONCLUSIVE = "held", "broken", "inconclusive"
_MOST_ROUNDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """A one-sided answer on one metric of one arm. `upper`: bound of the ratio, NaN where there is none."""

    arm: str
    against: str
    metric: str
    margin: float
    ratio: float
    upper: float
    outcome: str
    reason: str


def non_inferiority(metric: MetricComparison, margin: float) -> NonInferiority:
    """Hold a metric against a margin.

    Args:
        metric: as judged; its own margin and verdict do not matter.
        margin: as a share, 0.05 for 5 % worse; 0 or more.
    """
    bounds = metric.narrow
    if bounds is None or math.isnan(bounds.high):
        return _answer(metric, margin, math.nan, INCONCLUSIVE, metric.reason or "no interval")
    limit, floor = 1 + margin, metric.absolute_floor
    outcome = _outcome(bounds, metric.narrow_added, limit, floor)
    level = f"{100 * (1 + bounds.confidence) / 2:g} %"
    text = f"one-sided {level} bounds x{bounds.low:.4g} and x{bounds.high:.4g} against x{limit:g}"
    if floor is not None and metric.narrow_added is not None:
        low, high, most = (
            format_quantity(one, metric.unit).removesuffix("/request")
            for one in (metric.narrow_added.low, metric.narrow_added.high, floor)
        )
        text += f", added {low} and {high} against the floor of {most}"
    companion = metric.narrow_companion
    ranked = companion and _outcome(companion, metric.narrow_added_companion, limit, floor)
    if outcome != INCONCLUSIVE and companion is not None and ranked != outcome:
        reason = f"{text} say {outcome}, but Hodges-Lehmann does not (x{companion.low:.4g} and x{companion.high:.4g})"
        return _answer(metric, margin, bounds.high, INCONCLUSIVE, reason)
    if outcome == INCONCLUSIVE and metric.between_sd is not None:
        needed = rounds_for_non_inferiority(metric.between_sd, margin, difference=math.log(metric.ratio.value))
        if needed or floor is None:
            text += f"; about {needed} rounds in all would show it" if needed else "; more rounds would hardly show it"
    return _answer(metric, margin, bounds.high, outcome, text)


def rounds_for_non_inferiority(
    sd: float, margin: float, *, difference: float = 0.0, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Rounds after which an arm whose true log ratio is `difference` is shown to hold, with the given power.

    Args:
        sd: standard deviation of the rounds' log ratios.
        alpha: one-sided.

    Returns:
        At least 3; None beyond 1000, or where the arm does not hold.
    """
    room = math.log1p(margin) - difference
    if room <= 0:
        return None
    for rounds in range(3, _MOST_ROUNDS + 1):
        critical = float(special.stdtrit(rounds - 1, 1 - alpha))
        if sd == 0.0 or beyond(rounds - 1, room / sd * math.sqrt(rounds), critical) >= power:
            return rounds
    return None


def _outcome(ratio: Estimate, added: Estimate | None, limit: float, floor: float | None) -> str:
    """Held by the ratio or by the added amount; broken by both, where there is a floor."""
    by_ratio = _side(ratio, limit)
    if floor is None or added is None:
        return by_ratio
    by_amount = _side(added, floor)
    if HELD in (by_ratio, by_amount):
        return HELD
    return BROKEN if by_ratio == by_amount == BROKEN else INCONCLUSIVE


def _side(bounds: Estimate, limit: float) -> str:
    if bounds.high < limit:
        return HELD
    return BROKEN if bounds.low > limit else INCONCLUSIVE


def _answer(metric: MetricComparison, margin: float, upper: float, outcome: str, reason: str) -> NonInferiority:
    return NonInferiority(
        arm=metric.arm,
        against=metric.against,
        metric=metric.metric,
        margin=margin,
        ratio=metric.ratio.value,
        upper=upper,
        outcome=outcome,
        reason=reason,
    )

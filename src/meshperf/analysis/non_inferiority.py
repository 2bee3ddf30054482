"""Whether an arm is surely not worse than a margin allows: the question of a gate, which has one side only.

What it decides: `held` when the upper bound, true at 95 % by itself, is below 1 + margin; `broken` when the lower one
is above it; else `inconclusive`, which fails nobody but says what it would take.

Why this way: "no significant difference" lets a noisy run pass; a broken limit must be shown, and so must a kept one.
The bounds are those of the interval of two one-sided tests, so that an arm called equivalent always passes.

What it refuses: to answer where the figures may not be judged (class C, D or X, a pilot, a merged tail, arms one after
the other, fewer than three rounds), and where Hodges-Lehmann does not bear the answer out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from meshperf.analysis.power import beyond
from meshperf.analysis.records import Estimate, MetricComparison

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
    limit = 1 + margin
    outcome = _side(bounds, limit)
    level = f"{100 * (1 + bounds.confidence) / 2:g} %"
    text = f"one-sided {level} bounds x{bounds.low:.4g} and x{bounds.high:.4g} against x{limit:g}"
    companion = metric.narrow_companion
    if outcome != INCONCLUSIVE and companion is not None and _side(companion, limit) != outcome:
        reason = f"{text} say {outcome}, but Hodges-Lehmann does not (x{companion.low:.4g} and x{companion.high:.4g})"
        return _answer(metric, margin, bounds.high, INCONCLUSIVE, reason)
    if outcome == INCONCLUSIVE and metric.between_sd is not None:
        needed = rounds_for_non_inferiority(metric.between_sd, margin, difference=math.log(metric.ratio.value))
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

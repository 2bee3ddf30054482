"""The verdict on one metric of one pair of arms: better, worse, equivalent or inconclusive, and why.

What it decides, in this order:
  1. not comparable, indicative (arms one after the other too), pilot or pooled: no verdict;
  2. fewer than three rounds: inconclusive;
  3. the 90 % interval inside the margin: equivalent (two one-sided tests), even if the difference is certain;
  4. p below alpha, after Holm's correction within the primary family: better or worse (less is better throughout);
  5. otherwise inconclusive, with the number of rounds that would probably decide.
A decision of 3 or 4 is withdrawn when the Hodges-Lehmann companion, or the ratio without centring, would have decided
otherwise, and one of 4 when the difference is smaller than what the same arm shows against itself. Where another tool's
buckets are wider than our own, all intervals are widened by them; what only the unwidened ones decide is "inconclusive
(resolution)". An absolute floor is a second way to be equivalent: the 90 % interval of the added amount lies within it.

Why this way: docs/concepts/statistics.md and docs/adr/0004-intervals.md. The companion is read at its unadjusted level.

What it refuses: "no significant difference" as equality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from meshperf.analysis.contrast import Contrast, paired_contrast
from meshperf.analysis.equivalence import inside_margin, log_margin, rounds_from_spread, rounds_within
from meshperf.analysis.figures import LATENCIES
from meshperf.analysis.intervals import COMPANION_ROUNDS, hodges_lehmann_bounds
from meshperf.analysis.records import Estimate, Verdict
from meshperf.units import Unit, format_quantity

__all__ = ["FEWEST_ROUNDS", "Judgement", "Measured", "judge", "simple_verdict"]

FEWEST_ROUNDS = 3
RESOLUTION = 0.001
"""Relative width of a histogram's bucket: no smaller difference of response times can be seen."""
COMPANION_ALPHA = 0.05
"""Hodges-Lehmann is read at this level whatever Holm or an early look make of the t test's."""

Bounds = tuple[float, float, float, float] | None


class Measured(Protocol):
    """A metric of two arms, over paired rounds (`series`) or over two sets of runs (`unpaired`)."""

    @property
    def metric(self) -> str: ...
    @property
    def unit(self) -> Unit: ...
    @property
    def count(self) -> int: ...
    @property
    def spread(self) -> float: ...
    @property
    def centred(self) -> bool: ...
    @property
    def pooled(self) -> tuple[float, float] | None: ...
    def contrast(self) -> Contrast: ...
    def amount_contrast(self) -> Contrast: ...
    def companion(self, confidence: float) -> Bounds: ...
    def amount_companion(self, confidence: float) -> Bounds: ...
    def uncentred_contrast(self) -> Contrast: ...
    def uncentred_amount(self) -> Contrast: ...
    def ratio(self, confidence: float = 0.95) -> Estimate: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with its reason. `below_floor` and `weather` say which warning goes with it."""

    verdict: Verdict
    reason: str
    rounds_needed: int | None = None
    below_floor: bool = False
    weather: bool = False


def simple_verdict(
    log_ratios: Sequence[float], margin: float | None, *, alpha: float = 0.05, p: float | None = None
) -> Verdict:
    """Steps 2 to 5 by t intervals alone. `p`: an adjusted p value in place of the plain one."""
    return _by_t(paired_contrast(log_ratios), None, margin, None, alpha=alpha, p=p)


def companion_verdict(log_ratios: Sequence[float], margin: float | None, *, alpha: float = 0.05) -> Verdict | None:
    """The same by Hodges-Lehmann; None where it has no interval."""
    wide = hodges_lehmann_bounds(log_ratios, 1 - alpha)
    return _by_ranks(wide, hodges_lehmann_bounds(log_ratios, 1 - 2 * alpha), None, margin, None)


def judge(
    series: Measured,
    margin: float | None,
    *,
    grade: str,
    pilot: bool = False,
    p_adjusted: float | None = None,
    floor: float | None = None,
    absolute_floor: float | None = None,
    sequential: bool = False,
    alpha: float = 0.05,
) -> Judgement:
    """Judge one metric.

    Args:
        margin: relative difference that counts as none; None: equality cannot be shown by it.
        grade: of the pair's comparability, A to X.
        pilot: a shortened experiment, which shows but never decides.
        p_adjusted: Holm's p value where the metric is in the primary family.
        floor: A/A floor of the arms as a share, where twins were deployed.
        absolute_floor: added amount, in the metric's unit, that counts as none whatever its share; None: no such rule.
        sequential: all rounds of one arm came before all of the other's.
        alpha: two-sided level of a difference, and one-sided level of equality; an early look has a smaller one.
    """
    withheld = _withheld(series, grade, pilot, sequential)
    if withheld is not None:
        return withheld
    contrast, amount = series.contrast(), series.amount_contrast()
    verdict = _by_t(contrast, amount, margin, absolute_floor, alpha=alpha, p=p_adjusted)
    needed = _rounds_needed(series, contrast, amount, margin, absolute_floor, alpha)
    if series.count < FEWEST_ROUNDS:
        return _open(f"{series.count} round(s) never decide; at least {FEWEST_ROUNDS} are needed", needed)
    text = _interval_text(series, p_adjusted, alpha)
    if verdict is Verdict.INCONCLUSIVE:
        sharp = _by_t(_sharp(contrast), _sharp(amount), margin, absolute_floor, alpha=alpha)
        coarse = any(one is not None and (one.down or one.up) for one in (contrast, amount))
        if coarse and sharp is not verdict:
            reason = (
                f"{text}: {sharp.value} by the figures as printed, but the buckets they were read from are too wide"
            )
            return _open(f"{reason} (resolution); more rounds do not help", None)
        about = f"about {needed} rounds in all would decide" if needed else "more than 1000 rounds would be needed"
        more = f" ({needed - series.count} more)" if needed else ""
        return _open(f"{text} does not decide; {about}{more}", needed)
    companion = _by_ranks(
        series.companion(1 - COMPANION_ALPHA),
        series.companion(1 - 2 * COMPANION_ALPHA),
        series.amount_companion(1 - 2 * COMPANION_ALPHA) if absolute_floor is not None else None,
        margin,
        absolute_floor,
    )
    if companion is not None and companion is not verdict:
        return _open(f"{text} says {verdict.value}, but Hodges-Lehmann says {companion.value}", needed)
    if series.centred:
        uncentred = _by_t(series.uncentred_contrast(), series.uncentred_amount(), margin, absolute_floor, alpha=alpha)
        if uncentred is not verdict:
            reason = f"{text} says {verdict.value} in typical conditions, but {uncentred.value} without centring"
            return Judgement(verdict=Verdict.INCONCLUSIVE, reason=reason, rounds_needed=needed, weather=True)
    if verdict is not Verdict.EQUIVALENT:
        small = _too_small(series.metric, contrast, floor)
        if small is not None:
            return Judgement(
                verdict=Verdict.INCONCLUSIVE, reason=f"{text} says {verdict.value}, but {small}", below_floor=True
            )
    note = "" if companion is not None else f"; too few rounds for Hodges-Lehmann ({COMPANION_ROUNDS} are needed)"
    because = _because(verdict, contrast, margin, _shown(absolute_floor, series.unit), alpha)
    return Judgement(verdict=verdict, reason=f"{text} {because}{note}")


def _rounds_needed(
    series: Measured,
    contrast: Contrast,
    amount: Contrast,
    margin: float | None,
    absolute_floor: float | None,
    alpha: float,
) -> int | None:
    """Rounds in all after which the difference, or equality by margin or floor, would probably show."""
    plans = [rounds_from_spread(contrast.value, series.spread, series.count, margin, alpha=alpha)]
    if absolute_floor is not None:
        sd = amount.error * math.sqrt(series.count)
        plans.append(rounds_within(amount.value, sd, series.count, absolute_floor, alpha=alpha))
    return min((plan for plan in plans if plan is not None), default=None)


def _shown(absolute_floor: float | None, unit: Unit) -> str:
    return "" if absolute_floor is None else format_quantity(absolute_floor, unit).removesuffix("/request")


def _by_t(
    ratio: Contrast,
    amount: Contrast | None,
    margin: float | None,
    absolute_floor: float | None,
    *,
    alpha: float,
    p: float | None = None,
) -> Verdict:
    """Steps 2 to 5. A p value that Holm adjusted knows nothing of coarse buckets, so the widened one counts too."""
    if ratio.n < FEWEST_ROUNDS:
        return Verdict.INCONCLUSIVE
    if _within_margin(ratio.bounds(1 - 2 * alpha), margin) or (
        amount is not None and _within_floor(amount.bounds(1 - 2 * alpha), absolute_floor)
    ):
        return Verdict.EQUIVALENT
    own = ratio.p_value()
    if (own if p is None else max(p, own)) < alpha:
        return Verdict.WORSE if ratio.value > 0 else Verdict.BETTER
    return Verdict.INCONCLUSIVE


def _by_ranks(
    wide: Bounds, narrow: Bounds, amount: Bounds, margin: float | None, absolute_floor: float | None
) -> Verdict | None:
    if wide is None or narrow is None:
        return None
    if _within_margin(narrow[1:3], margin) or (amount is not None and _within_floor(amount[1:3], absolute_floor)):
        return Verdict.EQUIVALENT
    if wide[1] > 0:
        return Verdict.WORSE
    return Verdict.BETTER if wide[2] < 0 else Verdict.INCONCLUSIVE


def _within_margin(bounds: tuple[float, float], margin: float | None) -> bool:
    return margin is not None and inside_margin(*bounds, margin)


def _within_floor(bounds: tuple[float, float], floor: float | None) -> bool:
    return floor is not None and -floor < bounds[0] and bounds[1] < floor


def _sharp(contrast: Contrast) -> Contrast:
    """As if the figures were exact."""
    return replace(contrast, down=0.0, up=0.0)


def _withheld(series: Measured, grade: str, pilot: bool, sequential: bool) -> Judgement | None:
    if grade == "X":
        return Judgement(verdict=Verdict.NOT_COMPARABLE, reason="the arms are not comparable; see the violations")
    if series.pooled is not None:
        return _open(
            "too few requests in a round for a p99 (10 000 per arm): all rounds merged, shown, not judged", None
        )
    if pilot:
        return _open("a pilot (shortened) shows figures and decides nothing", None)
    if not series.count:
        return _open("not measured in any round that counts", None)
    if series.count >= 2 and sequential:
        return _open("one arm after the other: a drift cannot be told from a difference; indicative only", None)
    if series.count >= 2 and grade in ("C", "D"):
        return _open(f"class {grade}: figures side by side, no verdict", None)
    return None


def _open(reason: str, needed: int | None) -> Judgement:
    return Judgement(verdict=Verdict.INCONCLUSIVE, reason=reason, rounds_needed=needed)


def _interval_text(series: Measured, p_adjusted: float | None, alpha: float) -> str:
    ratio = series.ratio(1 - alpha)
    p = series.contrast().p_value() if p_adjusted is None else p_adjusted
    after = "" if p_adjusted is None else " after Holm"
    level = f"{100 * (1 - alpha):g} %"
    return f"{level} interval x{ratio.low:.4g} to x{ratio.high:.4g} over {ratio.n} rounds (p = {p:.2g}{after})"


def _because(verdict: Verdict, ratio: Contrast, margin: float | None, absolute_floor: str, alpha: float) -> str:
    if verdict is Verdict.EQUIVALENT:
        level = f"{100 * (1 - 2 * alpha):g} % interval"
        if margin is not None and _within_margin(ratio.bounds(1 - 2 * alpha), margin):
            return f"and the {level} lies within the margin of {100 * margin:g} %"
        return f"and the {level} of the added amount lies within the absolute floor of {absolute_floor}"
    return "lies above 1" if verdict is Verdict.WORSE else "lies below 1"


def _too_small(metric: str, ratio: Contrast, floor: float | None) -> str | None:
    difference = abs(ratio.value)
    if floor is not None and math.isfinite(floor) and difference < log_margin(floor):
        return f"the same arm deployed twice differs by up to {100 * floor:.2g} %"
    if metric in LATENCIES and difference < log_margin(RESOLUTION):
        return "the difference is smaller than a bucket of the histogram"
    return None

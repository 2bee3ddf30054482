"""The verdict on one metric of one pair of arms: better, worse, equivalent or inconclusive, and why.

What it decides, in this order:
  1. not comparable, indicative, pilot or pooled: no verdict;
  2. fewer than three rounds: inconclusive;
  3. the 90 % interval inside the margin: equivalent (two one-sided tests), even if the difference is certain;
  4. p below alpha, after Holm's correction within the primary family: better or worse (less is better throughout);
  5. otherwise inconclusive, with the number of rounds that would probably decide.
A decision of 3 or 4 is withdrawn when the Hodges-Lehmann companion, or the ratio without centring, would have decided
otherwise, and one of 4 when the difference is smaller than what the same arm shows against itself.

Why this way: docs/concepts/statistics.md and docs/adr/0004-intervals.md. The companion is read at its unadjusted level.

What it refuses: "no significant difference" as equality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.equivalence import inside_margin, rounds_to_decide
from meshperf.analysis.figures import LATENCIES
from meshperf.analysis.intervals import COMPANION_ROUNDS, hodges_lehmann_bounds, t_bounds, t_test_p
from meshperf.analysis.records import Verdict
from meshperf.analysis.series import Series

__all__ = ["FEWEST_ROUNDS", "Judgement", "judge", "simple_verdict"]

FEWEST_ROUNDS = 3
RESOLUTION = 0.001
"""Relative width of a histogram's bucket: no smaller difference of response times can be seen."""


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
    if len(log_ratios) < FEWEST_ROUNDS:
        return Verdict.INCONCLUSIVE
    mean, low, high = t_bounds(log_ratios, 1 - 2 * alpha)
    if margin is not None and inside_margin(low, high, margin):
        return Verdict.EQUIVALENT
    if (t_test_p(log_ratios) if p is None else p) < alpha:
        return Verdict.WORSE if mean > 0 else Verdict.BETTER
    return Verdict.INCONCLUSIVE


def companion_verdict(log_ratios: Sequence[float], margin: float | None, *, alpha: float = 0.05) -> Verdict | None:
    """The same by Hodges-Lehmann; None where it has no interval."""
    wide = hodges_lehmann_bounds(log_ratios, 1 - alpha)
    narrow = hodges_lehmann_bounds(log_ratios, 1 - 2 * alpha)
    if wide is None or narrow is None:
        return None
    if margin is not None and inside_margin(narrow[1], narrow[2], margin):
        return Verdict.EQUIVALENT
    if wide[1] > 0:
        return Verdict.WORSE
    return Verdict.BETTER if wide[2] < 0 else Verdict.INCONCLUSIVE


def judge(
    series: Series,
    margin: float | None,
    *,
    grade: str,
    pilot: bool = False,
    p_adjusted: float | None = None,
    floor: float | None = None,
    alpha: float = 0.05,
) -> Judgement:
    """Judge one metric.

    Args:
        margin: relative difference that counts as none; None: equality cannot be shown.
        grade: of the pair's comparability, A to X.
        pilot: a shortened experiment, which shows but never decides.
        p_adjusted: Holm's p value where the metric is in the primary family.
        floor: A/A floor of the arms as a share, where twins were deployed.
    """
    withheld = _withheld(series, grade, pilot)
    if withheld is not None:
        return withheld
    logs = series.log_ratios
    verdict = simple_verdict(logs, margin, alpha=alpha, p=p_adjusted)
    needed = rounds_to_decide(logs, margin, alpha=alpha)
    if len(logs) < FEWEST_ROUNDS:
        return _open(f"{len(logs)} round(s) never decide; at least {FEWEST_ROUNDS} are needed", needed)
    text = _interval_text(series, p_adjusted, alpha)
    if verdict is Verdict.INCONCLUSIVE:
        about = f"about {needed} rounds in all would decide" if needed else "more than 1000 rounds would be needed"
        return _open(f"{text} does not decide; {about}", needed)
    companion = companion_verdict(logs, margin, alpha=alpha)
    if companion is not None and companion is not verdict:
        return _open(f"{text} says {verdict.value}, but Hodges-Lehmann says {companion.value}", needed)
    if series.centred:
        uncentred = simple_verdict(series.uncentred, margin, alpha=alpha)
        if uncentred is not verdict:
            reason = f"{text} says {verdict.value} in typical conditions, but {uncentred.value} without centring"
            return Judgement(verdict=Verdict.INCONCLUSIVE, reason=reason, rounds_needed=needed, weather=True)
    if verdict is not Verdict.EQUIVALENT:
        small = _too_small(series, floor)
        if small is not None:
            return Judgement(
                verdict=Verdict.INCONCLUSIVE, reason=f"{text} says {verdict.value}, but {small}", below_floor=True
            )
    note = "" if companion is not None else f"; too few rounds for Hodges-Lehmann ({COMPANION_ROUNDS} are needed)"
    return Judgement(verdict=verdict, reason=f"{text} {_because(verdict, margin)}{note}")


def _withheld(series: Series, grade: str, pilot: bool) -> Judgement | None:
    if grade == "X":
        return Judgement(verdict=Verdict.NOT_COMPARABLE, reason="the arms are not comparable; see the violations")
    if series.pooled is not None:
        return _open(
            "too few requests in a round for a p99 (10 000 per arm): all rounds merged, shown, not judged", None
        )
    if pilot:
        return _open("a pilot (shortened) shows figures and decides nothing", None)
    if not series.log_ratios:
        return _open("not measured in any round that counts", None)
    if len(series.log_ratios) >= 2 and grade in ("C", "D"):
        return _open(f"class {grade}: figures side by side, no verdict", None)
    return None


def _open(reason: str, needed: int | None) -> Judgement:
    return Judgement(verdict=Verdict.INCONCLUSIVE, reason=reason, rounds_needed=needed)


def _interval_text(series: Series, p_adjusted: float | None, alpha: float) -> str:
    ratio = series.ratio(1 - alpha)
    p = t_test_p(series.log_ratios) if p_adjusted is None else p_adjusted
    after = "" if p_adjusted is None else " after Holm"
    level = f"{100 * (1 - alpha):g} %"
    return f"{level} interval x{ratio.low:.4g} to x{ratio.high:.4g} over {ratio.n} rounds (p = {p:.2g}{after})"


def _because(verdict: Verdict, margin: float | None) -> str:
    if verdict is Verdict.EQUIVALENT and margin is not None:
        return f"and the 90 % interval lies within the margin of {100 * margin:g} %"
    return "lies above 1" if verdict is Verdict.WORSE else "lies below 1"


def _too_small(series: Series, floor: float | None) -> str | None:
    difference = abs(t_bounds(series.log_ratios)[0])
    if floor is not None and math.isfinite(floor) and difference < math.log1p(floor):
        return f"the same arm deployed twice differs by up to {100 * floor:.2g} %"
    if series.metric in LATENCIES and difference < math.log1p(RESOLUTION):
        return "the difference is smaller than a bucket of the histogram"
    return None

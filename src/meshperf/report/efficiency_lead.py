"""What a reader takes away of efficiency and power: which arm is more efficient, which more powerful, and how sure.

What it decides: only the wording. The class of each pair of arms decides what may be spoken, as for every verdict; a
difference is called one where its interval leaves out none at all, and two throughputs differ where their bounds do not
overlap.

What it refuses: to call an arm more efficient in class C, D or X, or after a pilot, or from a single round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from meshperf.analysis.efficiency import ObjectiveRate
from meshperf.analysis.efficiency_study import CpuDifference, EfficiencyStudy, RateLadder
from meshperf.analysis.records import Comparison, Estimate
from meshperf.report import prose, wording

__all__ = ["lead", "power", "rate_range"]

Named = Callable[[str], str]
_JUDGED = ("A", "B")


def lead(study: EfficiencyStudy, comparisons: Sequence[Comparison], named: Named) -> tuple[str, ...]:
    """Sentences, most important first. `comparisons`: of the study's cell, one a load point."""
    said = []
    for ladder in study.rates:
        of = [one for one in comparisons if one.load_point in ladder.family.points]
        for difference in ladder.differences:
            said.append(_cpu(difference, ladder, _why_not(of, difference.arm, study.baseline), named))
        said += _power(ladder, study, of, named)
    if not any(ladder.differences for ladder in study.rates):
        said += [sentence for one in comparisons for sentence in _single(one, named, several=len(comparisons) > 1)]
    return tuple(said)


def power(study: EfficiencyStudy, comparisons: Sequence[Comparison], named: Named) -> tuple[str, ...]:
    """Of these sentences those on the highest rate that holds the objectives, of all ladders of rates."""
    return tuple(
        sentence
        for ladder in study.rates
        for sentence in _power(
            ladder, study, [one for one in comparisons if one.load_point in ladder.family.points], named
        )
    )


def rate_range(ladder: RateLadder) -> str:
    """`250 to 1000/s`."""
    return f"{ladder.family.values[0]:g} to {ladder.family.values[-1]:g}/s"


def _cpu(of: CpuDifference, ladder: RateLadder, refused: str, named: Named) -> str:
    arm, against = named(of.arm), named(of.against)
    rounds = f"{of.slope.n} {'round' if of.slope.n == 1 else 'rounds'}"
    figures = (
        f"{arm} takes {wording.estimate(of.slope)} of the CPU that {against} takes for each request "
        f"({_bounds(of.slope)}, {rounds}, {rate_range(ladder)}), and "
        f"{wording.added(of.rest_added)} at rest ({wording.interval(of.rest_added)})"
    )
    if refused:
        return f"{figures}. {refused}"
    if not math.isfinite(of.slope.low):
        return f"{figures}. A single round has no interval, so neither is called more efficient."
    if of.slope.low > 1:
        return f"{against} is more efficient: {figures}."
    if of.slope.high < 1:
        return f"{arm} is more efficient: {figures}."
    return f"Neither is shown to be more efficient: {figures}."


def _power(ladder: RateLadder, study: EfficiencyStudy, comparisons: Sequence[Comparison], named: Named) -> list[str]:
    """One sentence on the throughput at the objectives for each candidate."""
    tried = {one.arm: one for one in ladder.throughput if len(one.held) > 1}
    base = tried.get(study.baseline)
    if base is None:
        return []
    said = []
    for arm, one in tried.items():
        if arm == study.baseline:
            continue
        refused = _why_not(comparisons, arm, study.baseline)
        figures = (
            f"with {wording.listing(list(one.objectives))}, {named(study.baseline)} holds {_held(base)}, "
            f"{named(arm)} {_held(one)}"
        )
        more = "" if refused else _more(base, one)
        if more:
            said.append(f"{named(more)} is more powerful: {figures}.")
        else:
            said.append(f"Neither is shown to be more powerful: {figures}.{f' {refused}' if refused else ''}")
    return said


def _more(a: ObjectiveRate, b: ObjectiveRate) -> str:
    """The arm whose bounds lie above the other's; empty where they touch, or where one round is all there is."""
    if a.bounds is None or b.bounds is None or min(a.bounds.rounds, b.bounds.rounds) < 2:
        return ""
    for one, other in ((a, b), (b, a)):
        assert one.bounds is not None and other.bounds is not None
        if one.bounds.low is not None and other.bounds.high is not None and one.bounds.low >= other.bounds.high:
            return one.arm
    return ""


def _held(of: ObjectiveRate) -> str:
    bounds = of.bounds
    if bounds is None:
        return "unknown rates"
    low, high = bounds.low, bounds.high
    if low is not None and high is not None:
        return f"up to between {low:.4g} and {high:.4g}/s"
    if low is not None:
        return f"at least {low:.4g}/s"
    if high is not None:
        return f"less than {high:.4g}/s"
    return "no rate that could be bounded"


def _single(comparison: Comparison, named: Named, *, several: bool) -> list[str]:
    """Of one load point: its verdict on CPU per request, in the words of this section."""
    said = []
    for metric in comparison.metrics:
        if metric.metric != "cpu_per_request" or metric.against != comparison.baseline:
            continue
        if not prose.judged(comparison, metric) or comparison.pilot or not math.isfinite(metric.ratio.low):
            continue
        arm, against = named(metric.arm), named(metric.against)
        where = f" at load point {comparison.load_point + 1}" if several else ""
        figures = (
            f"{arm} takes {wording.estimate(metric.ratio)} of the CPU that {against} takes for each request{where} "
            f"({_bounds(metric.ratio)}, {metric.ratio.n} rounds)"
        )
        verdict = metric.verdict.value
        if verdict == "worse":
            said.append(f"{against} is more efficient: {figures}.")
        elif verdict == "better":
            said.append(f"{arm} is more efficient: {figures}.")
        else:
            said.append(f"Neither is shown to be more efficient ({verdict}): {figures}.")
    return said


def _why_not(comparisons: Sequence[Comparison], arm: str, against: str) -> str:
    """Why nothing may be concluded of a pair; empty where it may."""
    if any(one.pilot for one in comparisons):
        return "A pilot decides nothing."
    grades = {prose.grade(one, arm, against) for one in comparisons}
    worst = next((grade for grade in ("X", "D", "C") if grade in grades), "")
    if worst or not grades <= set(_JUDGED):
        return f"Their comparability is of class {worst or '/'.join(sorted(grades))}, so nothing is concluded."
    return ""


def _bounds(of: Estimate) -> str:
    if not math.isfinite(of.low):
        return "no interval"
    return f"{of.confidence:.0%} interval {wording.interval(of)}"

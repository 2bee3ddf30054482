"""The whole of a comparison in one paragraph that a person can quote.

What it decides: the order and the wording. What stands in the way of an answer is said first (a pilot, class X, class
D), then what costs more, what is more efficient, what is more powerful, how sure that is, and what was not the same.

Why this way: whoever quotes one sentence of a report quotes this one, so it must be no stronger than the verdicts, and
must carry its doubts inside. With more than three pairs of arms a metric is told over all of them.

What it refuses: a difference without its interval, an undecided metric as "no difference", a figure of arms that are
not comparable, and a word on power from a single load point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshperf.analysis.records import Comparability, Comparison, Violation
from meshperf.report import wording
from meshperf.report.absolute import absolute
from meshperf.report.headline_clauses import few, own_metrics, told_apart, told_together
from meshperf.report.prose import grade, related
from meshperf.spec.records import WarningKind

__all__ = ["headline"]

_APART = 3
"""So many pairs of arms are told one by one."""
_REASONS = 3
_NOTED = "unknown-note"
_POWER = "Which is more powerful (the highest rate that holds the objectives) one load point cannot tell: not measured."
_REACH = "This holds for this machine, this workload and this load only."

Pair = tuple[str, str]


def headline(comparison: Comparison, *, alone: bool = True) -> str:
    """The paragraph, on one line.

    Args:
        comparison: as it is shown, with labelled names.
        alone: no other load point stands beside it, so that nothing can be said of power.
    """
    pairs = _by_class(comparison)
    said = _caveats(comparison)
    if not pairs:
        said.append("No metric could be compared.")
    for grade_, found in pairs.items():
        if grade_ not in ("A", "B", "C", "D"):
            said.append(_not_comparable(comparison, found, grade_))
        elif grade_ == "D":
            said.append(_indicative(comparison, found))
    allowed = [pair for of in ("C", "A", "B") for pair in pairs.get(of, ())]
    if allowed and not comparison.pilot:
        if "C" in pairs:
            said.append(_normalised(comparison, pairs["C"]))
        judged = [pair for pair in allowed if pair not in pairs.get("C", ())]
        if judged:
            one_by_one = len(judged) <= _APART
            said += told_apart(comparison, judged) if one_by_one else told_together(comparison, judged)
    elif allowed:
        said.append(_seen(comparison, allowed))
    if allowed or "D" in pairs:
        said += [_POWER] if alone else []
        said.append(_how_sure(comparison, allowed))
    said.append(_not_the_same(comparison, pairs))
    return " ".join([*said, _REACH])


def _caveats(comparison: Comparison) -> list[str]:
    """What a reader must know before any figure."""
    said = []
    if comparison.pilot:
        said.append("A pilot, shorter than a measurement: nothing is decided, and no figure is to be quoted.")
    if any(warning.kind is WarningKind.DEBUG_BUILD for warning in comparison.warnings):
        said.append("The generator was not a release build: no figure is to be quoted.")
    spoiled = [summary.resident for summary in comparison.arms if summary.rounds == 0]
    if spoiled:
        said.append(
            f"No run of {few(spoiled)} was valid, so nothing is said about {'it' if len(spoiled) == 1 else 'them'}."
        )
    return said


def _by_class(comparison: Comparison) -> dict[str, list[Pair]]:
    """Pairs of arms by their class of comparability; what may be said least of comes first."""
    found: dict[str, list[Pair]] = {}
    for arm, against in dict.fromkeys((m.arm, m.against) for m in comparison.metrics):
        found.setdefault(grade(comparison, arm, against), []).append((arm, against))
    order = ("X", "D", "C", "B", "A")
    return dict(sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else -1))


def _named(pairs: Sequence[Pair]) -> str:
    """`envoy with baseline`, or the first few of many."""
    against = list(dict.fromkeys(against for _, against in pairs))
    if len(against) == 1:
        return f"{few([arm for arm, _ in pairs])} with {wording.clean(against[0])}"
    return few([f"{arm} with {other}" for arm, other in pairs])


def _not_comparable(comparison: Comparison, pairs: Sequence[Pair], of: str) -> str:
    why = _reasons(_of_pairs(comparison, pairs))
    return (
        f"Not comparable (class {wording.clean(of)}): {_named(pairs)}, because {why}. "
        "So nothing is said of what they cost, of their efficiency or of their power."
    )


def _of_pairs(comparison: Comparison, pairs: Sequence[Pair]) -> Sequence[Comparability]:
    own = [each for each in comparison.pairs if (each.arm, each.against) in pairs]
    return own or [comparison.comparability]


def _reasons(found: Sequence[Comparability]) -> str:
    """What differs outside the subject, or is not known and ought to be."""
    differing = [_differs(each) for of in found for each in of.violations]
    unknown = [f"{wording.clean(v.path)} is not known" for of in found for v in of.unknowns if v.severity != _NOTED]
    reasons = list(dict.fromkeys([*differing, *unknown]))
    if not reasons:
        return "of a reason that was not recorded"
    shown = reasons[:_REASONS]
    more = len(reasons) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _differs(of: Violation) -> str:
    return f"{wording.clean(of.path)} differs ({wording.value(of.a)} and {wording.value(of.b)})"


def _indicative(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    if len(pairs) > _APART:
        return (
            f"Indicative only (class D): figures of {_named(pairs)} stand side by side in the tables, and none is "
            "a verdict."
        )
    told = []
    for pair in pairs:
        for metric in own_metrics(comparison, pair):
            was, now = absolute(metric, comparison)
            told.append(
                f"{wording.metric_name(metric.metric)} {wording.quantity(now, metric.unit)} of "
                f"{wording.clean(pair[0])}, {wording.quantity(was, metric.unit)} of {wording.clean(pair[1])}"
            )
    return f"Indicative only (class D), no verdict: {'; '.join(told) or 'no figure'}."


def _normalised(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    return f"Normalised only (class C), ratios to each arm's own baseline and no verdict: {_ratios(comparison, pairs)}."


def _seen(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    return f"Seen, not decided: {_ratios(comparison, pairs)}."


def _ratios(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    if len(pairs) > _APART:
        return f"those of {_named(pairs)} stand in the tables"
    told = [
        f"{wording.clean(metric.arm)} {wording.estimate(metric.ratio)} in {wording.metric_name(metric.metric)} "
        f"({wording.interval(metric.ratio)})"
        for pair in pairs
        for metric in own_metrics(comparison, pair)
        if related(comparison, metric)
    ]
    return "; ".join(told) or "no ratio"


def _how_sure(comparison: Comparison, pairs: Sequence[Pair]) -> str:
    counted = [m.ratio.n for pair in pairs for m in own_metrics(comparison, pair) if m.ratio.n] or [comparison.rounds]
    fewest, most = min(counted), max(counted)
    count = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    together = all(m.paired for m in comparison.metrics)
    what = ("round" if together else "run") + ("" if count == "1" else "s")
    said = [f"{count} {what}{', each a fresh deployment' if together else ' a side, which shared no rounds'}"]
    excluded = len(comparison.rounds_excluded)
    said += [f"{excluded} more excluded"] if excluded else []
    if pairs and not comparison.pilot:
        said.append("in brackets each ratio with its interval over rounds")
    changed = [m for m in comparison.metrics if m.with_excluded is not None and m.with_excluded.verdict != m.verdict]
    if changed:
        said.append(f"with the excluded rounds counted in, {len(changed)} of {len(comparison.metrics)} verdicts change")
    return f"How sure: {'; '.join([*said, _floor(comparison)])}."


def _floor(comparison: Comparison) -> str:
    floors = [f for f in comparison.noise_floors if f.metric in comparison.primary_family and math.isfinite(f.floor)]
    if not floors:
        return "how much two copies of one arm differ here was not measured"
    worst = max(floors, key=lambda floor: floor.floor)
    return (
        f"two fresh copies of one arm differ by up to {wording.share(worst.floor)} here "
        f"({wording.metric_name(worst.metric)} of {wording.clean(worst.arm)})"
    )


def _not_the_same(comparison: Comparison, pairs: dict[str, list[Pair]]) -> str:
    """The subject, and what keeps pairs from class A; reasons for class X were told at the beginning."""
    of = comparison.comparability
    subject = f"the subject ({wording.listing(list(comparison.subject))})"
    said = [subject if comparison.subject else "nothing that was declared"]
    said += ["the session: arms were not measured side by side"] if "B" in pairs else []
    for grade_ in ("D", "C", "B", "A"):
        lowered = [each for each in _of_pairs(comparison, pairs.get(grade_, ())) if _has_reasons(each)]
        if grade_ in pairs and lowered:
            said.append(f"of {_named(pairs[grade_])}: {_reasons(lowered)}")
    loosened = of.rules.partition("; loosened: ")[2]
    said += [f"and rules were loosened: {wording.clean(loosened)}"] if loosened else []
    classes = wording.listing([f"class {each}" for each in pairs]) if pairs else f"class {of.grade}"
    return f"Not the same ({wording.clean(classes)}): {'; '.join(said)}."


def _has_reasons(of: Comparability) -> bool:
    return bool(of.violations) or any(v.severity != _NOTED for v in of.unknowns)

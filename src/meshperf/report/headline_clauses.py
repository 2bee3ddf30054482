"""The middle of a headline: what the judged metrics say of cost and of efficiency, pair by pair or over many arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshperf.analysis.records import Comparison, MetricComparison, Verdict
from meshperf.report import wording
from meshperf.report.prose import equal_by, judged

__all__ = ["few", "own_metrics", "told_apart", "told_together"]

_USED = ("cpu_per_request", "memory")
"""Metrics of what was used, not of how long it took."""
_NAMED = 3
_PLACES = {"cpu_per_request": "CPU time per request", "memory": "memory", "mean": "the mean response time"}

Pair = tuple[str, str]

_COST = {
    Verdict.WORSE: "{arm} costs more than {against}: {figures}",
    Verdict.BETTER: "{arm} costs less than {against}: {figures}",
    Verdict.EQUIVALENT: "{arm} and {against} are equivalent: {figures}",
    Verdict.INCONCLUSIVE: "whether {arm} costs more or less than {against} is not decided: {figures}",
}
_USE = {
    Verdict.WORSE: "{arm} is less efficient than {against}: {figures}",
    Verdict.BETTER: "{arm} is more efficient than {against}: {figures}",
    Verdict.EQUIVALENT: "{arm} and {against} are equally efficient: {figures}",
    Verdict.INCONCLUSIVE: "which of {arm} and {against} is more efficient is not decided: {figures}",
}


def few(names: Sequence[str]) -> str:
    """The names, or the first of them and how many more there are."""
    more = len(names) - _NAMED
    return wording.listing(list(names) if more <= 1 else [*names[:_NAMED], f"{more} more"])


def own_metrics(comparison: Comparison, pair: Pair) -> list[MetricComparison]:
    """The primary metrics of a pair of arms; all of its metrics where none of them is primary. Never a pooled one."""
    own = [m for m in comparison.metrics if (m.arm, m.against) == pair and not m.pooled]
    return [m for m in own if m.metric in comparison.primary_family] or own


def told_apart(comparison: Comparison, pairs: Sequence[Pair]) -> list[str]:
    """Two sentences a pair: response times, then what was used."""
    said = []
    for pair in pairs:
        own = [metric for metric in own_metrics(comparison, pair) if judged(comparison, metric)]
        times = [metric for metric in own if metric.metric not in _USED]
        used = [metric for metric in own if metric.metric in _USED]
        arm, against = map(wording.clean, pair)
        said.append(_told(times, pair, _COST) or f"What {arm} adds to response times was not judged.")
        said.append(_told(used, pair, _USE) or f"Which of {arm} and {against} is more efficient was not judged.")
    return said


def told_together(comparison: Comparison, pairs: Sequence[Pair]) -> list[str]:
    """A sentence a metric: how many arms cost more and from where to where, which cost less, which are not decided.

    Candidates that were set against one another are told after those against the baseline, in one sentence of counts.
    """
    found = [m for pair in pairs for m in own_metrics(comparison, pair) if judged(comparison, m)]
    own = [metric for metric in found if metric.against == comparison.baseline]
    said = [_told_of_metric([m for m in own if m.metric == name]) for name in dict.fromkeys(m.metric for m in own)]
    others = [metric for metric in found if metric.against != comparison.baseline]
    return [*said, *([_told_of_candidates(others)] if others else [])] or ["What the arms add was not judged."]


def _told_of_metric(own: Sequence[MetricComparison]) -> str:
    name = own[0].metric
    more, less = ("are less efficient", "are more efficient") if name in _USED else ("cost more", "cost less")
    parts = []
    for verdict, words in ((Verdict.WORSE, more), (Verdict.BETTER, less)):
        decided = sorted((m for m in own if m.verdict is verdict), key=lambda m: m.ratio.value)
        if decided:
            parts.append(f"{len(decided)} of {len(own)} arms {words}, {_reach(decided)}")
    for verdict, words in ((Verdict.EQUIVALENT, "equivalent"), (Verdict.INCONCLUSIVE, "not decided")):
        named = [m.arm for m in own if m.verdict is verdict]
        parts += [f"{words}: {few(named)}"] if named else []
    return _begun(f"{_place(name)}, against {wording.clean(own[0].against)}: {'; '.join(parts)}.")


def _told_of_candidates(of: Sequence[MetricComparison]) -> str:
    """How the verdicts between candidates fell; the tables name them."""
    pairs = len(dict.fromkeys((m.arm, m.against) for m in of))
    counts = [
        f"{sum(m.verdict is verdict for m in of)} {words}"
        for verdict, words in (
            (Verdict.WORSE, "worse"),
            (Verdict.BETTER, "better"),
            (Verdict.EQUIVALENT, "equivalent"),
            (Verdict.INCONCLUSIVE, "not decided"),
        )
    ]
    return (
        f"Of {len(of)} {'figure' if len(of) == 1 else 'figures'} of {pairs} {'pair' if pairs == 1 else 'pairs'} of "
        f"candidates, the one against the other: {wording.listing(counts)}."
    )


def _told(metrics: Sequence[MetricComparison], pair: Pair, words: Mapping[Verdict, str]) -> str:
    """One sentence of several metrics, those with the same verdict together; empty where there is none."""
    arm, against = map(wording.clean, pair)
    parts = []
    for verdict, sentence in words.items():
        own = [metric for metric in metrics if metric.verdict is verdict]
        if own:
            figures = [_figure(metric) for metric in own]
            parts.append(sentence.format(arm=arm, against=against, figures=_joined(figures)))
    return _begun(f"{'; '.join(parts)}.") if parts else ""


def _joined(figures: Sequence[str]) -> str:
    """`a, b and c`, with the blanks inside a figure as they are: no line may break there."""
    return f"{', '.join(figures[:-1])} and {figures[-1]}" if len(figures) > 1 else "".join(figures)


def _figure(of: MetricComparison) -> str:
    """`612 µs at p50 (×5.78, 5.60 to 5.97)`, or what else a verdict rests on."""
    place = _place(of.metric)
    amount = wording.quantity(abs(of.added.value), of.added.unit)
    bracket = f"{wording.estimate(of.ratio)}, {wording.interval(of.ratio)}"
    if of.verdict is Verdict.EQUIVALENT:
        declared = equal_by(of)
        return f"{place} ({bracket}{', ' + declared if declared else ''})"
    if of.verdict is Verdict.INCONCLUSIVE:
        more = (of.rounds_needed or 0) - of.ratio.n
        if more > 0:
            return f"{place} ({bracket}; about {more} more {'round' if more == 1 else 'rounds'})"
        return f"{place} ({wording.clean(of.reason).rstrip('.') or bracket})"
    if of.metric in _USED:
        return f"{amount} {'more' if of.verdict is Verdict.WORSE else 'less'} {place} ({bracket})"
    return f"{amount}{'' if of.verdict is Verdict.WORSE else ' less'} {place} ({bracket})"


def _place(metric: str) -> str:
    return _PLACES.get(metric) or f"at {wording.metric_name(metric)}"


def _reach(of: Sequence[MetricComparison]) -> str:
    """The least and the greatest ratio with their arms and intervals; `of` rises."""
    ends = [of[0]] if len(of) == 1 else [of[0], of[-1]]
    told = [f"{wording.estimate(m.ratio)} ({wording.clean(m.arm)}, {wording.interval(m.ratio)})" for m in ends]
    return f"from {told[0]} to {told[1]}" if len(told) > 1 else told[0]


def _begun(text: str) -> str:
    """A sentence that begins with a word of ours begins with a capital; an arm keeps its name as it is."""
    ours = ("whether ", "which of ", "at ")
    return text[0].upper() + text[1:] if text.startswith(ours) else text

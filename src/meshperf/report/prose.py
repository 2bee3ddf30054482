"""The answer in sentences: what the comparison says, and no more than it says.

What it decides: only the wording. Verdicts come from `analysis`; the class of each pair of arms decides what may be
spoken (A and B: verdicts; C: ratios to the own baseline; D: figures side by side; X: reasons only).

What it refuses: a winner in class D or X, a verdict on a pooled figure, a difference without its interval and its
number of rounds, and any claim beyond the machine that was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshperf.analysis.records import Comparability, Comparison, MetricComparison, Verdict
from meshperf.report import wording
from meshperf.report.absolute import absolute
from meshperf.spec.records import Warning, WarningKind

__all__ = [
    "ADVICE",
    "GRADES",
    "answer",
    "comparability",
    "equal_by",
    "grade",
    "judged",
    "metric_sentence",
    "related",
    "warnings",
]

GRADES = {
    "A": "paired: every fact that must be equal is equal, and the arms were measured side by side in one session. "
    "Verdicts with intervals can be given.",
    "B": "matched: every fact that must be equal is equal, but the arms were measured in different sessions. "
    "Verdicts rest on each session's own baseline.",
    "C": "normalised: the environments differ, so absolute figures must not be set against each other. "
    "Only ratios to the own baseline are given.",
    "D": "indicative: figures stand side by side, and no verdict is given.",
    "X": "not comparable: no difference is stated; the reasons and the smallest change that mends each are listed.",
}

_PLACE = {
    "mean": ("to the mean response time", "on the mean response time", "in the mean response time"),
    "cpu_per_request": ("of CPU time per request", "of CPU time per request", "in CPU time per request"),
    "memory": ("of memory", "of memory", "in memory"),
}

ADVICE = {
    WarningKind.GENERATOR_LATE: "Lower the offered rate or give the generator more cores; "
    "until then read the slow end of the curve as a lower bound.",
    WarningKind.GENERATOR_BUSY: "Give the generator more cores, or lower the offered rate.",
    WarningKind.NODE_BUSY: "Stop what else runs on this machine and measure again.",
    WarningKind.STEAL: "The hypervisor gave CPU time to others: measure at a quieter time or on your own machine.",
    WarningKind.PRESSURE: "Processes waited for a core: use a larger machine or a lower offered rate.",
    WarningKind.CORES_SHARED: "Measured processes share cores: read the figures as the cost on a machine this small.",
    WarningKind.OTHER_GENERATOR: "Compare these figures only with others of the same generator and version.",
    WarningKind.OMISSION: "Read throughput from this run, and no tail; meshperf's own engine times from when each "
    "request was due.",
    WarningKind.COARSE_TIMES: "Believe a difference only where it is larger than the bounds of the quantile.",
    WarningKind.DOWNGRADED: "Compare it with arms that keep the protocol only as what the mesh makes of it, or set the "
    "mesh to keep it.",
    WarningKind.NOT_STEADY: "No run is left out for it: warm up for longer, or look for what changed at that time.",
    WarningKind.VARYING_CLOCK: "Set the governor to performance, or measure on a machine that keeps its clock; until "
    "then believe ratios of arms that were interleaved, and no absolute figure.",
    WarningKind.FEW_ROUNDS: "Ask for more rounds; six are the fewest that usually decide.",
    WarningKind.POOLED_TAIL: "Measure longer, or at a higher rate, until a round holds 10 000 requests per arm.",
    WarningKind.NOISE_FLOOR: "Do not act on this difference: two copies of the same arm differ as much here.",
    WarningKind.AA_DIFFERS: "One such miss in about twenty is expected; if it repeats, find what disturbs the machine.",
    WarningKind.WEATHER: "The estimate depends on how the machine's changes are removed: measure more rounds first.",
    WarningKind.PILOT: "Run the experiment at its full length before quoting a figure.",
    WarningKind.DEBUG_BUILD: "Install the release build before quoting a figure.",
    WarningKind.FACT_UNKNOWN: "Make the fact observable, or accept the lower class.",
    WarningKind.CLOCK_STEP: "Keep the clock from being stepped during a run (slewing is fine).",
    WarningKind.ROUND_EXCLUDED: "Rounds are kept as records and left out whole; look at the reasons first.",
    WarningKind.ERRORS: "Find the cause before comparing: failed requests are not in the response times.",
    WarningKind.RESUMED: "Facts were captured again and agree; mind the gap when looking for drift.",
    WarningKind.SLICED_CONTROL: "One short stretch, not judged; where the two disagree, try `design: continuous`.",
    WarningKind.RATE_MISSED: "Lower the offered rate until every request that is due is answered.",
    WarningKind.LATE_READ: "Replies lay unread: kernel times keep this out of the response times, but connections came "
    "free late; give the generator more cores.",
    WarningKind.WORKERS_WAITED: "Keep other work off the generator's cores, or pin it to cores of its own.",
    WarningKind.ARRIVALS_UNEVEN: "Requests were sent in clumps, which a queue feels: let the workers spin, or read the "
    "slow end of the curve with that in mind.",
    WarningKind.CENSORED: "Lower the offered rate or let the drain last longer; until then read the slow end as a "
    "lower bound.",
    WarningKind.CLIENT_IN_GENERATOR: "Add the generator's share before setting this arm's CPU against a sidecar's.",
}
"""What to do about each kind of warning."""


def grade(comparison: Comparison, arm: str, against: str) -> str:
    """The class of one pair of arms; the class of the whole where pairs carry none of their own."""
    pairs = list(dict.fromkeys((m.arm, m.against) for m in comparison.metrics))
    if len(pairs) == len(comparison.pairs) and (arm, against) in pairs:
        return comparison.pairs[pairs.index((arm, against))].grade
    return comparison.comparability.grade


def judged(comparison: Comparison, metric: MetricComparison) -> bool:
    """Whether a verdict on this metric may be spoken."""
    return grade(comparison, metric.arm, metric.against) in ("A", "B") and metric.verdict is not Verdict.NOT_COMPARABLE


def related(comparison: Comparison, metric: MetricComparison) -> bool:
    """Whether a ratio with its interval may be shown."""
    allowed = grade(comparison, metric.arm, metric.against) in ("A", "B", "C")
    return allowed and metric.verdict is not Verdict.NOT_COMPARABLE


def comparability(of: Comparability) -> str:
    """The class and what it allows, in one sentence."""
    grade = wording.clean(of.grade)
    return f"Class {grade}, {GRADES.get(of.grade, 'which this version does not know, so no verdict is given.')}"


def warnings(of: Sequence[Warning]) -> tuple[str, ...]:
    """Every warning in its words; what to do about a kind is said once, after the last warning of that kind."""
    last = {warning.kind: place for place, warning in enumerate(of)}
    told = []
    for place, warning in enumerate(of):
        text = wording.clean(warning.text)
        text += "" if text.endswith((".", "!", "?")) else "."
        told.append(f"{text} {ADVICE[warning.kind]}" if last[warning.kind] == place else text)
    return tuple(told)


def answer(comparison: Comparison) -> tuple[str, ...]:
    """What the comparison says, most important first; every sentence stands on its own."""
    sentences = [
        f"No run of {wording.clean(arm.resident)} was valid, so nothing is said about it."
        for arm in comparison.arms
        if arm.rounds == 0
    ]
    for arm, against in dict.fromkeys((m.arm, m.against) for m in comparison.metrics):
        sentences.extend(_pair(comparison, arm, against))
    if not comparison.metrics:
        sentences.append("No metric could be compared.")
    sentences.extend(_with_excluded(comparison))
    sentences.extend(_floor(comparison))
    if comparison.pilot:
        sentences.append("This was a pilot, shorter than a measurement: do not quote its figures.")
    sentences.append("All of this holds for this machine, this workload and this load only.")
    return tuple(sentences)


def _pair(comparison: Comparison, arm: str, against: str) -> list[str]:
    """The primary metrics of one pair, as far as its class lets them be spoken."""
    own = [m for m in comparison.metrics if (m.arm, m.against) == (arm, against)]
    chosen = [m for m in own if m.metric in comparison.primary_family] or own
    of = grade(comparison, arm, against)
    names = f"{wording.clean(arm)} and {wording.clean(against)}"
    if of not in ("A", "B", "C", "D"):
        return [f"{names} are not comparable, so no difference between them is stated; the reasons are listed."]
    begin = []
    if of == "D":
        begin = [f"Indicative only: figures of {names} stand side by side, and none of them is a verdict."]
    elif of == "C":
        begin = [
            f"Normalised only: {names} were measured in different environments, so there are ratios and no verdict."
        ]
    return begin + [metric_sentence(metric, comparison) for metric in chosen]


def metric_sentence(metric: MetricComparison, comparison: Comparison) -> str:
    """One metric of one candidate arm against its baseline, in a sentence."""
    arm, against, name = wording.clean(metric.arm), wording.clean(metric.against), wording.metric_name(metric.metric)
    adds, saves, within = _place(metric.metric)
    evidence = _evidence(metric)
    versus = "" if metric.against == comparison.baseline else f" compared with {against}"
    if not related(comparison, metric):
        was, now = absolute(metric, comparison)
        figures = f"{wording.quantity(now, metric.unit)}, {against} {wording.quantity(was, metric.unit)}"
        return f"{name}: {arm} {figures}; no verdict."
    if metric.pooled:
        return f"{arm}{versus}: {wording.estimate(metric.ratio)} {within}, pooled over all rounds, no verdict."
    if not judged(comparison, metric):
        return f"{arm}, ratio {within} to {against}: {evidence}; no verdict."
    amount = wording.quantity(abs(metric.added.value), metric.added.unit)
    if metric.verdict is Verdict.WORSE:
        return f"{arm} adds {amount} {adds}{versus} ({evidence})."
    if metric.verdict is Verdict.BETTER:
        return f"{arm} saves {amount} {saves}{versus} ({evidence})."
    if metric.verdict is Verdict.EQUIVALENT:
        declared = equal_by(metric)
        limit = f" up to the {declared}" if declared else ""
        return f"{arm} and {against} are equivalent {within}{limit} ({evidence})."
    text = f"Inconclusive: what {arm} changes {within}{versus} is not decided ({evidence})"
    if metric.detectable is not None:
        text += f"; less than {wording.share(metric.detectable)} would mostly go unseen"
    if metric.rounds_needed is not None and metric.rounds_needed > metric.ratio.n:
        more = metric.rounds_needed - metric.ratio.n
        return f"{text}; about {more} more {'round' if more == 1 else 'rounds'} should decide it."
    return f"{text}; {wording.clean(metric.reason).rstrip('.')}." if metric.reason else f"{text}."


def equal_by(metric: MetricComparison) -> str:
    """What was declared to be no difference: the margin where the interval lies within it, else the absolute floor;
    empty where neither was.
    """
    floor, narrow = metric.absolute_floor, metric.narrow
    if metric.margin is not None and (
        floor is None or narrow is None or 1 / (1 + metric.margin) < narrow.low <= narrow.high < 1 + metric.margin
    ):
        return f"margin of {wording.share(metric.margin)}"
    return "" if floor is None else f"absolute floor of {wording.quantity(floor, metric.unit, trim=True)}"


def _place(metric: str) -> tuple[str, str, str]:
    """How a sentence goes on after `adds 5 us`, `saves 5 us` and `equivalent`."""
    at = f"at {wording.metric_name(metric)}"
    return _PLACE.get(metric, (at, at, at))


def _evidence(metric: MetricComparison) -> str:
    ratio = metric.ratio
    rounds = f"{ratio.n} {'round' if ratio.n == 1 else 'rounds'}"
    if not (math.isfinite(ratio.low) and math.isfinite(ratio.high)):
        return f"{wording.estimate(ratio)}, no interval can be given, {rounds}"
    return f"{wording.estimate(ratio)}, {wording.share(ratio.confidence)} interval {wording.interval(ratio)}, {rounds}"


def _with_excluded(comparison: Comparison) -> list[str]:
    """The verdicts that would be others, had no guard excluded a round."""
    told = [
        f"{wording.metric_name(m.metric)} of {wording.clean(m.arm)} against {wording.clean(m.against)} would be "
        f"{m.with_excluded.verdict.value} instead of {m.verdict.value}"
        for m in comparison.metrics
        if m.with_excluded is not None and m.with_excluded.verdict is not m.verdict and judged(comparison, m)
    ]
    return [f"With the rounds that guards excluded counted in, {wording.listing(told)}."] if told else []


def _floor(comparison: Comparison) -> list[str]:
    """The noise floors of the primary family, an arm a sentence."""
    sentences = []
    for arm in dict.fromkeys(floor.arm for floor in comparison.noise_floors):
        floors = [
            f"{wording.share(floor.floor)} {_place(floor.metric)[2]}"
            for floor in comparison.noise_floors
            if floor.arm == arm and floor.metric in comparison.primary_family and math.isfinite(floor.floor)
        ]
        if floors:
            sentences.append(
                f"Two fresh copies of {wording.clean(arm)} can differ by {wording.listing(floors)} on this machine; "
                "a smaller difference would be noise."
            )
    return sentences

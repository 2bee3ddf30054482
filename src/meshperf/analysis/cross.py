"""Two sets of runs that were not measured side by side: bundles, stored results, result documents, other tools' files.

What it decides: how such a pair may be judged. Where each side has a baseline of its own, by the ratio of their two
ratios (classes B and C); where not, by the figures as they stand, which are indicative at best (class D).

Why this way: between two sessions everything may have moved. Only what a baseline saw too can be taken out.

What it refuses: an absolute difference between two sessions as a verdict, and any figure of a side of which no run is
valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshperf.analysis.cross_comparability import compare_sessions
from meshperf.analysis.figures import METRICS, PRIMARY_FAMILY, TAIL_REQUESTS, UNITS
from meshperf.analysis.intervals import COMPANION_ROUNDS, geometric_mean
from meshperf.analysis.noise_floor import noise_floors
from meshperf.analysis.notices import general_warnings, metric_warnings
from meshperf.analysis.objectives import try_objectives
from meshperf.analysis.pair_judgement import ALPHA, JudgedMetric, Terms, judge_series, judge_unpaired
from meshperf.analysis.pairing import (
    excluded_runs,
    in_order,
    one_after_the_other,
    pair_rounds,
    set_aside,
    why_excluded,
)
from meshperf.analysis.ratio_of_ratios import METHOD, ratios_of_ratios
from meshperf.analysis.readings import reading
from meshperf.analysis.records import ArmSummary, Comparison, Estimate, MetricComparison, NoiseFloor
from meshperf.analysis.rules import Rules
from meshperf.analysis.series import PairedRounds
from meshperf.analysis.summary import summarise
from meshperf.analysis.unpaired import unpaired_series
from meshperf.spec.imported import Completeness
from meshperf.spec.records import RunResult, Warning, WarningKind

if TYPE_CHECKING:
    from meshperf.spec.experiment import Objective

__all__ = ["Side", "compare_sides", "shown_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One arm at one load point of one source.

    `session`: all runs of its experiment at that load point, the arm's own among them.
    """

    label: str
    """Unique among the sides; `#` is for twins."""
    arm: str
    session: tuple[RunResult, ...]
    baseline: str | None = None
    """Arm of the session that is its own baseline; None: it has none, or is one itself."""
    baseline_label: str = ""
    grade: Completeness = Completeness.FULL

    @property
    def runs(self) -> tuple[RunResult, ...]:
        """Of the arm itself, its twin apart."""
        return tuple(run for run in in_order(self.session) if (run.arm, run.twin) == (self.arm, 0))

    @property
    def own_baseline(self) -> bool:
        return self.baseline is not None and self.baseline != self.arm

    def rounds(self) -> PairedRounds:
        """The arm over its own baseline, round by round."""
        runs = in_order(self.session)
        return PairedRounds(pairing=pair_rounds(runs, baseline=(self.baseline or "", 0), candidate=(self.arm, 0)))


def compare_sides(
    first: Side,
    second: Side,
    *,
    subject: Sequence[str],
    margins: Mapping[str, float],
    absolute_floors: Mapping[str, float] | None = None,
    objectives: Sequence[Objective] = (),
    rules: Rules | None = None,
    cell: str = "",
    alpha: float = ALPHA,
) -> Comparison:
    """Judge the second side against the first.

    Args:
        subject: what was declared to differ between the two.
        margins, absolute_floors: by metric, as for `compare`.
        objectives: bounds to try on both.
        cell: a name that tells this comparison from others of the same load point.

    Returns:
        A comparison whose baseline is the first side's label. Its metrics are not paired.
    """
    own = first.own_baseline and second.own_baseline
    comparability = compare_sessions(first, second, subject=subject, own_baselines=own, rules=rules)
    floors = {side.label: _floors(side) for side in (first, second)}
    terms = Terms(
        arm=second.label,
        against=first.label,
        grade=comparability.grade,
        margins=margins,
        absolute_floors=absolute_floors or {},
        floors=tuple(replace(floor, arm=label) for label, found in floors.items() for floor in found),
        pilot=any(run.design.pilot for run in (*first.runs, *second.runs)),
        alpha=alpha,
    )
    judged = tuple(_through_baselines(first, second, terms) if own else _as_they_stand(first, second, terms))
    metrics = tuple(one.comparison for one in judged)
    every = [run for side in (first, second) for run in shown_runs(side)]
    warnings = [warning for one in judged for warning in metric_warnings(one.comparison, one.judgement)]
    warnings += _few(metrics)
    warnings += [w for w in general_warnings(every, comparability, ()) if w.kind is not WarningKind.FEW_ROUNDS]
    return Comparison(
        experiment=f"{second.label} against {first.label}{', ' + METHOD if own else ''}",
        experiment_id="",
        load_point=first.session[0].load_point if first.session else 0,
        cell=cell,
        baseline=first.label,
        subject=tuple(subject),
        comparability=comparability,
        arms=tuple(_summaries(first, second)),
        metrics=metrics,
        noise_floors=tuple(floor for found in floors.values() for floor in found),
        objectives=tuple(
            outcome
            for side in (first, second)
            for outcome in try_objectives(side.label, [run for run in side.runs if set_aside(run) is None], objectives)
        ),
        warnings=tuple(warnings),
        rounds=min((metric.ratio.n for metric in metrics), default=0),
        rounds_excluded=tuple(f"{side.label}: {line}" for side in (first, second) for line in excluded_runs(side.runs)),
        primary_family=PRIMARY_FAMILY,
        alpha=alpha,
        pilot=terms.pilot,
        pairs=(comparability,),
    )


def shown_runs(side: Side) -> list[RunResult]:
    """The runs of a side and of its own baseline, under the names that the comparison has for them."""
    names = {side.arm: side.label} | ({side.baseline: side.baseline_label} if side.own_baseline else {})
    point = side.session[0].load_point if side.session else 0
    return [
        replace(run, arm=names[run.arm], load_point=point)
        for run in in_order(side.session)
        if run.arm in names and run.twin == 0
    ]


def _through_baselines(first: Side, second: Side, terms: Terms) -> Iterator[JudgedMetric]:
    a, b = first.rounds(), second.rounds()
    sequential = one_after_the_other(a.pairing.pairs) or one_after_the_other(b.pairing.pairs)
    series = {name: one for name, one in ratios_of_ratios(a, b, METRICS).items() if one.count}
    yield from judge_series(series, terms, paired=False, sequential=sequential)


def _as_they_stand(first: Side, second: Side, terms: Terms) -> Iterator[JudgedMetric]:
    a, b = ([run for run in side.runs if why_excluded(run) is None] for side in (first, second))
    metrics = tuple(name for name in METRICS if all(any(reading(run, name).known for run in runs) for runs in (a, b)))
    if all(run.response.total for run in (*a, *b)):
        yield from judge_unpaired(a, b, replace(terms, metrics=metrics))
        return
    if min(len(a), len(b)) > 1 and any(run.counts.ok < TAIL_REQUESTS for run in (*a, *b)):
        metrics = tuple(name for name in metrics if name != "p99")  # nothing to merge, and too few to judge one by one
    series = {
        name: unpaired_series(name, [reading(run, name) for run in a], [reading(run, name) for run in b])
        for name in metrics
    }
    yield from judge_series(series, terms, paired=False)


def _floors(side: Side) -> tuple[NoiseFloor, ...]:
    """What the side's arm, or else its baseline, differed from its own copy by."""
    runs = in_order(side.session)
    twins = {run.arm for run in runs if run.twin == 1}
    names = {side.arm: side.label, side.baseline or "": side.baseline_label}
    return tuple(
        replace(floor, arm=names[floor.arm]) for floor in noise_floors(runs, [arm for arm in names if arm in twins][:1])
    )


def _summaries(first: Side, second: Side) -> Iterator[ArmSummary]:
    for side in (first, second):
        own: list[RunResult] = []
        other: list[RunResult] = []
        for run in shown_runs(side):
            (own if run.arm == side.label else other).append(run)
        for runs, base in ((own, other), (other, other)):
            if not runs:
                continue
            made = summarise(runs, base)
            if any(run.generator.bounds for run in runs):
                made = replace(made, figures=_told(runs))
            yield made


def _told(runs: Sequence[RunResult]) -> dict[str, Estimate]:
    """Absolute figures of results whose quantiles were told, not recorded."""
    valid = [run for run in runs if why_excluded(run) is None]
    found = {name: [reading(run, name) for run in valid] for name in METRICS}
    return {name: geometric_mean([one.value for one in each if one.known], UNITS[name]) for name, each in found.items()}


def _few(metrics: Sequence[MetricComparison]) -> list[Warning]:
    fewest = min((metric.ratio.n for metric in metrics if metric.primary), default=0)
    if not metrics or fewest >= COMPANION_ROUNDS:
        return []
    return [
        Warning(
            kind=WarningKind.FEW_ROUNDS,
            text=f"Only {fewest} run(s) a side count for some figures.",
            figures={"rounds": float(fewest), "wanted": float(COMPANION_ROUNDS)},
        )
    ]

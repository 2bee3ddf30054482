"""All rounds of an experiment judged together: the way from result documents to verdicts.

    runs → in order, once each → by load point → arms that may be compared → pairs by round → series by metric
         → intervals, Holm, noise floors → verdicts

Nothing here starts a process or reads a file (but the packaged rules), so whoever holds the results can repeat it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from meshperf.analysis.comparability import compare_runs, together
from meshperf.analysis.figures import PRIMARY_FAMILY
from meshperf.analysis.noise_floor import noise_floors, twin_warnings
from meshperf.analysis.notices import general_warnings, metric_warnings
from meshperf.analysis.objectives import try_objectives
from meshperf.analysis.pair_judgement import ALPHA, Terms, judge_paired
from meshperf.analysis.pairing import Pairing, excluded_runs, in_order, pair_rounds, set_aside, why_excluded
from meshperf.analysis.records import Comparability, Comparison, MetricComparison
from meshperf.analysis.rules import Rules
from meshperf.analysis.series import PairedRounds
from meshperf.analysis.side_notes import client_in_generator, sliced_against_continuous
from meshperf.analysis.steadiness import STEADINESS_METRIC, flagged, steadiness_flags, steadiness_warnings
from meshperf.analysis.summary import summarise
from meshperf.errors import ComparisonError
from meshperf.spec.records import RunResult, Warning

if TYPE_CHECKING:
    from meshperf.spec.experiment import Objective

__all__ = ["compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arms:
    """Two arms to be judged against each other."""

    against: str
    arm: str
    primary: bool


def compare(
    runs: Sequence[RunResult],
    *,
    baseline: str,
    subject: tuple[str, ...],
    margins: Mapping[str, float],
    objectives: Sequence[Objective] = (),
    aa: Sequence[str] = (),
    redone: Sequence[str] = (),
    cell: str = "",
    absolute_floors: Mapping[str, float] | None = None,
    alpha: float = ALPHA,
    rules: Rules | None = None,
) -> tuple[Comparison, ...]:
    """Judge every candidate arm against the baseline of its own group, and candidates of one group among themselves.

    Args:
        runs: of one experiment, valid or not, in any order.
        baseline: name of the arm without a mesh.
        subject: what was declared to differ between arms.
        margins: by metric, the relative difference that counts as none (0.05 for 5 %).
        objectives: bounds to try on every arm.
        aa: arms that were deployed twice; arms with twins among the runs are found without it.
        cell: name of the cell of a matrix that these runs are; told, never judged.
        redone: attempts at rounds that were excluded whole and made again, with the reason; told, never judged.
        absolute_floors: by metric, the added amount in its unit that counts as none whatever its share.
        alpha: level of every interval and test; that of an early look (`stopping`) is smaller.
        rules: of comparability; None: those that ship.

    Returns:
        One comparison for each load point, in order.

    Raises:
        ComparisonError: runs of several experiments, none at all, or none of the baseline arm (MP4001, MP4002).
    """
    ordered = in_order(runs)
    experiments = {run.experiment_id for run in ordered}
    if len(experiments) > 1:
        raise ComparisonError(
            "MP4001",
            f"these are runs of {len(experiments)} experiments, which do not share rounds",
            hint="compare the runs of one experiment at a time",
        )
    if not any(run.arm == baseline for run in ordered):
        raise ComparisonError("MP4002", f"there is no run of the baseline arm `{baseline}`")
    points = sorted({run.load_point for run in ordered})
    judged = (
        _compare_point(
            tuple(run for run in ordered if run.load_point == point),
            baseline,
            subject,
            margins,
            objectives,
            aa,
            redone,
            absolute_floors or {},
            alpha,
            rules,
        )
        for point in points
    )
    return tuple(replace(comparison, cell=cell) for comparison in judged)


def _compare_point(
    runs: tuple[RunResult, ...],
    baseline: str,
    subject: tuple[str, ...],
    margins: Mapping[str, float],
    objectives: Sequence[Objective],
    aa: Sequence[str],
    redone: Sequence[str],
    absolute_floors: Mapping[str, float],
    alpha: float,
    rules: Rules | None,
) -> Comparison:
    arms = _arms_in_order(runs, baseline)
    pilot = any(run.design.pilot for run in runs)
    floors = noise_floors(runs, _with_twins(runs, aa))
    warnings: list[Warning] = list(twin_warnings(floors))
    against_baseline: list[Comparability] = []
    among_candidates: list[Comparability] = []
    metrics: list[MetricComparison] = []
    for judged in _judged_pairs(arms, runs):
        paired = PairedRounds(pairing=pair_rounds(runs, baseline=(judged.against, 0), candidate=(judged.arm, 0)))
        pairs = paired.pairing.pairs
        comparability = compare_runs(
            [pair.baseline for pair in pairs],
            [pair.candidate for pair in pairs],
            subject=subject,
            against_baseline=judged.primary,
            every=(_of(runs, judged.against), _of(runs, judged.arm)),
            rules=rules,
        )
        (against_baseline if judged.primary else among_candidates).append(comparability)
        terms = Terms(
            arm=judged.arm,
            against=judged.against,
            grade=comparability.grade,
            primary=judged.primary,
            margins=margins,
            absolute_floors=absolute_floors,
            floors=floors,
            pilot=pilot,
            alpha=alpha,
        )
        flags, looked = steadiness_flags(pairs, paired.blocks)
        for metric in judge_paired(paired, terms, with_guarded=_with_guarded(runs, judged, paired.pairing)):
            found = metric.comparison
            metrics.append(flagged(found, flags) if found.metric == STEADINESS_METRIC else found)
            warnings += metric_warnings(found, metric.judgement)
        warnings += steadiness_warnings(f"{judged.arm} against {judged.against}", flags, looked)
    if len(arms) == 1:
        against_baseline.append(_alone(runs, baseline, subject, rules))
    whole = together(against_baseline, subject, rules)
    summaries = [[run for run in runs if (run.arm, run.twin) == resident] for resident in _residents(runs, arms)]
    base_runs = _of(runs, baseline)
    excluded = excluded_runs(runs)
    warnings += general_warnings(runs, whole, metrics, redone=redone)
    warnings += client_in_generator(runs, baseline)
    warnings += sliced_against_continuous(runs, baseline, metrics)
    return Comparison(
        experiment=runs[0].experiment,
        experiment_id=runs[0].experiment_id,
        load_point=runs[0].load_point,
        baseline=baseline,
        subject=tuple(subject),
        comparability=whole,
        arms=tuple(summarise(group, base_runs) for group in summaries),
        metrics=tuple(metrics),
        noise_floors=floors,
        objectives=tuple(
            outcome
            for arm in arms
            for outcome in try_objectives(arm, [run for run in _of(runs, arm) if set_aside(run) is None], objectives)
        ),
        warnings=tuple(warnings),
        rounds=len({run.round for run in runs if why_excluded(run) is None}),
        rounds_excluded=(*redone, *excluded),
        primary_family=PRIMARY_FAMILY,
        alpha=alpha,
        pilot=pilot,
        pairs=(*against_baseline, *among_candidates),
    )


def _with_guarded(runs: Sequence[RunResult], judged: _Arms, without: Pairing) -> PairedRounds | None:
    """The pair with the rounds that only a guard keeps out; None where there are none."""
    whole = pair_rounds(runs, baseline=(judged.against, 0), candidate=(judged.arm, 0), with_guarded=True)
    return PairedRounds(pairing=whole) if len(whole.pairs) > len(without.pairs) else None


def _judged_pairs(arms: Sequence[str], runs: Sequence[RunResult]) -> Iterator[_Arms]:
    """Every candidate against the baseline, then candidates that were resident together."""
    baseline, *candidates = arms
    for candidate in candidates:
        yield _Arms(against=baseline, arm=candidate, primary=True)
    places = {arm: {(run.round, run.group) for run in runs if (run.arm, run.twin) == (arm, 0)} for arm in candidates}
    for first, second in combinations(candidates, 2):
        if places[first] & places[second]:
            yield _Arms(against=first, arm=second, primary=False)


def _alone(runs: Sequence[RunResult], baseline: str, subject: tuple[str, ...], rules: Rules | None) -> Comparability:
    """The baseline arm without candidates, an A/A test: held against its twin, or else against itself over rounds."""
    pairs = pair_rounds(runs, baseline=(baseline, 0), candidate=(baseline, 1)).pairs
    first = [pair.baseline for pair in pairs] or [run for run in runs if run.twin == 0 and why_excluded(run) is None]
    second = [pair.candidate for pair in pairs] or first
    every = (_of(runs, baseline), _of(runs, baseline, twin=1) or _of(runs, baseline))
    return compare_runs(first, second, subject=subject, against_baseline=True, every=every, rules=rules)


def _of(runs: Sequence[RunResult], arm: str, twin: int = 0) -> list[RunResult]:
    """All runs of one resident, comparable or not."""
    return [run for run in runs if (run.arm, run.twin) == (arm, twin)]


def _arms_in_order(runs: Sequence[RunResult], baseline: str) -> tuple[str, ...]:
    """The baseline first, then the candidates by name."""
    return (baseline, *sorted({run.arm for run in runs} - {baseline}))


def _residents(runs: Sequence[RunResult], arms: Sequence[str]) -> list[tuple[str, int]]:
    """Arms in order, each followed by its twins."""
    return [resident for arm in arms for resident in sorted({(run.arm, run.twin) for run in runs if run.arm == arm})]


def _with_twins(runs: Sequence[RunResult], aa: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*aa, *sorted({run.arm for run in runs if run.twin == 1}))))

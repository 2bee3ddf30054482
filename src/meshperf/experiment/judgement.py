"""Judge what a bundle holds. The run and its verification call the same function, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshperf import analysis
from meshperf.experiment.bundle_reading import ExcludedRun
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult
from meshperf.spec.run_plan import RunPlan

__all__ = ["judge_runs"]

_ALPHA = 0.05


def judge_runs(
    experiment: Experiment,
    runs: Sequence[RunResult],
    excluded: Sequence[ExcludedRun] = (),
    *,
    plan: RunPlan | None = None,
) -> tuple[analysis.Comparison, ...]:
    """One comparison for each cell and load point, by the cell's own baseline and the experiment's other words.

    Args:
        runs: of finished rounds. excluded: records of attempts that were made again; told, never judged.
        plan: of an experiment that asks for a resolution: every interval and test is at the level of the look after as
            many rounds as there are; where none was planned, at the smallest level of any. None: at 5 %.

    Raises:
        ComparisonError: no run of the baseline arm (MP4002), or runs of several experiments (MP4001).
    """
    redone = tuple(dict.fromkeys(_attempt(record) for record in excluded))
    made = len({run.round for run in runs})
    alpha = _ALPHA if plan is None else plan.alpha_at(made) or min(plan.alphas)
    judged: list[analysis.Comparison] = []
    for cell, arms in experiment.cells().items():
        names = {arm.name for arm in arms}
        judged += analysis.compare(
            [run for run in runs if run.arm in names],
            baseline=arms[0].name,
            subject=experiment.subject,
            margins=experiment.margins,
            absolute_floors=experiment.absolute_floors,
            objectives=experiment.objectives,
            aa=tuple(name for name in experiment.aa if name in names),
            redone=redone,
            cell=cell,
            alpha=alpha,
        )
    return tuple(judged) if plan is None else _with_end(judged, plan, made, alpha)


def _with_end(
    judged: Sequence[analysis.Comparison], plan: RunPlan, made: int, alpha: float
) -> tuple[analysis.Comparison, ...]:
    """The comparisons with how the experiment ended, if it ends with them."""
    reached, found = analysis.may_stop(judged, resolution=plan.resolution, alpha=alpha)
    early = reached and made < plan.rounds and plan.alpha_at(made) is not None
    if early:
        why = f"the look after round {made} found every interval {found}"
    elif made == plan.rounds:
        why = "all planned rounds were made; " + (f"every interval is {found}" if reached else found)
    else:
        why = f"it was broken off: {made} of {plan.rounds} planned rounds are there"
    end = analysis.PlannedEnd(
        resolution=plan.resolution,
        planned=plan.rounds,
        made=made,
        needed=plan.needed,
        pilot_rounds=plan.pilot_rounds,
        scale=plan.scale,
        looks=plan.looks,
        early=early,
        reached=reached,
        why=why,
    )
    return tuple(replace(comparison, planned=end) for comparison in judged)


def _attempt(record: ExcludedRun) -> str:
    return f"round {record.round}, attempt {record.attempt + 1}: {record.reason}"

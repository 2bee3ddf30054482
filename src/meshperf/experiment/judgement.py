"""Judge what a bundle holds. The run and its verification call the same function, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Sequence

from meshperf import analysis
from meshperf.experiment.bundle_reading import ExcludedRun
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult

__all__ = ["judge_runs"]


def judge_runs(
    experiment: Experiment, runs: Sequence[RunResult], excluded: Sequence[ExcludedRun] = ()
) -> tuple[analysis.Comparison, ...]:
    """One comparison for each cell and load point, by the cell's own baseline and the experiment's other words.

    Args:
        runs: of finished rounds. excluded: records of attempts that were made again; told, never judged.

    Raises:
        ComparisonError: no run of the baseline arm (MP4002), or runs of several experiments (MP4001).
    """
    redone = tuple(dict.fromkeys(_attempt(record) for record in excluded))
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
        )
    return tuple(judged)


def _attempt(record: ExcludedRun) -> str:
    return f"round {record.round}, attempt {record.attempt + 1}: {record.reason}"

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
    """One comparison for each load point, by the experiment's own baseline, subject, margins and objectives.

    Args:
        runs: of finished rounds. excluded: records of attempts that were made again; told, never judged.

    Raises:
        ComparisonError: no run of the baseline arm (MP4002), or runs of several experiments (MP4001).
    """
    return analysis.compare(
        runs,
        baseline=experiment.baseline,
        subject=experiment.subject,
        margins=experiment.margins,
        objectives=experiment.objectives,
        aa=experiment.aa,
        redone=tuple(dict.fromkeys(_attempt(record) for record in excluded)),
    )


def _attempt(record: ExcludedRun) -> str:
    return f"round {record.round}, attempt {record.attempt + 1}: {record.reason}"

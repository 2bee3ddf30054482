"""An A/A test of this machine: the baseline against itself, freshly deployed three times.

It runs the very code of an experiment (deployment, slices, judgement), so that what it finds holds for experiments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf import analysis
from meshperf.environments.local import LocalSite
from meshperf.experiment.conditions import round_facts
from meshperf.experiment.pilot import default_slice
from meshperf.experiment.plan import make_plan
from meshperf.experiment.rounds import RoundTask, run_round
from meshperf.spec.experiment import Arm, Experiment, LoadPoint
from meshperf.spec.records import RunResult

__all__ = ["Resolution", "resolution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What an A/A test saw: one floor a metric, and why runs do not count, if any does not."""

    floors: Sequence[analysis.NoiseFloor]
    reasons: Sequence[str]


def resolution(*, state_dir: Path, rate: float, rounds: int = 3, duration_s: float = 2.0) -> Resolution:
    """Measure the smallest difference this machine can see at `rate` [1/s], in about 7 s a round.

    Raises:
        DeploymentError, PrerequisiteError: the workload could not be started.
    """
    point = LoadPoint(rate=rate, connections=16, arrivals="poisson", warmup_s=0.5, duration_s=duration_s)
    experiment = Experiment(
        name="aa-test",
        subject=("time",),
        load=(point,),
        slice_s=default_slice(point),
        rounds=rounds,
        seed=1,
        arms={"baseline": Arm(name="baseline", mesh="none")},
        aa=("baseline",),
    )
    runs: list[RunResult] = []
    for round_plan in make_plan(experiment).rounds:
        with LocalSite.open("aa-test", None, state_dir, environment=experiment.environment) as site:
            task = RoundTask(
                experiment=experiment,
                experiment_id="aa-test",
                plan=round_plan,
                slice_s=experiment.slice_s,
                facts=round_facts(site, experiment),
            )
            runs += run_round(site, task)
    (comparison,) = analysis.compare(
        runs,
        baseline=experiment.baseline,
        subject=experiment.subject,
        margins=experiment.margins,
        aa=experiment.aa,
    )
    return Resolution(floors=comparison.noise_floors, reasons=comparison.rounds_excluded)

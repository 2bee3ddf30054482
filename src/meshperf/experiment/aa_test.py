"""An A/A test of this machine: the baseline against itself, freshly deployed a few times.

It runs the very code of an experiment (deployment, slices, judgement), so that what it finds holds for experiments; and
it is a pilot: from what its rounds scattered follows how long an experiment must be to see a difference.
"""

from __future__ import annotations

import statistics
import time
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
from meshperf.spec.resolution import TAIL_METRICS

__all__ = ["Length", "Resolution", "lengths_to_see", "resolution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What an A/A test saw: one floor a metric, and why runs do not count, if any does not."""

    floors: Sequence[analysis.NoiseFloor]
    reasons: Sequence[str]
    blocks: int
    """Slices per arm and round."""
    counted_s: float
    """Counted time per arm and round [s]."""
    requests: int
    """Fewest that a round counted in an arm."""
    load_s: float
    """Wall time of a round's counted load, both arms together [s]."""
    round_s: float
    """Wall time of a round, deployment included [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long an experiment must be to find a true difference of `share` in a metric four times in five."""

    metric: str
    share: float
    rounds: int | None = None
    """None: it cannot be said, or is more than 200; `why` says which."""
    counted_s: float | None = None
    """Per arm and round [s]."""
    minutes: float | None = None
    """Wall time of two arms."""
    why: str = ""


def lengths_to_see(seen: Resolution, share: float) -> tuple[Length, ...]:
    """Plan an experiment for each metric that has a floor, from the A/A test's own scatter.

    Args:
        share: difference to be found, such as 0.05.
    """
    return tuple(_length(seen, floor, share) for floor in seen.floors)


def _length(seen: Resolution, floor: analysis.NoiseFloor, share: float) -> Length:
    if floor.metric in TAIL_METRICS and seen.requests < analysis.TAIL_REQUESTS:
        longer = seen.counted_s * analysis.TAIL_REQUESTS / max(seen.requests, 1)
        why = f"takes {analysis.TAIL_REQUESTS} counted requests per arm and round, about {longer:.0f} s at this rate"
        return Length(metric=floor.metric, share=share, why=why)
    slice_s = seen.load_s / seen.blocks  # of both arms
    rest_s = max(seen.round_s - seen.load_s, 0.0)
    pilot = analysis.pilot_of(floor, slices=seen.blocks)
    plan = analysis.rounds_for(pilot, share, round_cost=rest_s / slice_s, find=True)
    if plan is None:
        return Length(metric=floor.metric, share=share, why="takes more than 200 rounds on this machine")
    return Length(
        metric=floor.metric,
        share=share,
        rounds=plan.rounds,
        counted_s=seen.counted_s * plan.slices / seen.blocks,
        minutes=plan.rounds * (rest_s + slice_s * plan.slices) / 60,
    )


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
    walls: list[float] = []
    for round_plan in make_plan(experiment).rounds:
        began = time.monotonic()
        with LocalSite.open("aa-test", None, state_dir, environment=experiment.environment) as site:
            task = RoundTask(
                experiment=experiment,
                experiment_id="aa-test",
                plan=round_plan,
                slice_s=experiment.slice_s,
                facts=round_facts(site, experiment),
            )
            runs += run_round(site, task)
        walls.append(time.monotonic() - began)
    (comparison,) = analysis.compare(
        runs,
        baseline=experiment.baseline,
        subject=experiment.subject,
        margins=experiment.margins,
        aa=experiment.aa,
    )
    spans = [(min(r.start_time for r in of), max(r.end_time for r in of)) for of in _by_round(runs)]
    return Resolution(
        floors=comparison.noise_floors,
        reasons=comparison.rounds_excluded,
        blocks=max(run.design.blocks or 1 for run in runs),
        counted_s=statistics.median(run.measured_s for run in runs),
        requests=min(run.response.total for run in runs),
        load_s=statistics.median((end - begin).total_seconds() for begin, end in spans),
        round_s=statistics.median(walls),
    )


def _by_round(runs: Sequence[RunResult]) -> list[list[RunResult]]:
    return [[run for run in runs if run.round == number] for number in sorted({run.round for run in runs})]

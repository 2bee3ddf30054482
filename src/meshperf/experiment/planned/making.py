"""From pilot rounds to a plan: how long a round counts, how many rounds, and when they are looked at.

What it decides: the length of a round (0.5, 1, 2 or 4 times the file's `duration`) and the number of rounds with which
every resolution that was asked for is met in the least wall time, each with a chance of 80 %.

Why this way: everything follows from the experiment and the runs of the pilot, times included, so whoever has the
bundle can make the plan again; `verify` does. What a deployment takes is the wall time from the begin of one pilot
round's load to that of the next, less the load itself.

What it assumes: a round counts like a pilot round, but for its length.

What it refuses: a p99 from rounds that hold fewer than 10 000 requests per arm, and a metric that no pilot round told.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from meshperf.analysis import (
    Asked,
    Comparison,
    MetricComparison,
    RoundLength,
    pilot_of,
    plan_stopping,
    plan_together,
)
from meshperf.errors import ComparisonError, DocumentError, Location
from meshperf.experiment.bundle_reading import ExcludedRun
from meshperf.experiment.judgement import judge_runs
from meshperf.experiment.offered import mean_rate
from meshperf.experiment.plan import seed_of
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult
from meshperf.spec.resolution import DURATION_SCALES, TAIL_METRICS, TAIL_REQUESTS, allowed_scales
from meshperf.spec.run_plan import PlannedMetric, RunPlan

__all__ = ["PILOT_ROUNDS", "POWER", "make_run_plan", "pilot_experiment", "planned_experiment"]

PILOT_ROUNDS = 3
"""The fewest whose scatter says something, and the plan knows how little that is."""
POWER = 0.8
ALPHA = 0.05


def pilot_experiment(experiment: Experiment) -> Experiment:
    """The pilot: the experiment with three rounds of its own, long enough for every metric that was asked for."""
    scales = _scales(experiment, None)
    first = 1.0 if 1.0 in scales else min(scales, default=1.0)
    lengthened = _lengthened(experiment, first)
    return replace(lengthened, rounds=PILOT_ROUNDS, seed=seed_of(experiment.seed, "planning pilot"))


def planned_experiment(experiment: Experiment, plan: RunPlan) -> Experiment:
    """The experiment as it was planned: number and length of its rounds."""
    return replace(_lengthened(experiment, plan.scale), rounds=plan.rounds)


def make_run_plan(
    experiment: Experiment, pilot: Sequence[RunResult], excluded: Sequence[ExcludedRun] = (), *, manifest: str = ""
) -> RunPlan:
    """Plan the rounds that count.

    Args:
        experiment: as its file says, not lengthened.
        pilot: runs of the pilot's finished rounds. excluded: of its attempts that were made again.
        manifest: SHA-256 of the pilot's manifest.

    Raises:
        ComparisonError: MP4002, no pilot round tells a metric that was asked for.
        DocumentError: MP2107, the rounds cannot hold the requests that a p99 takes.
    """
    pilot_scale = pilot_experiment(experiment).load[0].duration_s / experiment.load[0].duration_s
    scales = _scales(experiment, pilot, pilot_scale)
    if not scales:
        raise _tail_refused(experiment, pilot, pilot_scale)
    wall = _Wall(pilot)
    lengths = [RoundLength(scale=scale, round_s=wall.round_s(scale / pilot_scale)) for scale in scales]
    found = [
        (comparison, metric)
        for comparison in judge_runs(experiment, pilot, excluded)
        for metric in comparison.metrics
        if metric.metric in experiment.resolution and metric.against == comparison.baseline
    ]
    asked = [_asked(experiment, comparison, metric, pilot, scales, pilot_scale) for comparison, metric in found]
    plan = plan_together(asked, lengths, most=experiment.rounds, alpha=ALPHA, power=POWER)
    looks = plan_stopping(plan.rounds, alpha=ALPHA)
    return RunPlan(
        resolution=dict(experiment.resolution),
        power=POWER,
        pilot_rounds=len({run.round for run in pilot}),
        pilot_scale=pilot_scale,
        pilot_manifest=manifest,
        scale=scales[plan.choice],
        slice_s=_slice_s(experiment, pilot),
        round_s=lengths[plan.choice].round_s,
        most=experiment.rounds,
        needed=plan.needed,
        rounds=plan.rounds,
        looks=looks.looks,
        alphas=looks.alphas,
        alpha=ALPHA,
        metrics=tuple(
            PlannedMetric(
                cell=comparison.cell,
                load_point=comparison.load_point,
                arm=metric.arm,
                metric=metric.metric,
                resolution=one.resolution,
                between_sd=one.pilot.between_sd,
                within_sd=one.pilot.within_sd,
                rounds=rounds,
                half_width=half_width,
            )
            for (comparison, metric), one, rounds, half_width in zip(
                found, asked, plan.each, plan.half_widths, strict=True
            )
        ),
    )


class _Wall:
    """What a round takes: the load, which is as long as asked for, and the rest (deployments, claims, warm-ups)."""

    def __init__(self, pilot: Sequence[RunResult]) -> None:
        begins = {number: min(run.start_time for run in pilot if run.round == number) for number in _rounds(pilot)}
        gaps = [
            (begins[number + 1] - begins[number]).total_seconds() for number in _rounds(pilot) if number + 1 in begins
        ]
        self._load_s = statistics.median(_load_s(pilot, number) for number in _rounds(pilot))
        # The least: an attempt that was made again, or a break, is not what a round takes.
        self._rest_s = max(min((gap for gap in gaps if gap > 0), default=0.0) - self._load_s, 0.0)

    def round_s(self, times: float) -> float:
        """Seconds of a round whose load is so many times the pilot's."""
        return self._rest_s + self._load_s * times


def _rounds(runs: Sequence[RunResult]) -> list[int]:
    return sorted({run.round for run in runs})


def _load_s(pilot: Sequence[RunResult], number: int) -> float:
    """Wall time of a round's counted load: groups and load points follow one another."""
    spans: dict[tuple[int, int], list[datetime]] = {}
    for run in pilot:
        if run.round == number:
            spans.setdefault((run.group, run.load_point), []).extend((run.start_time, run.end_time))
    return math.fsum((max(times) - min(times)).total_seconds() for times in spans.values())


def _asked(
    experiment: Experiment,
    comparison: Comparison,
    metric: MetricComparison,
    pilot: Sequence[RunResult],
    scales: Sequence[float],
    pilot_scale: float,
) -> Asked:
    told = [entry for entry in metric.rounds if entry.excluded is None and entry.ratio > 0]
    if not told:
        reasons = "; ".join(dict.fromkeys(entry.excluded for entry in metric.rounds if entry.excluded)) or metric.reason
        raise ComparisonError(
            "MP4002",
            f"no pilot round tells {metric.metric} of `{metric.arm}`, so nothing can be planned: {reasons}",
            hint=f"mend what the reason says, or leave `{metric.metric}` out of `resolution`",
        )
    blocks = max(run.design.blocks or 1 for run in pilot if run.load_point == comparison.load_point)
    return Asked(
        pilot=pilot_of(metric, slices=blocks),
        resolution=experiment.resolution[metric.metric],
        slices=tuple(max(1, round(blocks * scale / pilot_scale)) for scale in scales),
    )


def _slice_s(experiment: Experiment, pilot: Sequence[RunResult]) -> float | None:
    """The pilot chose at the first load point; the others follow from it, and are never shorter."""
    if experiment.design != "interleaved":
        return None
    return min((run.design.slice_s for run in pilot if run.design.slice_s), default=None)


def _lengthened(experiment: Experiment, scale: float) -> Experiment:
    load = tuple(replace(point, duration_s=point.duration_s * scale) for point in experiment.load)
    return replace(experiment, load=load)


def _scales(experiment: Experiment, pilot: Sequence[RunResult] | None, pilot_scale: float = 1.0) -> tuple[float, ...]:
    """Lengths that every load point allows; in a closed loop by the requests that the pilot counted."""
    tail = any(metric in experiment.resolution for metric in TAIL_METRICS)
    allowed = [
        allowed_scales(_requests(experiment, index, pilot, pilot_scale), design=experiment.design, tail=tail)
        for index in range(len(experiment.load))
    ]
    return tuple(scale for scale in DURATION_SCALES if all(scale in scales for scales in allowed))


def _requests(
    experiment: Experiment, load_point: int, pilot: Sequence[RunResult] | None, pilot_scale: float
) -> float | None:
    point = experiment.load[load_point]
    rate = mean_rate(point)
    if rate is not None:
        return rate * point.duration_s
    counted = [run.response.total for run in pilot or () if run.load_point == load_point]
    return min(counted) / pilot_scale if counted else None


def _tail_refused(experiment: Experiment, pilot: Sequence[RunResult], pilot_scale: float) -> DocumentError:
    most = max(DURATION_SCALES) if experiment.design == "interleaved" else 1.0
    fewest, index = min(
        (_requests(experiment, index, pilot, pilot_scale) or 0.0, index) for index in range(len(experiment.load))
    )
    longer = math.ceil(experiment.load[index].duration_s * TAIL_REQUESTS * 1.05 / max(fewest, 1.0) / most)
    return DocumentError(
        "MP2107",
        f"a p99 takes {TAIL_REQUESTS} counted requests per arm and round, and the pilot shows that even {most:g} times "
        f"the duration of load point {index + 1} holds about {fewest * most:.0f}",
        location=Location(path=experiment.path, pointer=f"/load/{index}/duration"),
        hint=f"write `duration: {longer}s` or more there, or leave `p99` out of `resolution`",
    )

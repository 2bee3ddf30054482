"""The kinds made of steps: stress, sweep and capacity. Each step is judged before the next one is chosen."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from meshperf.analysis.capacity import CapacitySearch
from meshperf.analysis.knee import find_knee
from meshperf.analysis.stress import judge_stress, stop_reason
from meshperf.experiment.kinds.answer import Answer
from meshperf.experiment.kinds.bench import Bench
from meshperf.experiment.kinds.steps import Ran
from meshperf.load.kinds import CapacityShape, StressShape, SweepShape
from meshperf.spec.kinds import StepOutcome, StepState

__all__ = ["drive_capacity", "drive_stress", "drive_sweep"]

Done = Sequence[tuple[Ran, StepOutcome]]


def drive_stress(shape: StressShape, bench: Bench) -> Answer:
    """Rising steps until the stop rule says so; one that proves nothing is tried once more."""
    done: list[tuple[Ran, StepOutcome]] = []
    stopped_by = "the last step was reached"
    stages = shape.stages()
    for number, stage in enumerate(stages, 1):
        found = bench.run([stage], f"stress step {number} of {len(stages)} at most")
        if found and found[-1][1].state in (StepState.CLIENT_LIMITED, StepState.DISTURBED):
            found += bench.run([stage], f"stress step {number} once more")
        done += found
        reason = None
        if found:
            steps = [step for _, step in done]
            reason = stop_reason(steps, stop_after=shape.stop_after, stop_failed_share=shape.stop_failed_share)
        if reason is not None or bench.over():
            stopped_by = bench.ended or reason or ""
            break
    if not done:
        return Answer(statistic=None, stages=(), counted="the highest step that held")
    outcome = judge_stress([step for _, step in done], busy_limit=shape.busy_limit, stopped_by=stopped_by)
    held = [ran for ran, step in done if step.state is StepState.HELD]
    counted = "the highest step that held" if held else "the first step, because none held"
    return Answer(statistic=outcome, stages=held[-1:] or [done[0][0]], counted=counted)


def drive_sweep(shape: SweepShape, bench: Bench) -> Answer:
    """Every rate once; the knee of the curve."""
    stages = list(shape.stages())
    if shape.shuffle:
        random.Random(bench.seed).shuffle(stages)
    done: list[tuple[Ran, StepOutcome]] = []
    for number, stage in enumerate(stages, 1):
        if bench.over():
            break
        done += bench.run([stage], f"sweep step {number} of {len(stages)}")
    judged = [(ran, step) for ran, step in done if step.state in (StepState.HELD, StepState.FAILED)]
    points = [(step.offered_rps, time_s) for ran, step in judged if (time_s := _time(ran, shape.metric)) is not None]
    knee = find_knee(points, metric=shape.metric)
    held = {step.offered_rps: ran for ran, step in judged if step.state is StepState.HELD}
    if knee.knee_rps in held:
        return Answer(statistic=knee, stages=(held[knee.knee_rps],), counted="the step at the knee")
    if held:
        return Answer(statistic=knee, stages=(held[max(held)],), counted="the highest step that held")
    lowest = sorted(done, key=lambda one: one[1].offered_rps)[:1]
    return Answer(
        statistic=knee if done else None,
        stages=[ran for ran, _ in lowest],
        counted="the lowest step, because none held",
    )


def drive_capacity(shape: CapacityShape, bench: Bench) -> Answer:
    """Growth, bisection, confirmation."""
    search = CapacitySearch(
        start_rate=shape.start_rate,
        least_rate=shape.least_rate,
        max_rate=shape.max_rate,
        growth=shape.growth,
        resolution=shape.resolution,
        confirmations=shape.confirmations,
    )
    done: list[tuple[Ran, StepOutcome]] = []
    words = {"search": "searching", "below": "confirming below", "above": "confirming above"}
    while (step := search.next()) is not None and not bench.over():
        found = bench.run([shape.step(step.rate, step.label)], f"capacity, {words[step.label]}")
        done += found
        for _, outcome in found:
            search.add(outcome)
    if not done:
        return Answer(statistic=None, stages=(), counted="the highest rate that held")
    stages, counted = _at_the_boundary(search.low, done)
    return Answer(statistic=search.outcome(), stages=stages, counted=counted)


def _at_the_boundary(low: float | None, done: Done) -> tuple[list[Ran], str]:
    """The steps that the run's own figures are of: those that held at the rate that was confirmed."""
    held = [(ran, step) for ran, step in done if step.state is StepState.HELD and step.offered_rps == low]
    confirming = [ran for ran, step in held if step.label != "search"]
    if confirming:
        return confirming, f"the confirming steps that held at {low:.6g}/s"
    if held:
        return [ran for ran, _ in held], f"the step that held at {low:.6g}/s, not confirmed"
    return [done[-1][0]], "the last step, because none held"


def _time(ran: Ran, metric: str) -> float | None:
    response = ran.recording.response
    value = response.mean() if metric == "mean" else float(response.quantile(float(metric[1:]) / 100))
    return value if math.isfinite(value) and value > 0 else None

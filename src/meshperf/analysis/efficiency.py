"""What an arm's CPU time depends on: a share for every successful request, and a share for merely being there.

What it decides: slope and intercept of `cores = intercept + slope * rate` over the load points of an experiment, and
the highest rate at which an arm held the objectives.

Why this way: one CPU figure divided by one rate mixes the two, and is then wrong at every other rate. The line is
fitted for each round by itself, because a round is a fresh deployment and the unit of every interval here: slopes and
intercepts of the rounds get a t interval, those of an arm and its baseline are subtracted round by round first.
The fit is by least squares of the CPU time per request (so a busy load point weighs no more than a quiet one, whose
figure is known about as well in percent).

What it assumes: a line. How far the worst load point lies from it is told with the figures.

What it refuses: a line through fewer than two rates, bounds from one round, a round in which a load point is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from meshperf.analysis.figures import cpu_seconds, figure, judged_components
from meshperf.analysis.intervals import mean_amount
from meshperf.analysis.objectives import try_objectives
from meshperf.analysis.pairing import in_order, set_aside, why_excluded
from meshperf.analysis.rate_bounds import Bracket, RateBounds, rate_bounds
from meshperf.analysis.records import Estimate
from meshperf.spec.experiment import Objective
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = [
    "CpuLine",
    "ObjectiveRate",
    "RoundLine",
    "RunUse",
    "cpu_line",
    "fit_rounds",
    "objective_rate",
    "ok_requests",
    "own_runs",
    "use_of",
]

FEWEST_RATES = 2
LINEAR = 0.1
"""A load point may lie so far, as a share, from the line before the line is doubted."""
_NEAR = 0.01
"""Two rates closer than this are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUse:
    """What one run used. NaN: not measured."""

    round: int
    group: int
    load_point: int
    rate_rps: float
    """Successful requests per second of the time that the CPU clocks cover, drains of slices included: for the line."""
    achieved_rps: float
    """Successful requests per second of counted time: what the arm was seen to do."""
    cores: float
    cpu_s_per_ok: float
    memory_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundLine:
    """The line of one round."""

    slope: float
    """CPU seconds per successful request."""
    intercept: float
    """Cores at no requests."""
    worst: float
    """Largest distance of a load point from the line, as a share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuLine:
    """An arm's line over all rounds."""

    arm: str
    slope: Estimate
    intercept: Estimate
    rates_rps: tuple[float, ...]
    """Mean achieved rate at each load point, rising."""
    worst: float
    rounds: Mapping[tuple[int, int], RoundLine] = field(default_factory=dict)
    """By round and group."""

    @property
    def linear(self) -> bool:
        """Whether every load point lies near the line."""
        return self.worst <= LINEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveRate:
    """Throughput at the objectives: held in every round up to `low_rps`, broken in every round at `high_rps`.

    `low_rps` None: not even at the lowest rate. `high_rps` None: never broken, so the true rate is at least `low_rps`.
    """

    arm: str
    objectives: tuple[str, ...]
    low_rps: float | None
    high_rps: float | None
    held: Mapping[float, tuple[int, int]]
    """By offered rate: rounds in which all objectives held, and rounds."""
    bounds: RateBounds | None = None
    """Bounds from each round's own bracket: up to which rate its runs held, and at which one they broke first."""


def ok_requests(run: RunResult) -> int:
    """Successful counted requests that the CPU time was spent on."""
    return sum(piece.counts.ok for piece in run.slices) if run.slices else run.counts.ok


def use_of(run: RunResult) -> RunUse:
    """CPU and memory of one run of application and sidecars, whether the run may be compared or not."""
    spent, requests = cpu_seconds(run, judged_components(run)), ok_requests(run)
    covered_s = math.fsum(piece.drained_s - piece.begin_s for piece in run.slices) if run.slices else run.measured_s
    return RunUse(
        round=run.round,
        group=run.group,
        load_point=run.load_point,
        rate_rps=requests / covered_s if covered_s > 0 else math.nan,
        achieved_rps=run.achieved_rps,
        cores=spent / covered_s if covered_s > 0 else math.nan,
        cpu_s_per_ok=spent / requests if requests else math.nan,
        memory_bytes=figure(run, "memory"),
    )


def own_runs(runs: Sequence[RunResult], arm: str) -> list[RunResult]:
    """The runs of an arm that may be compared, twins apart."""
    return [run for run in in_order(runs) if run.arm == arm and run.twin == 0 and why_excluded(run) is None]


def fit_rounds(uses: Sequence[RunUse]) -> dict[tuple[int, int], RoundLine]:
    """The line of every round and group that has all load points; empty with fewer than two distinct rates."""
    known = [use for use in uses if math.isfinite(use.cores) and use.rate_rps > 0]
    points = {use.load_point for use in known}
    groups: dict[tuple[int, int], list[RunUse]] = {}
    for use in known:
        groups.setdefault((use.round, use.group), []).append(use)
    return {
        place: _line(group)
        for place, group in sorted(groups.items())
        if {use.load_point for use in group} == points and _distinct([use.rate_rps for use in group]) >= FEWEST_RATES
    }


def cpu_line(arm: str, uses: Sequence[RunUse]) -> CpuLine | None:
    """Slope and intercept of an arm with their t intervals over rounds; None where there is no ladder of rates."""
    rounds = fit_rounds(uses)
    if not rounds:
        return None
    points = sorted({use.load_point for use in uses})
    rates = [
        float(np.mean([use.achieved_rps for use in uses if use.load_point == point and use.rate_rps > 0]))
        for point in points
        if any(use.load_point == point and use.rate_rps > 0 for use in uses)
    ]
    return CpuLine(
        arm=arm,
        slope=mean_amount([line.slope for line in rounds.values()], Unit.CPU_SECONDS_PER_REQUEST),
        intercept=mean_amount([line.intercept for line in rounds.values()], Unit.CORES),
        rates_rps=tuple(sorted(rates)),
        worst=float(np.median([line.worst for line in rounds.values()])),
        rounds=rounds,
    )


def objective_rate(arm: str, runs: Sequence[RunResult], objectives: Sequence[Objective]) -> ObjectiveRate | None:
    """Throughput at the objectives over the open-loop load points; None without objectives or rates.

    Runs in which the arm itself failed count as broken; what the machine or the generator spoiled is left out.
    """
    own = [
        run
        for run in in_order(runs)
        if run.arm == arm and run.twin == 0 and run.offered_rps is not None and set_aside(run) is None
    ]
    if not objectives or not own:
        return None
    held: dict[float, tuple[int, int]] = {}
    rounds: dict[tuple[int, int], dict[float, bool]] = {}
    for run in own:
        good = why_excluded(run) is None and all(
            tried.outcome == "held" for tried in try_objectives(arm, [run], objectives)
        )
        rate = float(run.offered_rps or 0.0)
        before = held.get(rate, (0, 0))
        held[rate] = (before[0] + good, before[1] + 1)
        tried_here = rounds.setdefault((run.round, run.group), {})
        tried_here[rate] = good and tried_here.get(rate, True)
    ordered = dict(sorted(held.items()))
    low = high = None
    for rate, (held_in, tried_in) in ordered.items():
        if held_in < tried_in:
            break
        low = rate
    for rate, (held_in, _) in ordered.items():
        if held_in == 0 and (low is None or rate > low):
            high = rate
            break
    return ObjectiveRate(
        arm=arm,
        objectives=tuple(each.text for each in objectives),
        low_rps=low,
        high_rps=high,
        held=ordered,
        bounds=rate_bounds([_bracket(tried_here) for tried_here in rounds.values()]),
    )


def _bracket(held: Mapping[float, bool]) -> Bracket:
    """Up to which rate one round held, and at which it broke first; what held above a break does not count."""
    broken = min((rate for rate, good in held.items() if not good), default=None)
    low = max((rate for rate, good in held.items() if good and (broken is None or rate < broken)), default=None)
    return low, broken


def _line(uses: Sequence[RunUse]) -> RoundLine:
    """cores / rate = slope + intercept / rate, by least squares."""
    rates = np.array([use.rate_rps for use in uses])
    each = np.array([use.cores for use in uses]) / rates
    design = np.column_stack([np.ones(rates.size), 1.0 / rates])
    scale = np.abs(design).max(axis=0)
    slope, intercept = (np.linalg.lstsq(design / scale, each, rcond=None)[0] / scale).tolist()
    fitted = slope + intercept / rates
    worst = float(np.max(np.abs(each - fitted) / np.where(each > 0, each, 1.0)))
    return RoundLine(slope=float(slope), intercept=float(intercept), worst=worst)


def _distinct(rates: Sequence[float]) -> int:
    """How many rates there are, those within one percent of each other taken as one."""
    count, last = 0, -math.inf
    for rate in sorted(rates):
        if rate > last * (1 + _NEAR) or count == 0:
            count, last = count + 1, rate
    return count

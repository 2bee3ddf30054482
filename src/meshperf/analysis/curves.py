"""Response time against rate: every arm's quantiles at every rate of a ladder, and the rate at which they turn up.

What it decides: quantiles with their intervals over rounds at each load point of a family, and the knee of each round
by `find_knee` (read from p90, or another quantile) with bounds over rounds.

Why this way: a round is a fresh deployment and the unit of evidence, so a knee is looked for in each round by itself; a
knee of averaged curves would hide how far it moves from one deployment to the next. Rounds know it only up to the
neighbouring load points: see `rate_bounds`.

What it assumes: the load points of a round stand in one order in every round, so slow drift within a round is in the
shape of every curve.

What it refuses: leaving a run out because the arm could not sustain the load: its response times belong to the curve,
and the point says in how many rounds the rate was sustained. What the machine or the generator spoiled is left out, and
so is a run whose claims did not hold. A p99 from fewer than 10,000 requests a round is pooled and has no interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshperf.analysis.figures import QUANTILES
from meshperf.analysis.intervals import geometric_mean
from meshperf.analysis.knee import find_knee
from meshperf.analysis.load_family import LoadFamily
from meshperf.analysis.pairing import in_order, set_aside, why_excluded
from meshperf.analysis.rate_bounds import Bracket, RateBounds, rate_bounds
from meshperf.analysis.records import Estimate
from meshperf.analysis.summary import arm_figure
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["KNEE_METRIC", "Curve", "CurvePoint", "Knee", "curve", "curve_runs"]

KNEE_METRIC = "p90"
_FEWEST_POINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One arm at one rate; estimates over rounds."""

    load_point: int
    offered_rps: float
    achieved: Estimate
    """Successful replies per second of counted time."""
    quantiles: Mapping[str, Estimate]
    """p50, p90 and p99 of the response times [s]."""
    rounds: int
    sustained: int
    """Rounds in which the run may be compared: the arm kept up with the rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """Where the curve turns up, over rounds."""

    metric: str
    bounds: RateBounds
    verdicts: Mapping[str, int]
    """Rounds by what `find_knee` said: found, beyond, below or inconclusive."""
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Response time against rate of one arm."""

    arm: str
    points: tuple[CurvePoint, ...]
    """By rising rate; rates at which nothing was measured are missing."""
    knee: Knee | None
    """None where no round has three rates or more."""


def curve(arm: str, runs: Sequence[RunResult], family: LoadFamily, *, metric: str = KNEE_METRIC) -> Curve | None:
    """The curve of one arm over a family of rates; None where nothing of it may be shown.

    Args:
        runs: of the experiment.
        metric: of the knee, `p50`, `p90` or `p99`.
    """
    own = curve_runs(arm, runs, family)
    points = []
    for point, rate in zip(family.points, family.values, strict=True):
        here = [run for run in own if run.load_point == point]
        if here:
            points.append(_point(here, point, rate))
    if not points:
        return None
    return Curve(arm=arm, points=tuple(points), knee=_knee(own, family, metric))


def curve_runs(arm: str, runs: Sequence[RunResult], family: LoadFamily) -> list[RunResult]:
    """The runs that speak of an arm at the load points of a family, those that it did not sustain included."""
    wanted = set(family.points)
    return [
        run
        for run in in_order(runs)
        if run.arm == arm
        and run.twin == 0
        and run.load_point in wanted
        and set_aside(run) is None
        and all(claim.held for claim in run.claims)
        and run.response.total > 0
    ]


def _point(runs: Sequence[RunResult], point: int, rate: float) -> CurvePoint:
    return CurvePoint(
        load_point=point,
        offered_rps=rate,
        achieved=geometric_mean([run.achieved_rps for run in runs], Unit.PER_SECOND),
        quantiles={name: arm_figure(runs, name) for name in QUANTILES},
        rounds=len(runs),
        sustained=sum(why_excluded(run) is None for run in runs),
    )


def _knee(runs: Sequence[RunResult], family: LoadFamily, metric: str) -> Knee | None:
    rates = dict(zip(family.points, family.values, strict=True))
    rounds: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for run in runs:
        time_s = float(run.response.quantile(QUANTILES[metric]))
        if time_s > 0:
            rounds.setdefault((run.round, run.group), []).append((rates[run.load_point], time_s))
    found = [find_knee(points, metric=metric) for points in rounds.values() if len(points) >= _FEWEST_POINTS]
    if not found:
        return None
    brackets: list[Bracket] = [(one.low_rps, one.high_rps) for one in found]
    verdicts: dict[str, int] = {}
    for one in found:
        verdicts[one.verdict] = verdicts.get(one.verdict, 0) + 1
    return Knee(metric=metric, bounds=rate_bounds(brackets), verdicts=verdicts, rule=found[0].rule)

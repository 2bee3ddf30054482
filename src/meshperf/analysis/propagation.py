"""What a control plane study found: how long until a share of the proxies has a change, and what the planes used.

A deployment is the unit of evidence, as everywhere: its changes give one median, and the interval is over deployments.
The error of a single arrival is bounded by the probe's period, so a figure below it is told as at most that.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from meshperf.analysis.intervals import mean_amount
from meshperf.analysis.records import Estimate
from meshperf.spec.propagation import ChangeRecord, PropagationRun
from meshperf.units import Unit

__all__ = ["SHARES", "Convergence", "PlaneCost", "convergences", "ecdf", "plane_costs"]

SHARES: Mapping[str, float] = {"50 %": 0.50, "90 %": 0.90, "99 %": 0.99, "all": 1.0}
"""Shares of the proxies that have a change."""
_FEWEST = 3
"""Deployments from which an interval is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """One arm with a number of proxies and services: time until shares of the proxies have a change of one kind [s]."""

    arm: str
    proxies: int
    services: int
    kind: str
    rounds: int
    changes: int
    incomplete: int
    """Changes that did not reach every proxy in time; the figures are of the others."""
    shares: Mapping[str, Estimate]
    """By share of the proxies: mean over deployments of the median change; an upper bound for every arrival."""
    lower: Mapping[str, float]
    """The same from the lower bounds [s]: the true time lies between the two."""
    handed_in_s: float
    """Median time that the control plane took to accept a change."""
    period_s: float
    """Longest time between two probes of one proxy in any change, median over changes."""
    relapses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneCost:
    """What one component of a control plane used over one kind of stretch; all figures are means over deployments."""

    arm: str
    proxies: int
    services: int
    component: str
    stretch: str
    rounds: int
    cores: Estimate | None
    """CPU seconds per second; None: could not be read."""
    cpu_per_change_s: float | None
    private_bytes: float | None


def convergences(runs: Sequence[PropagationRun]) -> tuple[Convergence, ...]:
    """Every arm, number of proxies and services, and kind of change, in order."""
    return tuple(_convergence(key, group) for key, group in _grouped(runs).items())


def ecdf(runs: Sequence[PropagationRun], kind: str) -> Mapping[tuple[str, int, int], tuple[float, ...]]:
    """All arrivals [s] in rising order by (arm, proxies, services): what share of them had come by then."""
    found: dict[tuple[str, int, int], list[float]] = {}
    for run in runs:
        arrivals = [at for change in run.changes if change.kind == kind for at in change.high_s if at is not None]
        if arrivals:
            found.setdefault((run.arm, run.proxies, run.services), []).extend(arrivals)
    return {key: tuple(sorted(values)) for key, values in found.items()}


def plane_costs(runs: Sequence[PropagationRun]) -> tuple[PlaneCost, ...]:
    """Every component of every control plane in every stretch."""
    groups: dict[tuple[str, int, int, str, str], list[tuple[float | None, float | None, int | None]]] = {}
    for run in runs:
        for component, stretch in dict.fromkeys((one.component, one.stretch) for one in run.usage):
            parts = [one for one in run.usage if (one.component, one.stretch) == (component, stretch)]
            cpu = [one.cpu_s for one in parts if one.cpu_s is not None]
            wall_s, changes = sum(one.wall_s for one in parts), sum(one.changes for one in parts)
            whole = len(cpu) == len(parts) and wall_s > 0
            groups.setdefault((run.arm, run.proxies, run.services, component, stretch), []).append(
                (
                    sum(cpu) / wall_s if whole else None,
                    sum(cpu) / changes if whole and changes else None,
                    parts[-1].private_bytes,
                )
            )
    return tuple(_cost(key, values) for key, values in sorted(groups.items()))


def _grouped(
    runs: Sequence[PropagationRun],
) -> Mapping[tuple[str, int, int, str], list[tuple[PropagationRun, list[ChangeRecord]]]]:
    groups: dict[tuple[str, int, int, str], list[tuple[PropagationRun, list[ChangeRecord]]]] = {}
    for run in sorted(runs, key=lambda one: (one.arm, one.proxies, one.services, one.round)):
        for kind in dict.fromkeys(change.kind for change in run.changes):
            changes = [change for change in run.changes if change.kind == kind]
            groups.setdefault((run.arm, run.proxies, run.services, kind), []).append((run, changes))
    return groups


def _convergence(
    key: tuple[str, int, int, str], group: Sequence[tuple[PropagationRun, Sequence[ChangeRecord]]]
) -> Convergence:
    arm, proxies, services, kind = key
    changes = [change for _, found in group for change in found]
    whole = [[change for change in found if None not in change.high_s] for _, found in group]
    counted = [found for found in whole if found]
    upper = {
        name: [statistics.median(_reached(change.high_s, share) for change in found) for found in counted]
        for name, share in SHARES.items()
    }
    lower = {
        name: [statistics.median(_reached(change.low_s, share) for change in found) for found in counted]
        for name, share in SHARES.items()
    }
    return Convergence(
        arm=arm,
        proxies=proxies,
        services=services,
        kind=kind,
        rounds=len(counted),
        changes=len(changes),
        incomplete=len(changes) - sum(map(len, whole)),
        shares={name: _over_deployments(values, Unit.SECONDS) for name, values in upper.items()},
        lower={name: statistics.fmean(values) if values else math.nan for name, values in lower.items()},
        handed_in_s=statistics.median(change.handed_in_s for change in changes),
        period_s=statistics.median(change.period_s for change in changes),
        relapses=sum(change.relapses for change in changes),
    )


def _reached(arrivals: Sequence[float | None], share: float) -> float:
    """When so large a share of the proxies had it: the order statistic, never an interpolation between proxies."""
    known = sorted(at for at in arrivals if at is not None)
    return known[max(0, math.ceil(share * len(known) - 1e-9) - 1)]


def _over_deployments(values: Sequence[float], unit: Unit) -> Estimate:
    if len(values) >= _FEWEST:
        return mean_amount(values, unit)
    value = statistics.fmean(values) if values else math.nan
    few = f"mean of {len(values)} deployments; an interval needs {_FEWEST}"
    return Estimate(value=value, low=math.nan, high=math.nan, confidence=0.95, n=len(values), unit=unit, method=few)


def _cost(
    key: tuple[str, int, int, str, str], values: Sequence[tuple[float | None, float | None, int | None]]
) -> PlaneCost:
    arm, proxies, services, component, stretch = key
    cores, each, memory = (list(_known(column)) for column in zip(*values, strict=True))
    return PlaneCost(
        arm=arm,
        proxies=proxies,
        services=services,
        component=component,
        stretch=stretch,
        rounds=len(values),
        cores=_over_deployments(cores, Unit.CORES) if cores else None,
        cpu_per_change_s=statistics.fmean(each) if each else None,
        private_bytes=statistics.fmean(memory) if memory else None,
    )


def _known(values: Sequence[float | int | None]) -> Iterator[float]:
    return (float(value) for value in values if value is not None)

"""Efficiency and power of the arms of one experiment: everything that its load points together say.

What it decides: for every ladder of rates each arm's curve with its knee, its CPU line, how that differs from the
baseline's, and the throughput at the objectives; for every ladder of concurrencies the law of scalability, or why there
is none; at every load point the bytes on the wire, the CPU of the whole machine, and energy where there are counters.

Why this way: a comparison speaks of one load point, and none of this can be seen at one. It is derived from the runs
alone, so that anybody who has them derives the same.

What it refuses: a ladder out of load points that differ in more than rate or concurrency (`load_family`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.curves import Curve, curve
from meshperf.analysis.efficiency import CpuLine, ObjectiveRate, cpu_line, objective_rate, own_runs, use_of
from meshperf.analysis.energy import ArmEnergy, arm_energies, why_no_energy
from meshperf.analysis.intervals import mean_amount, ratio_estimate
from meshperf.analysis.load_family import CONCURRENCY, RATE, LoadFamily, load_families
from meshperf.analysis.node_delta import NodeUse, node_use
from meshperf.analysis.pairing import OrderedRuns, in_order
from meshperf.analysis.records import Estimate
from meshperf.analysis.scalability import Refusal, Scalability, scalability
from meshperf.analysis.wire import WireBytes, wire_bytes
from meshperf.spec.experiment import Objective
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["ConcurrencyLadder", "CpuDifference", "EfficiencyStudy", "RateLadder", "cpu_difference", "efficiency_study"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuDifference:
    """How an arm's CPU line differs from its baseline's; slopes and intercepts of the same round are paired."""

    arm: str
    against: str
    slope: Estimate
    """CPU per successful request, candidate over baseline: a ratio."""
    slope_added: Estimate
    rest_added: Estimate
    """Cores at no requests, candidate minus baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLadder:
    """Load points that differ in rate only, arms in order, the baseline first."""

    family: LoadFamily
    curves: tuple[Curve, ...]
    lines: tuple[CpuLine, ...]
    differences: tuple[CpuDifference, ...]
    throughput: tuple[ObjectiveRate, ...]
    """None where the experiment has no objectives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyLadder:
    """Closed loops that differ in concurrency only."""

    family: LoadFamily
    laws: tuple[Scalability, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencyStudy:
    """All of it for the arms of one cell."""

    cell: str
    baseline: str
    arms: tuple[str, ...]
    rates: tuple[RateLadder, ...]
    concurrencies: tuple[ConcurrencyLadder, ...]
    wire: tuple[WireBytes, ...]
    node: tuple[NodeUse, ...]
    energy: tuple[ArmEnergy, ...]
    no_energy: str
    """Why there is no energy; empty where there is."""

    @property
    def telling(self) -> bool:
        """Whether there is anything in it."""
        whole = any(one.node is not None for one in self.node)
        return bool(self.rates or self.concurrencies or self.wire or self.energy or whole)


def efficiency_study(
    runs: Sequence[RunResult],
    *,
    baseline: str,
    arms: Sequence[str],
    objectives: Sequence[Objective] = (),
    cell: str = "",
) -> EfficiencyStudy:
    """The study of one cell.

    Args:
        runs: of the experiment, at least one; those of other arms are left out.
        arms: names, the baseline's among them.
    """
    names = (baseline, *(name for name in arms if name != baseline))
    own = OrderedRuns(run for run in in_order(runs) if run.arm in names)
    families = load_families(own)
    energy = arm_energies(own, baseline=baseline, arms=names)
    return EfficiencyStudy(
        cell=cell,
        baseline=baseline,
        arms=names,
        rates=tuple(_rates(own, names, family, objectives) for family in families if family.kind == RATE),
        concurrencies=tuple(_concurrencies(own, names, family) for family in families if family.kind == CONCURRENCY),
        wire=wire_bytes(own, baseline=baseline, arms=names),
        node=node_use(own, baseline=baseline, arms=names),
        energy=energy,
        no_energy="" if energy else why_no_energy(own[0].facts if own else {}),
    )


def cpu_difference(line: CpuLine, baseline: CpuLine) -> CpuDifference | None:
    """Candidate against baseline over the rounds and groups that have both lines; None where there is none."""
    places = sorted(line.rounds.keys() & baseline.rounds.keys())
    pairs = [(line.rounds[place], baseline.rounds[place]) for place in places]
    positive = [(a, b) for a, b in pairs if a.slope > 0 and b.slope > 0]
    if not positive:
        return None
    return CpuDifference(
        arm=line.arm,
        against=baseline.arm,
        slope=ratio_estimate([math.log(a.slope / b.slope) for a, b in positive]),
        slope_added=mean_amount([a.slope - b.slope for a, b in pairs], Unit.CPU_SECONDS_PER_REQUEST),
        rest_added=mean_amount([a.intercept - b.intercept for a, b in pairs], Unit.CORES),
    )


def _rates(runs: OrderedRuns, arms: Sequence[str], family: LoadFamily, objectives: Sequence[Objective]) -> RateLadder:
    here = OrderedRuns(run for run in runs if run.load_point in family.points)
    curves = [curve(arm, here, family) for arm in arms]
    lines = [cpu_line(arm, [use_of(run) for run in own_runs(here, arm)]) for arm in arms]
    tried = [objective_rate(arm, here, objectives) for arm in arms]
    differences = [cpu_difference(line, lines[0]) for line in lines[1:] if line is not None and lines[0] is not None]
    return RateLadder(
        family=family,
        curves=tuple(one for one in curves if one is not None),
        lines=tuple(one for one in lines if one is not None),
        differences=tuple(one for one in differences if one is not None),
        throughput=tuple(one for one in tried if one is not None),
    )


def _concurrencies(runs: Sequence[RunResult], arms: Sequence[str], family: LoadFamily) -> ConcurrencyLadder:
    found = [scalability(arm, runs, family) for arm in arms]
    return ConcurrencyLadder(
        family=family,
        laws=tuple(one for one in found if isinstance(one, Scalability)),
        refused=tuple(one for one in found if isinstance(one, Refusal)),
    )

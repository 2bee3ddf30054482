"""CPU that the whole machine used beside an arm, and how much of it nobody's process was charged with.

What it decides: cores that the machine was busy with, and cores that were busy beyond meshperf and the measured
processes (interrupts, kernel threads, whatever an agent or a program in the kernel does), each against the baseline
arm.

Why this way: a mesh that works in the kernel has no process to be charged; only the machine's own account has it. It is
read around the continuous control stretch of each resident, since slices of 100 ms are finer than its ticks, and only
there is one arm under load at a time.

What it assumes: everything else on the machine stays as it is from one control stretch to the next; strangers are in
the figure. Control stretches of 2 s on a machine with two cores resolve a few thousandths of a core.

What it refuses: an interval from the single round in which control stretches are made unless the experiment asks for
`control: every-round`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.added import added, over_rounds
from meshperf.analysis.efficiency import own_runs
from meshperf.analysis.records import Estimate
from meshperf.spec.records import NoiseReading, RunResult
from meshperf.units import Unit

__all__ = ["NodeUse", "control_reading", "node_use"]

_BUSY = ("user", "nice", "system", "irq", "softirq")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUse:
    """The machine beside one arm at one load point; cores, mean over the rounds with a control stretch."""

    arm: str
    load_point: int
    rate_rps: float
    """Successful requests per second in the control stretches."""
    node: Estimate | None
    """Everything: generator, application, proxies, kernel, strangers."""
    beyond: Estimate | None
    """What no process of the experiment was charged with."""
    added_node: Estimate | None
    """Candidate minus baseline of the same round; None for the baseline itself, or where unknown."""
    added_beyond: Estimate | None
    unavailable: str = ""


def node_use(runs: Sequence[RunResult], *, baseline: str, arms: Sequence[str]) -> tuple[NodeUse, ...]:
    """Every arm at every load point, the baseline first, each with its figures or the reason why there are none."""
    own = {arm: own_runs(runs, arm) for arm in arms}
    found = []
    for point in sorted({run.load_point for run in runs}):
        at = {arm: [run for run in own[arm] if run.load_point == point] for arm in arms}
        for arm in arms:
            if at[arm]:
                found.append(_at(arm, point, at[arm], at[baseline] if arm != baseline else None))
    return tuple(found)


def control_reading(run: RunResult) -> NoiseReading | None:
    """What the machine did in this run's control stretch: the first reading is of the slices, then one a resident."""
    residents = run.design.residents
    if not run.control or run.resident not in residents or len(run.noise) != 1 + len(residents):
        return None
    return run.noise[1 + residents.index(run.resident)]


def _at(arm: str, point: int, runs: Sequence[RunResult], base: Sequence[RunResult] | None) -> NodeUse:
    rates = [run.control["requests"] / run.control["duration_s"] for run in runs if run.control.get("duration_s")]
    node = over_rounds(runs, _node_cores, Unit.CORES)
    return NodeUse(
        arm=arm,
        load_point=point,
        rate_rps=math.fsum(rates) / len(rates) if rates else math.nan,
        node=node,
        beyond=over_rounds(runs, _beyond_cores, Unit.CORES),
        added_node=None if base is None else added(runs, base, _node_cores, Unit.CORES),
        added_beyond=None if base is None else added(runs, base, _beyond_cores, Unit.CORES),
        unavailable="" if node is not None else _why(runs),
    )


def _node_cores(run: RunResult) -> float:
    reading = control_reading(run)
    if reading is None or not reading.cpu_by_mode:
        return math.nan
    return math.fsum(reading.cpu_by_mode.get(mode, math.nan) for mode in _BUSY) * _cores(run)


def _beyond_cores(run: RunResult) -> float:
    reading = control_reading(run)
    if reading is None or reading.foreign_cpu_share is None:
        return math.nan
    return reading.foreign_cpu_share * _cores(run)


def _cores(run: RunResult) -> float:
    fact = run.facts.get("host.cores")
    return float(fact.value) if fact is not None and fact.known and isinstance(fact.value, int | float) else math.nan


def _why(runs: Sequence[RunResult]) -> str:
    readings = [reading for run in runs if (reading := control_reading(run)) is not None]
    if not readings:
        if all(run.design.design != "interleaved" for run in runs):
            return "control stretches are made with `design: interleaved` only"
        return "no control stretch was made in a round that counts"
    reasons = [reading.unavailable["cpu_by_mode"] for reading in readings if "cpu_by_mode" in reading.unavailable]
    return reasons[0] if reasons else "the number of the machine's cores is not known"

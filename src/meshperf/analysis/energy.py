"""Energy per million requests, where the host offers counters.

What it decides: joules of the processors (and their memory, where it is counted) during an arm's control stretch, over
the requests of that stretch, and what an arm adds to its baseline.

Why this way: the counters are of the whole machine and know no process. Only while one arm alone is under load can what
they count be set against its requests: in the continuous control stretch of each resident. The energy that the machine
takes at rest is in it and is the same for all arms; the difference to the baseline has less of it.

What it assumes: power is even over the stretch, whose lead-in and drain are in the counters and not in the requests.
It is an estimate: networks, disks, fans and power supplies are missed.

What it refuses: a figure from a machine without counters; a machine's typical power in place of a measurement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.added import added, over_rounds
from meshperf.analysis.efficiency import own_runs
from meshperf.analysis.records import Estimate
from meshperf.spec.records import Facts, RunResult
from meshperf.units import Unit

__all__ = ["MILLION", "ArmEnergy", "arm_energies", "why_no_energy"]

MILLION = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmEnergy:
    """Joules for a million successful requests of one arm at one load point; estimates over rounds."""

    arm: str
    load_point: int
    rate_rps: float
    """Successful requests per second in the control stretches."""
    used: Estimate
    """Everything that the machine's counters saw."""
    added: Estimate | None
    """Candidate minus baseline of the same round; None for the baseline itself, or where no round has both."""


def arm_energies(runs: Sequence[RunResult], *, baseline: str, arms: Sequence[str]) -> tuple[ArmEnergy, ...]:
    """Every arm at every load point at which its energy was read, the baseline first."""
    own = {arm: own_runs(runs, arm) for arm in arms}
    found = []
    for point in sorted({run.load_point for run in runs}):
        base = [run for run in own[baseline] if run.load_point == point]
        for arm in arms:
            here = [run for run in own[arm] if run.load_point == point]
            used = over_rounds(here, _joules, Unit.JOULES)
            if used is not None:
                rates = [
                    run.control["requests"] / run.control["duration_s"] for run in here if math.isfinite(_joules(run))
                ]
                found.append(
                    ArmEnergy(
                        arm=arm,
                        load_point=point,
                        rate_rps=math.fsum(rates) / len(rates),
                        used=used,
                        added=None if arm == baseline else added(here, base, _joules, Unit.JOULES),
                    )
                )
    return tuple(found)


def why_no_energy(facts: Facts) -> str:
    """Why there is no figure for energy."""
    fact = facts.get("host.energy_counters")
    if fact is None:
        return "not known: nothing says whether this host has energy counters"
    if not fact.known:
        return f"not offered by this host ({fact.unavailable or 'no reason was recorded'})"
    return "the host has energy counters, but no run of this experiment was read against them"


def _joules(run: RunResult) -> float:
    """Of a million requests of the run's control stretch; NaN where it was not read."""
    control = run.control
    if (
        not all(control.get(name, 0.0) > 0 for name in ("energy_s", "duration_s", "requests"))
        or "energy_j" not in control
    ):
        return math.nan
    watts = control["energy_j"] / control["energy_s"]
    return watts * control["duration_s"] / control["requests"] * MILLION

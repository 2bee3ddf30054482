"""What the whole machine did during an interval: CPU by mode, steal, pressure, strangers, and whether the clock jumped.

What it decides: shares are of all CPU time of the interval, so 2 cores for 5 s are 10 s. What is not had, or not fine
enough to mean anything, is `None` with the reason.

Why this way: `/proc/stat` counts in ticks (10 ms a core), our processes' CPU clocks in nanoseconds. The difference, CPU
time of strangers, is therefore blurred by some ticks; below 100 ticks of interval no share is given, and a difference
that comes out below zero is that blur and is given as 0.

What it assumes: `pids` are the experiment's processes, this process apart; one that ended meanwhile leaves its time
unknown, and then the strangers' share is unknown too. What this process started and waited for inside the interval,
such as another load generator, is part of it.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from meshperf.environments.host_files import HostFiles, Unavailable
from meshperf.spec.records import NoiseReading
from meshperf.telemetry.process import process_cpu_s

__all__ = ["NodeSampler"]

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""Columns of /proc/stat; guest time follows them and is contained in user and nice already."""
BUSY = ("user", "nice", "system", "irq", "softirq")
LEAST_TICKS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    monotonic_s: float
    realtime_s: float
    wall: datetime
    ticks: dict[str, int] | Unavailable
    pressure_us: int | Unavailable
    own_cpu_s: float
    cpu_s: dict[int, float]


class NodeSampler:
    """Reads the machine at the beginning and at the end of an interval; may be used for many, one after another."""

    def __init__(self, pids: Sequence[int] = (), *, root: Path = Path("/")) -> None:
        self._pids = tuple(pids)
        self._files = HostFiles(root)
        self._begin: _Moment | None = None

    def begin(self) -> None:
        """Begin an interval."""
        self._begin = self._now()

    def end(self) -> NoiseReading:
        """End the interval and say what the machine did in it.

        Raises:
            RuntimeError: no interval was begun.
        """
        begin, self._begin = self._begin, None
        if begin is None:
            raise RuntimeError("NodeSampler.end without begin")
        now = self._now()
        duration_s = now.monotonic_s - begin.monotonic_s
        reasons: dict[str, str] = {}
        ticks = self._ticks(begin, now, reasons)
        total = sum(ticks.values())
        return NoiseReading(
            begin=begin.wall,
            duration_s=duration_s,
            cpu_by_mode={mode: count / total for mode, count in ticks.items()},
            steal_share=ticks["steal"] / total if ticks else None,
            cpu_pressure_share=_pressure(begin, now, duration_s, reasons),
            foreign_cpu_share=self._foreign(begin, now, ticks, reasons),
            load_average=self._load_average(reasons),
            # Slewing moves both clocks alike, so what is left is a jump.
            clock_step_s=(now.realtime_s - now.monotonic_s) - (begin.realtime_s - begin.monotonic_s),
            unavailable=reasons,
        )

    def _now(self) -> _Moment:
        cpu_s: dict[int, float] = {}
        for pid in self._pids:
            try:
                cpu_s[pid] = process_cpu_s(pid)
            except OSError:
                continue  # missing here, and named by `_foreign`
        realtime_s, monotonic_s = _both_clocks()
        return _Moment(
            monotonic_s=monotonic_s,
            realtime_s=realtime_s,
            wall=datetime.now(UTC),
            ticks=self._read_ticks(),
            pressure_us=self._read_pressure(),
            own_cpu_s=time.process_time() + _ended_children_cpu_s(),
            cpu_s=cpu_s,
        )

    def _read_ticks(self) -> dict[str, int] | Unavailable:
        try:
            name, *counts = self._files.text("/proc/stat").splitlines()[0].split()
            if name != "cpu" or len(counts) < len(MODES):
                return Unavailable("/proc/stat has an unexpected form")
            return dict(zip(MODES, map(int, counts), strict=False))
        except Unavailable as why:
            return why
        except (ValueError, IndexError):
            return Unavailable("/proc/stat has an unexpected form")

    def _read_pressure(self) -> int | Unavailable:
        try:
            some = self._files.text("/proc/pressure/cpu").splitlines()[0].split()
            return int(dict(part.split("=") for part in some[1:])["total"])
        except Unavailable as why:
            return Unavailable(f"no pressure stall information: {why}")
        except (ValueError, IndexError, KeyError):
            return Unavailable("/proc/pressure/cpu has an unexpected form")

    def _ticks(self, begin: _Moment, now: _Moment, reasons: dict[str, str]) -> dict[str, int]:
        """Ticks by mode in the interval; empty, with the reasons noted, when there are none or too few."""
        why: str
        if isinstance(begin.ticks, Unavailable):
            why = str(begin.ticks)
        elif isinstance(now.ticks, Unavailable):
            why = str(now.ticks)
        else:
            # The kernel lets iowait and idle go back a little now and then.
            ticks = {mode: max(0, now.ticks[mode] - begin.ticks[mode]) for mode in MODES}
            if (total := sum(ticks.values())) >= LEAST_TICKS:
                return ticks
            why = f"interval too short: {total} ticks of /proc/stat, at least {LEAST_TICKS} are needed"
        reasons.update(dict.fromkeys(("cpu_by_mode", "steal_share", "foreign_cpu_share"), why))
        return {}

    def _foreign(self, begin: _Moment, now: _Moment, ticks: dict[str, int], reasons: dict[str, str]) -> float | None:
        if not ticks:
            return None
        missing = [pid for pid in self._pids if pid not in begin.cpu_s or pid not in now.cpu_s]
        if missing:
            named = ", ".join(map(str, missing))
            reasons["foreign_cpu_share"] = f"the CPU clock of process {named} could not be read at both ends"
            return None
        ours_s = now.own_cpu_s - begin.own_cpu_s + sum(now.cpu_s[pid] - begin.cpu_s[pid] for pid in self._pids)
        tick_s = 1 / os.sysconf("SC_CLK_TCK")
        busy_s = sum(ticks[mode] for mode in BUSY) * tick_s
        return max(0.0, busy_s - ours_s) / (sum(ticks.values()) * tick_s)

    def _load_average(self, reasons: dict[str, str]) -> float | None:
        try:
            return float(self._files.text("/proc/loadavg").split()[0])
        except (Unavailable, ValueError, IndexError) as why:
            reasons["load_average"] = f"/proc/loadavg: {why}"
            return None


def _both_clocks() -> tuple[float, float]:
    """CLOCK_REALTIME and CLOCK_MONOTONIC of one moment: of five pairs the one read with the least time in between."""
    best = None
    for _ in range(5):
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        real = time.clock_gettime(time.CLOCK_REALTIME)
        after = time.clock_gettime(time.CLOCK_MONOTONIC)
        if best is None or after - before < best[0]:
            best = (after - before, real, (before + after) / 2)
    assert best is not None
    return best[1], best[2]


def _pressure(begin: _Moment, now: _Moment, duration_s: float, reasons: dict[str, str]) -> float | None:
    for moment in (begin, now):
        if isinstance(moment.pressure_us, Unavailable):
            reasons["cpu_pressure_share"] = str(moment.pressure_us)
            return None
    assert isinstance(begin.pressure_us, int) and isinstance(now.pressure_us, int)
    if duration_s <= 0:
        reasons["cpu_pressure_share"] = "the interval has no length"
        return None
    return min(1.0, (now.pressure_us - begin.pressure_us) / 1e6 / duration_s)


def _ended_children_cpu_s() -> float:
    """CPU seconds of the children that this process has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

"""Energy that the processors took during an interval, from the kernel's power capping counters (RAPL).

What it decides: joules of all packages, and of the memory beside them where that is counted, between two readings.

Why this way: a package's counter has its cores and its graphics in it already, so those zones are not added; the
memory's is counted beside it. `psys` has the whole board, packages included, and the same package may be offered a
second time through memory-mapped registers: both are left out, so that nothing is counted twice.

What it assumes: a counter wrapped around once at most. It does so after `max_energy_range_uj`, which at the power that
a package can take lasts a minute or more; an interval in which it could have wrapped unnoticed has no figure.

What it refuses: part of a sum. When one zone cannot be read (only root may, on most machines) there is no figure, but
the reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.host_files import HostFiles, Unavailable

__all__ = ["EnergyMeter", "EnergyReading"]

_FOLDER = "/sys/class/powercap"
_SECOND_WAY = "intel-rapl-mmio"
_MOST_W = 1000.0
"""More than any package takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReading:
    """What was taken in an interval [J, s]; `joules` is None where it is not known, with the reason."""

    joules: float | None
    duration_s: float
    zones: tuple[str, ...] = ()
    """Names of the zones in the sum: `package-0`, `dram`."""
    unavailable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Zone:
    name: str
    microjoules: int
    range_uj: int


class EnergyMeter:
    """Reads the counters at the beginning and at the end of an interval; may be used for many, one after another."""

    def __init__(self, *, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        self._files = HostFiles(root)
        self._clock = clock
        self._begin: tuple[float, Mapping[str, _Zone] | Unavailable] | None = None

    def begin(self) -> None:
        """Begin an interval."""
        self._begin = (self._clock(), self._read())

    def end(self) -> EnergyReading:
        """End the interval and say what was taken in it.

        Raises:
            RuntimeError: no interval was begun.
        """
        begin, self._begin = self._begin, None
        if begin is None:
            raise RuntimeError("EnergyMeter.end without begin")
        then_s, before = begin
        now_s, after = self._clock(), self._read()
        duration_s = now_s - then_s
        try:
            if isinstance(before, Unavailable):
                raise before
            if isinstance(after, Unavailable):
                raise after
            if before.keys() != after.keys():
                raise Unavailable(f"the zones of {_FOLDER} changed meanwhile")
            joules = sum(_taken(before[path], after[path], duration_s) for path in before)
        except Unavailable as why:
            return EnergyReading(joules=None, duration_s=duration_s, unavailable=str(why))
        zones = tuple(sorted(zone.name for zone in after.values()))
        return EnergyReading(joules=joules, duration_s=duration_s, zones=zones)

    def _read(self) -> Mapping[str, _Zone] | Unavailable:
        try:
            found = {}
            for entry in self._files.names(_FOLDER):
                folder = f"{_FOLDER}/{entry}"
                if entry.startswith(_SECOND_WAY) or not self._files.at(f"{folder}/energy_uj").exists():
                    continue
                name = self._files.text(f"{folder}/name")
                if name.startswith("package") or name == "dram":
                    found[entry] = _Zone(
                        name=name,
                        microjoules=self._files.integer(f"{folder}/energy_uj"),
                        range_uj=self._files.integer(f"{folder}/max_energy_range_uj"),
                    )
        except Unavailable as why:
            return why
        except ValueError as error:
            return Unavailable(f"a counter of {_FOLDER} has an unexpected form: {error}")
        if not any(zone.name.startswith("package") for zone in found.values()):
            return Unavailable(f"{_FOLDER} has no energy counter of a package")
        return found


def _taken(before: _Zone, after: _Zone, duration_s: float) -> float:
    """Joules of one zone.

    Raises:
        Unavailable: it could have wrapped around unnoticed.
    """
    if duration_s * _MOST_W > after.range_uj / 1e6:
        raise Unavailable(f"the counter of {after.name} could have wrapped around unnoticed in {duration_s:.0f} s")
    taken = after.microjoules - before.microjoules
    return (taken if taken >= 0 else taken + after.range_uj) / 1e6

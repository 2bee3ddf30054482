"""What the watched processes used while a kind ran: memory and CPU now and then, in bounded memory.

A thread reads them, because the load runs in the meantime and returns only at its end. When there are too many samples
every second one is dropped and the interval doubles, so that a soak of any length keeps its whole course.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

from meshperf.spec.kinds import UsageSample
from meshperf.telemetry import read_process

__all__ = ["MOST_SAMPLES", "Watch"]

MOST_SAMPLES = 1024
"""Of one process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    monotonic_s: float
    private_bytes: int | None
    cpu_s: float | None
    alive: bool


class Watch:
    """Reads processes (name to pid) from entering to leaving the context, every `interval_s` seconds."""

    def __init__(self, pids: Mapping[str, int], *, interval_s: float = 1.0) -> None:
        self._pids = dict(pids)
        self._interval_s = interval_s
        self._readings: dict[str, list[_Reading]] = {name: [] for name in self._pids}
        self._started: dict[str, int | None] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="meshperf-watch", daemon=True)

    def __enter__(self) -> Watch:
        if self._pids:
            self._read()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()
            self._read()

    def samples(self, *, origin_monotonic_s: float) -> tuple[UsageSample, ...]:
        """All samples, by component and in order; times since `origin_monotonic_s`, earlier ones left out."""
        return tuple(
            sample
            for name, readings in self._readings.items()
            for sample in _samples(name, readings, origin_monotonic_s)
            if sample.t_s >= 0
        )

    def _follow(self) -> None:
        while not self._end.wait(self._interval_s):
            self._read()

    def _read(self) -> None:
        for name, pid in self._pids.items():
            reading = read_process(pid, start_ticks=self._started.get(name))
            self._started.setdefault(name, reading.start_ticks)
            self._readings[name].append(
                _Reading(
                    monotonic_s=time.monotonic(),
                    private_bytes=reading.private_bytes,
                    cpu_s=reading.cpu_s,
                    alive=reading.start_ticks is not None,
                )
            )
        if any(len(kept) > MOST_SAMPLES for kept in self._readings.values()):
            self._interval_s *= 2
            self._readings = {name: kept[::2] for name, kept in self._readings.items()}


def _samples(name: str, readings: list[_Reading], origin_s: float) -> list[UsageSample]:
    found = []
    for number, reading in enumerate(readings):
        before = readings[number - 1] if number else None
        cores = None
        if before is not None and before.cpu_s is not None and reading.cpu_s is not None:
            elapsed_s = reading.monotonic_s - before.monotonic_s
            cores = (reading.cpu_s - before.cpu_s) / elapsed_s if elapsed_s > 0 else None
        found.append(
            UsageSample(
                t_s=reading.monotonic_s - origin_s,
                component=name,
                private_bytes=reading.private_bytes,
                cpu_cores=cores,
                alive=reading.alive,
            )
        )
    return found

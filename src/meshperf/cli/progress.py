"""Live progress of long work on stderr: one line on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from meshperf.experiment.events import Event
from meshperf.units import Unit, format_quantity

__all__ = ["ExperimentProgress", "describe"]

_LOG_EVERY_S = 15.0
_SCREEN_EVERY_S = 1.0
"""Drawing costs CPU time that the measured processes could notice, so once a second must do."""
_MILESTONES = ("plan", "planned", "resumed", "chosen", "saved", "excluded")


class ExperimentProgress:
    """Shows events; quiet when stderr is no terminal, but for milestones and a sign of life."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._last = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("starting", refresh_per_second=1 / _SCREEN_EVERY_S)
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, event: Event) -> None:
        now = time.monotonic()
        milestone = event.stage in _MILESTONES
        if milestone:
            self._print(describe(event))
        elif self._status is not None:
            if now - self._last >= _SCREEN_EVERY_S:
                self._last = now
                self._status.update(describe(event))
        elif now - self._last >= _LOG_EVERY_S:
            self._last = now
            self._print(describe(event))

    def _print(self, line: str) -> None:
        # Soft: a log has no width, and a line broken at a guessed one is hard to search.
        self._console.print(line, markup=False, soft_wrap=True)


def describe(event: Event) -> str:
    """One line: `round 2/6 · measuring · 498.7/s · p50 182 us · p99 1.4 ms · 2:10 left`."""
    kind = "pilot round" if event.pilot else "round"
    parts = [f"{kind} {event.round}/{event.rounds}", event.stage] if event.round else [event.stage]
    if event.note:
        parts.append(event.note)
    if event.achieved_rps is not None:
        parts.append(f"{event.achieved_rps:.1f} replies/s")
    if event.p50_s is not None:
        parts.append(f"p50 {format_quantity(event.p50_s, Unit.SECONDS)}")
    if event.p99_s is not None:
        parts.append(f"p99 {format_quantity(event.p99_s, Unit.SECONDS)}")
    if event.failed:
        parts.append(f"{event.failed} failed")
    if event.left_s is not None:
        minutes, seconds = divmod(round(event.left_s), 60)
        parts.append(f"about {minutes}:{seconds:02d} left")
    return " · ".join(parts)

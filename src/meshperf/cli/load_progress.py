"""The live line of a load test: what the last second looked like, on a terminal and nowhere else.

Its percentiles are of the replies since the line was last drawn, the difference of two cumulative histograms, so that a
stall shows at once and does not linger in an average.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.status import Status

from meshperf.histograms import Histogram
from meshperf.load.recording import Progress
from meshperf.units import Unit, format_quantity

__all__ = ["LoadProgress", "describe", "since"]

_SCREEN_EVERY_S = 1.0
"""Drawing costs CPU time that the generator could miss, so once a second must do."""


class LoadProgress:
    """Shows looks at a running generator; silent when stderr is no terminal."""

    def __init__(self, console: Console, *, total_s: float | None = None) -> None:
        """`total_s`: how long it will take, where that is known."""
        self._console = console
        self._total_s = total_s
        self._status: Status | None = None
        self._before: Progress | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("connecting", refresh_per_second=1 / _SCREEN_EVERY_S)
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, stage: str, seen: Progress) -> None:
        if self._status is None:
            return
        before = self._before
        if before is not None and seen.elapsed_s < before.elapsed_s:  # another call of the generator began
            before = None
        if before is None or seen.elapsed_s - before.elapsed_s >= _SCREEN_EVERY_S:
            self._status.update(describe(stage, seen, before, total_s=self._total_s))
            self._before = seen


def describe(stage: str, seen: Progress, before: Progress | None, *, total_s: float | None = None) -> str:
    """One line: `measuring · 12 s of 61 s · 998.7 replies/s · p50 182 us · p99 1.4 ms · 3 failed`."""
    passed_s = seen.elapsed_s - (before.elapsed_s if before is not None else 0.0)
    replies = seen.ok - (before.ok if before is not None else 0)
    parts = [stage, f"{seen.elapsed_s:.0f} s" + (f" of {total_s:.0f} s" if total_s is not None else "")]
    if passed_s > 0:
        parts.append(f"{replies / passed_s:.1f} replies/s")
    last = since(seen.response, before.response if before is not None else None)
    if last.total:
        p50, p99 = last.quantile([0.5, 0.99])
        parts += [
            f"p50 {format_quantity(float(p50), Unit.SECONDS)}",
            f"p99 {format_quantity(float(p99), Unit.SECONDS)}",
        ]
    if seen.failed:
        parts.append(f"{seen.failed} failed")
    return " · ".join(parts)


def since(now: Histogram, before: Histogram | None) -> Histogram:
    """What was added to a cumulative histogram."""
    if before is None or not before.total:
        return now
    counts = dict(zip(now.index.tolist(), now.count.tolist(), strict=True))
    for index, count in zip(before.index.tolist(), before.count.tolist(), strict=True):
        counts[index] = counts.get(index, 0) - count
    left = sorted((index, count) for index, count in counts.items() if count > 0)
    return Histogram.from_pairs(np.array(left).reshape(-1, 2).tolist())

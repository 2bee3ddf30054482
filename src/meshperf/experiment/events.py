"""What an experiment tells while it runs; whoever shows it (the command line) decides how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from meshperf.load.recording import Progress

__all__ = ["Event", "Figures", "Listener", "figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A moment of a running experiment. Figures are of the stage under way; None before any reply."""

    stage: str
    """plan, planned, resumed, chosen, starting …, warm-up, pilot, measuring, control, saved, excluded."""
    round: int
    rounds: int
    elapsed_s: float
    left_s: float | None
    """Estimate of the time left for the whole experiment [s]; None while nothing is known."""
    note: str = ""
    achieved_rps: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    failed: int = 0
    pilot: bool = False
    """The round is one of the pilot that plans the experiment, and never counts."""


Listener = Callable[[Event], None]


class Figures(TypedDict):
    """The part of an event that a running generator fills."""

    achieved_rps: float | None
    p50_s: float | None
    p99_s: float | None
    failed: int


def figures(progress: Progress | None, counted_s: float) -> Figures:
    """What a look at the generator says, as an event carries it.

    Args:
        counted_s: counted time that the replies belong to [s]; lead-in, guards and drains are not in it.
    """
    if progress is None or not progress.response.total:
        return Figures(achieved_rps=None, p50_s=None, p99_s=None, failed=0 if progress is None else progress.failed)
    p50, p99 = progress.response.quantile([0.5, 0.99])
    return Figures(
        achieved_rps=progress.ok / counted_s if counted_s > 0 else None,
        p50_s=float(p50),
        p99_s=float(p99),
        failed=progress.failed,
    )

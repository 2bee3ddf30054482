"""What a test kind needs of a load generator: phases run on connections that stay open between the calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from meshperf.load.plan import Phase
from meshperf.load.recording import Progress, SessionRecording

__all__ = ["LoadSession"]


class LoadSession(Protocol):
    """An open session; implementations: `NativeSession`, and a simulated one in the tests."""

    def run(
        self, phases: Sequence[Phase], *, on_progress: Callable[[Progress], None] | None = None
    ) -> SessionRecording:
        """Run phases one after another; broken off, it returns what was recorded, marked `interrupted`."""
        ...

    def stop(self) -> None:
        """End the run under way, from a signal's handler too; without one, nothing happens."""
        ...

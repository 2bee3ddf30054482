"""Ctrl-C while a kind runs: the stage under way ends, what was done is kept, and the kind answers with that.

Why a handler of its own: between two stages Python judges and chooses, and a KeyboardInterrupt there would throw away
all stages before. So the signal is turned into a request to stop, which the stage under way and the choice of the next
one both look at. A second Ctrl-C raises, for whoever does not want to wait.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interrupts_stop"]


@contextmanager
def interrupts_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first Ctrl-C within the context, and raise KeyboardInterrupt at the next.

    Only the main thread gets signals, and a handler that somebody else has set is left alone; then nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield
        return

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        stop()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

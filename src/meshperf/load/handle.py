"""Load under way as a Python object: begin it, look at it, change it, stop it; with threads or with asyncio.

Why this way: the engine's workers need nobody to wait for them, so a handle has no thread of its own. `result` waits
in the calling thread; `wait` asks every few milliseconds whether the workers are done, so that a cancelled task leaves
nothing behind that still waits. No method but `open`, `close` and `result` takes longer than a look.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

from meshperf.errors import MeshperfError
from meshperf.load.native import NativeSession
from meshperf.load.plan import Phase, SessionPlan
from meshperf.load.recording import Progress, SessionRecording

__all__ = ["LoadHandle", "run"]

_LOOK_S = 0.02
"""`wait` looks this often: often enough to be no delay, and seldom enough to cost the measured machine nothing."""


def run(
    plan: SessionPlan,
    phases: Sequence[Phase],
    *,
    on_progress: Callable[[Progress], None] | None = None,
    interval_s: float = 0.25,
) -> SessionRecording:
    """Open a plan's connections, run phases of load on them, and close them.

    Ctrl-C ends the run but loses nothing: the recording holds what was measured until then and is marked `interrupted`.

    Args:
        phases: run one after another; each names one of the plan's targets.
        on_progress: called about every `interval_s` seconds; an exception it raises stops the run and comes out here.

    Raises:
        UsageError: MP1001, the plan or a phase makes no sense.
        TargetError: MP5301, MP5302, MP5303, a target cannot be reached or does not speak what was asked.
        PrerequisiteError: MP3003, the compiled engine is not installed; MP3005, the system refuses what is needed.
        CaptureError: MP5202, the engine failed.
    """
    with NativeSession.open(plan) as session:
        return session.run(phases, on_progress=on_progress, interval_s=interval_s)


class LoadHandle:
    """Load that runs while the program does something else. Its connections stay warm from one `start` to the next.

    Any thread may use it. What makes no sense is a `RuntimeError`: starting twice, a result of nothing, use after
    `close` or in a forked child.
    """

    def __init__(self, plan: SessionPlan) -> None:
        self._plan = plan
        self._session: NativeSession | None = None
        self._closed = False
        self._outcome: SessionRecording | MeshperfError | None = None
        self._started = False
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def open(self) -> LoadHandle:
        """Open all connections; `start` does it as well. Opening twice is fine.

        Raises:
            UsageError, TargetError, PrerequisiteError: as of `meshperf.load.run`.
        """
        with self._owned():
            self._opened()
        return self

    def start(self, phases: Sequence[Phase]) -> None:
        """Begin phases and return at once.

        Raises:
            UsageError: MP1001, a phase makes no sense. RuntimeError: the last run's result was not taken yet.
            And what `open` raises.
        """
        with self._owned():
            session = self._opened()
            if self._started and self._outcome is None:
                raise RuntimeError("a run is already under way; take its result first")
            session.start(phases)
            self._outcome, self._started = None, True

    def snapshot(self) -> Progress:
        """Where the run is: counters and response times since `start`; all zero once its result was taken."""
        return self._live().progress()

    def set_rate(self, rate: float) -> None:
        """From now on `rate` requests per second are due, over all workers, until the phase under way ends.

        Raises:
            UsageError: MP1001, not a rate, or the phase under way has none: a closed loop, or a trace.
            RuntimeError: no run is under way.
        """
        session = self._live()
        if self._outcome is not None or session.wait(0):
            raise RuntimeError("no run is under way")
        session.set_rate(rate)

    def stop(self) -> None:
        """End the run under way; its result is what was recorded until then, marked `interrupted`."""
        self._live().stop()

    def done(self) -> bool:
        """Whether the run is over, so that `result` returns at once."""
        return self._started and (self._outcome is not None or self._live().wait(0))

    def result(self, timeout: float | None = None) -> SessionRecording:
        """Wait for the run and return its recording; again and again the same one.

        Ctrl-C ends the waiting with a KeyboardInterrupt, and not the run: `stop` does, and then `result` has the rest.

        Args:
            timeout: seconds to wait at most; None: as long as it takes.

        Raises:
            TimeoutError: the run is still under way; it goes on.
            TargetError, CaptureError: the run failed, as of `meshperf.load.run`.
            RuntimeError: nothing was started.
        """
        if not self._started:
            raise RuntimeError("nothing was started")
        if self._outcome is None and not self._live().wait(timeout):
            raise TimeoutError(f"the run is still under way after {timeout} s")
        return self._collected()

    async def wait(self) -> SessionRecording:
        """`result` for asyncio: the loop goes on meanwhile. Cancelling it leaves the run as it is."""
        if not self._started:
            raise RuntimeError("nothing was started")
        while not self.done():
            await asyncio.sleep(_LOOK_S)
        return self._collected()

    def close(self) -> None:
        """Stop what runs and close all connections. A result that was not taken is lost. Closing twice is fine."""
        with self._owned():
            self._closed = True
            if self._session is not None:
                self._session.close()

    def __enter__(self) -> LoadHandle:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> LoadHandle:
        return await asyncio.to_thread(self.open)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def _owned(self) -> threading.Lock:
        """The lock. In a forked child it may be held for ever, by a thread that does not exist there."""
        if os.getpid() != self._pid:
            raise RuntimeError("the handle belongs to the process that made it; a forked child must make its own")
        return self._lock

    def _opened(self) -> NativeSession:
        if self._closed:
            raise RuntimeError("the handle is closed")
        if self._session is None:
            self._session = NativeSession.open(self._plan)
        return self._session

    def _live(self) -> NativeSession:
        if self._closed:
            raise RuntimeError("the handle is closed")
        if self._session is None:
            raise RuntimeError("nothing was started")
        return self._session

    def _collected(self) -> SessionRecording:
        with self._owned():
            if self._outcome is None:
                try:
                    self._outcome = self._live().finish()
                except MeshperfError as failure:
                    self._outcome = failure
            outcome = self._outcome
        if isinstance(outcome, MeshperfError):
            raise outcome
        return outcome

"""The session that a load point's generator runs in: our own engine, or an adapter of another tool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from meshperf.load.plan import Phase, SessionPlan
from meshperf.load.recording import Progress, SessionRecording
from meshperf.spec.generators import OWN

__all__ = ["GeneratorSession", "open_session", "require_fit"]


class GeneratorSession(Protocol):
    """What measuring needs of a generator; `NativeSession` and `ExternalSession` both have it."""

    def run(
        self,
        phases: Sequence[Phase],
        *,
        on_progress: Callable[[Progress], None] | None = None,
        interval_s: float = 0.25,
    ) -> SessionRecording:
        """Run phases one after another."""

    def stop(self) -> None:
        """End the run under way."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_session(generator: str, plan: SessionPlan) -> GeneratorSession:
    """Open a session of a generator.

    Raises:
        UsageError: MP1001, there is no such generator. PrerequisiteError: it is not installed. TargetError: a target
            cannot be reached.
    """
    if generator.lower() == OWN:
        from meshperf.load.native import NativeSession

        return NativeSession.open(plan)
    from meshperf.load.adapters.session import ExternalSession

    return ExternalSession.open(generator, plan)


def require_fit(generator: str, plan: SessionPlan, phases: Sequence[Phase]) -> None:
    """Refuse what a generator cannot do, and one that is not there, before anything is started. Our own can do all.

    Raises:
        UsageError: MP1001, there is no such generator; MP1007, it cannot do what a phase asks for.
        PrerequisiteError: MP3006, it is not installed.
    """
    if generator.lower() == OWN:
        return
    from meshperf.load.adapters.finding import installed
    from meshperf.load.adapters.fitting import refuse_unfit
    from meshperf.load.adapters.registry import adapter

    found = adapter(generator)
    for phase in phases:
        refuse_unfit(found, plan, phase)
    installed(found)

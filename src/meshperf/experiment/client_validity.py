"""The verdict on the generator alone, for runs whose errors and shortfall are what is being measured: spikes."""

from __future__ import annotations

from meshperf.spec.kinds import Kind
from meshperf.spec.records import RunResult, Validity, ValidityState

__all__ = ["CLIENT_GUARDS", "measures_failure", "of_the_generator"]

CLIENT_GUARDS = frozenset({"busy_share", "client_delay_p99", "late_read_p99", "run_queue_share"})
"""Guards that speak of the generator; the others speak of what it measured."""


def measures_failure(run: RunResult) -> bool:
    """Whether failed requests are an answer of this run, and no reason against it."""
    return run.kind is not None and run.kind.kind is Kind.SPIKE


def of_the_generator(run: RunResult) -> Validity:
    """A judged run's validity without what speaks of the target only; no answer at all stays invalid."""
    unclean = any(guard.guard in CLIENT_GUARDS and guard.outcome == "invalid" for guard in run.guards)
    if unclean or run.counts.ok == 0 or run.validity.state is ValidityState.CLIENT_LIMITED:
        return run.validity
    return Validity()

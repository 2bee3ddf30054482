"""From what a tool says of one run to the recording of a phase.

Counts are what the tool said. What was due at a constant rate and neither answered nor failed was not sent: a tool that
fell behind and skipped requests is told by that. What it does not say stays unknown: no pacing error, no send times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshperf.load.adapters.base import Adapter, Asked
from meshperf.load.adapters.child import Ended
from meshperf.load.adapters.distribution import Distribution
from meshperf.load.adapters.fitting import planned_s
from meshperf.load.plan import Target
from meshperf.load.recording import PhaseRecording
from meshperf.spec.imported import Imported, LatencyOrigin
from meshperf.spec.records import Counts
from meshperf.spec.redaction import shown_path

__all__ = ["Told", "ok_of", "recorded", "sentences", "shown"]

_SECRET_CHARS = 4
"""Shorter header values are no secrets, and stand in any text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One run of a tool, and what is known of it."""

    imported: Imported
    ended: Ended
    distribution: Distribution


def ok_of(imported: Imported) -> int:
    """Successful replies; all requests where the tool does not tell whether any failed."""
    if imported.ok is not None:
        return imported.ok
    return max(0, (imported.requests or 0) - (imported.errors or 0) - (imported.timeouts or 0))


def recorded(told: Told, adapter: Adapter, asked: Asked, *, origin_unix_s: float) -> PhaseRecording:
    """The phase as a recording. Times are seconds since the session's origin."""
    imported, ended = told.imported, told.ended
    begin_s = ended.begun_unix_s - origin_unix_s
    measured_s = imported.duration_s or asked.phase.duration_s
    return PhaseRecording(
        target=asked.phase.target,
        label=asked.phase.label,
        begin_s=begin_s,
        end_s=begin_s + measured_s,
        drained_s=max(begin_s + ended.wall_s, begin_s + measured_s),
        drained=True,
        counts=_counts(imported, adapter, asked),
        response=told.distribution.response,
        errors_by_reason=_shown_reasons(imported, asked.target),
        errors_by_status=dict(imported.errors_by_status),
        errors_by_grpc_status=dict(imported.errors_by_grpc_status),
        busy_s=ended.cpu_s,
    )


def shown(text: str, target: Target) -> str:
    """What a tool wrote, without what may be secret of the request: tools repeat URLs in their complaints."""
    if "?" in target.path:
        text = text.replace(target.path, shown_path(target.path))
    for _, value in target.headers:
        if len(value) >= _SECRET_CHARS:
            text = text.replace(value, "withheld")
    return text


def _shown_reasons(imported: Imported, target: Target) -> dict[str, int]:
    found: dict[str, int] = {}
    for reason, count in imported.errors_by_reason.items():
        name = shown(reason, target)
        found[name] = found.get(name, 0) + count
    return found


def _counts(imported: Imported, adapter: Adapter, asked: Asked) -> Counts:
    ok, timeouts = ok_of(imported), imported.timeouts or 0
    # Some tools count timeouts among their errors, which is seen from the total.
    errors = max(0, (imported.errors or 0) - timeouts) if _timeouts_among(imported) else imported.errors or 0
    sent = ok + errors + timeouts
    due = sent if asked.rate is None else max(sent, round(asked.rate * planned_s(adapter.abilities, asked.phase)))
    return Counts(
        offered=due,
        sent=sent,
        ok=ok,
        errors=errors,
        timeouts=timeouts,
        not_sent=due - sent,
        bytes_out=imported.bytes_out or 0,
        bytes_in=imported.bytes_in or 0,
    )


def _timeouts_among(imported: Imported) -> bool:
    if not imported.timeouts or imported.errors is None:
        return False
    if imported.requests is None or imported.ok is None:
        return imported.errors >= imported.timeouts
    return imported.ok + imported.errors + imported.timeouts > imported.requests


def sentences(told: Told, adapter: Adapter, asked: Asked) -> Iterator[str]:
    """What a reader must know of this run beside its figures."""
    if not adapter.proven:
        yield "its adapter is unproven: it was never run against the real tool"
    if told.imported.errors is None:
        yield "it does not say whether requests failed: all are counted as successful"
    if told.distribution.quantiles:
        yield f"its times are resolved by {told.distribution.resolution.partition(',')[0]}"
    elif not told.distribution.response.total and ok_of(told.imported):
        yield f"no distribution of successful replies: {told.distribution.resolution.removeprefix('none: ')}"
    if adapter.origin(asked) is LatencyOrigin.UNKNOWN:
        yield "where its times count from is not known"
    dropped = told.imported.extra.get("dropped_iterations")
    if isinstance(dropped, int | float) and dropped:
        yield f"{dropped:.0f} requests that were due found no idle user and were dropped"

"""Recordings of several generators as one: exact sums, so that it does not matter who sent which request.

What it decides: nothing about the load. Counts and histograms add; a quantile of the merged recording is the quantile
of all samples in one recording. The order of the recordings, and which are merged first, makes no difference.

What it assumes: the recordings are parts of one plan (`splitting.split`), whose phases began together: intervals
of a series and milliseconds of sending are added by their number, each counted from its own generator's begin. The
generators' wall clocks place the phases in time, so times are as good as these agree.

What it refuses: recordings of different phases, and a series that only some of the generators that sent have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import zip_longest

import numpy as np

from meshperf.errors import UsageError
from meshperf.histograms import Histogram
from meshperf.histograms import merge as merge_histograms
from meshperf.load.recording import (
    ConnectionFacts,
    Datagrams,
    PhaseRecording,
    Series,
    SeriesInterval,
    SessionRecording,
)
from meshperf.spec.records import Counts

__all__ = ["merge"]

_U32_MOST = 2**32 - 1


def merge(recordings: Iterable[SessionRecording]) -> SessionRecording:
    """Add up recordings of one plan's parts. A single one is returned as it is.

    Times are seconds since the earliest origin; a phase begins with its first generator and ends with its last. A
    generator that was interrupted may lack the last phases: those hold what the others did, and the whole is marked.
    Words on which generators differ (a TLS version, say) are listed side by side. Thread numbers are left out, since
    they mean nothing in another process.

    Raises:
        UsageError: MP1001, no recordings, or not of the same phases and targets.
    """
    parts = list(recordings)
    if not parts:
        raise UsageError("MP1001", "there are no recordings to merge")
    if len(parts) == 1:
        return parts[0]
    if len({len(part.connections) for part in parts}) > 1:
        raise _differ("their numbers of targets")
    longest = max(len(part.phases) for part in parts)
    if any(len(part.phases) < longest and not part.interrupted for part in parts):
        raise _differ("their numbers of phases")
    origin = min(part.origin_unix_s for part in parts)
    return SessionRecording(
        phases=tuple(
            _phase([(p.phases[number], p.origin_unix_s - origin) for p in parts if number < len(p.phases)])
            for number in range(longest)
        ),
        connections=tuple(_connections(facts) for facts in zip(*(part.connections for part in parts), strict=True)),
        interrupted=any(part.interrupted for part in parts),
        origin_unix_s=origin,
        build=_listed(part.build for part in parts) or "",
        engine_version=_listed(part.engine_version for part in parts) or "",
        wait=_listed(part.wait for part in parts) or "",
        workers=sum(part.workers for part in parts),
        receive_clock="kernel" if all(part.receive_clock == "kernel" for part in parts) else "user",
    )


def _differ(what: str) -> UsageError:
    return UsageError(
        "MP1001",
        f"recordings of different plans cannot be merged: {what} differ",
        hint="merge what the generators of one split plan recorded, each once",
    )


def _phase(parts: Sequence[tuple[PhaseRecording, float]]) -> PhaseRecording:
    """One phase of several generators, each with the seconds from the common origin to its own."""
    phases = [phase for phase, _ in parts]
    if len({(phase.target, phase.label) for phase in phases}) > 1:
        raise _differ("targets or labels of their phases")
    return PhaseRecording(
        target=phases[0].target,
        label=phases[0].label,
        begin_s=min(phase.begin_s + later for phase, later in parts),
        end_s=max(phase.end_s + later for phase, later in parts),
        drained_s=max(phase.drained_s + later for phase, later in parts),
        drained=all(phase.drained for phase in phases),
        counts=sum((phase.counts for phase in phases), Counts()),
        lead_in_counts=sum((phase.lead_in_counts for phase in phases), Counts()),
        errors_by_reason=_added(phase.errors_by_reason for phase in phases),
        errors_by_status=_added(phase.errors_by_status for phase in phases),
        errors_by_grpc_status=_added(phase.errors_by_grpc_status for phase in phases),
        datagrams=Datagrams(
            duplicates=sum(phase.datagrams.duplicates for phase in phases),
            reordered=sum(phase.datagrams.reordered for phase in phases),
            late=sum(phase.datagrams.late for phase in phases),
        ),
        series=_series(phases),
        sends_per_ms=_sends(phases),
        # A clock that two generators read only ever rises: its first and its last reading span both.
        cpu_begin_s=_extreme((phase.cpu_begin_s for phase in phases), min),
        cpu_drained_s=_extreme((phase.cpu_drained_s for phase in phases), max),
        busy_s=sum(phase.busy_s for phase in phases),
        spin_s=sum(phase.spin_s for phase in phases),
        interrupted=any(phase.interrupted for phase in phases),
        **_histograms(phases),
    )


def _connections(facts: Sequence[ConnectionFacts]) -> ConnectionFacts:
    streams = [each.max_streams for each in facts if each.max_streams is not None]
    return ConnectionFacts(
        opened=sum(each.opened for each in facts),
        reopened=sum(each.reopened for each in facts),
        failed=sum(each.failed for each in facts),
        tls_handshakes=sum(each.tls_handshakes for each in facts),
        tls_resumed=sum(each.tls_resumed for each in facts),
        retired=sum(each.retired for each in facts),
        grown=sum(each.grown for each in facts),
        alpn=_listed(each.alpn for each in facts),
        max_streams=min(streams, default=None),
        tls_version=_listed(each.tls_version for each in facts),
        tls_cipher=_listed(each.tls_cipher for each in facts),
        tls_group=_listed(each.tls_group for each in facts),
        server_identity=_listed(each.server_identity for each in facts),
        **_histograms(facts),
    )


def _histograms(records: Sequence[PhaseRecording] | Sequence[ConnectionFacts]) -> dict[str, Histogram]:
    """Every field that is a histogram, added up: one that is new is not forgotten here."""
    names = [field.name for field in fields(records[0]) if isinstance(getattr(records[0], field.name), Histogram)]
    return {name: merge_histograms(getattr(record, name) for record in records) for name in names}


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    return dict(sum((Counter(dict(each)) for each in counts), Counter[str]()))


def _extreme(readings: Iterable[Mapping[str, float]], which: Callable[[float, float], float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for reading in readings:
        for name, value in reading.items():
            found[name] = which(found.get(name, value), value)
    return found


def _listed(words: Iterable[str | None]) -> str | None:
    """The word on which all agree, or all of them side by side; None where nobody says one."""
    return ", ".join(sorted({word for each in words if each is not None for word in each.split(", ")})) or None


def _series(phases: Sequence[PhaseRecording]) -> Series | None:
    known = [phase.series for phase in phases if phase.series is not None]
    if not known or any(phase.series is None and phase.counts.offered for phase in phases):
        return None
    coarsest = max(series.interval_s for series in known)
    coarse = [_coarser(series, coarsest) for series in known]
    return Series(
        interval_s=coarsest,
        intervals=tuple(
            _interval([part for part in row if part is not None])
            for row in zip_longest(*(series.intervals for series in coarse))
        ),
    )


def _coarser(series: Series, interval_s: float) -> Series:
    """Intervals of the length asked for, each of two, four, … of the series' own. Doubling a float is exact."""
    while series.interval_s < interval_s:
        pairs = zip_longest(series.intervals[::2], series.intervals[1::2])
        series = Series(
            interval_s=series.interval_s * 2,
            intervals=tuple(_interval([part for part in pair if part is not None]) for pair in pairs),
        )
    if series.interval_s != interval_s:
        raise _differ("the intervals of their series")
    return series


def _interval(parts: Sequence[SeriesInterval]) -> SeriesInterval:
    return SeriesInterval(
        offered=sum(part.offered for part in parts),
        ok=sum(part.ok for part in parts),
        failed=sum(part.failed for part in parts),
        response=merge_histograms(part.response for part in parts),
    )


def _sends(phases: Sequence[PhaseRecording]) -> bytes:
    if any(not phase.sends_per_ms and phase.counts.sent for phase in phases):
        return b""
    rows = [np.frombuffer(phase.sends_per_ms, dtype="<u4") for phase in phases]
    total = np.zeros(max(row.size for row in rows), dtype=np.int64)
    for row in rows:
        total[: row.size] += row
    return np.minimum(total, _U32_MOST).astype("<u4").tobytes()

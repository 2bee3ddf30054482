"""A table with a row for every reply, as hey and oha write it: seconds, and a status.

What it decides: a reply with a status of 400 or above failed, and is not in the latencies. Requests that had no reply
have no row, so that there were none is never known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from meshperf.histograms import HIGHEST_S
from meshperf.interchange.samples import Samples, Tally, truncated
from meshperf.interchange.streams import Table
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, NoteKind, Source

__all__ = ["RequestColumns", "request_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestColumns:
    """Which columns hold what, by `streams.column_name`; `half_s` is half of the last digit of a latency [s]."""

    start: str
    latency: str
    status: str
    half_s: float
    bytes_in: str | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        return (self.start, self.latency, self.status)


def request_table(table: Table, columns: RequestColumns, source: Source, origin: LatencyOrigin) -> Imported:
    """What the rows add up to.

    Raises:
        DocumentError: MP2402, MP2403.
    """
    samples, tally = Samples(), Tally()
    begin, end, size = math.inf, 0.0, 0
    for row in table.rows():
        start, latency = row.number_of(columns.start), row.need(columns.latency)
        status = row.cells.get(columns.status, "").strip()
        if not (status.isdecimal() and len(status) == 3):
            raise row.broken(f"the status must have three digits, found {status[:20]!r}")
        if latency > HIGHEST_S:
            raise row.contradicts(f"a latency of {latency:g} s cannot be")
        if int(status) < 400:
            samples.add(latency)
            tally.ok += 1
        else:
            tally.failed(tally.by_status, status)
        if start is not None:
            begin, end = min(begin, start), max(end, start + latency)
        if columns.bytes_in is not None:
            size += row.count_of(columns.bytes_in) or 0
    duration = end - begin if end > begin else None
    notes = [] if table.cut_at is None else [truncated(table.cut_at)]
    if tally.errors:
        text = "requests that had no reply are not in the file: there may be more errors"
        notes.append(ImportNote(kind=NoteKind.ERRORS_UNKNOWN, text=text))
    return Imported(
        source=source,
        duration_s=duration,
        loop=LoopModel.UNKNOWN,
        achieved_rps=tally.ok / duration if duration else None,
        requests=tally.ok + tally.errors,
        ok=tally.ok,
        errors=tally.errors or None,
        errors_by_status=tally.by_status,
        bytes_in=size if columns.bytes_in is not None else None,
        latency_origin=origin,
        latency_of=LatencyOf.SUCCESSES,
        latency_unit="s",
        latency_count=tally.ok,
        mean_s=samples.mean_s,
        stddev_s=samples.stddev_s,
        min_s=samples.min_s,
        max_s=samples.max_s,
        quantiles=samples.quantiles(half_s=columns.half_s),
        response=samples.histogram(),
        notes=tuple(notes),
    )

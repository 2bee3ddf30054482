"""hey's text and CSV. Both keep the first million replies only, and neither says how many workers there were."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from meshperf.interchange.documents import numbered
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.request_table import RequestColumns, request_table
from meshperf.interchange.streams import Table
from meshperf.interchange.summary_text import Summary, buckets_of, quantiles_of, summaries_of
from meshperf.interchange.text import head_text, lines_of
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, NoteKind, Source

__all__ = ["READERS", "sampled"]

_KEPT = 1_000_000
_SECS = re.compile(r"^  (?:Slowest|Total):\s+\S+ secs\s*$", re.MULTILINE)
_HEADINGS = re.compile(
    r"\s*response-time,DNS\+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\s"
)
_LOOP = "closed; whether -q held the workers back is not in the output"


class _Text:
    form = Form(
        name="hey",
        tool="hey",
        title="hey text",
        latency_unit="stated",
        latency_origin="actual",
        loop=_LOOP,
        errors="known: status codes and transport errors. Replies of any status are among the latencies, "
        "transport errors are not",
        resolution="0.1 ms printed; percentiles of at most the first million replies",
    )

    def looks_like(self, incoming: Incoming) -> float:
        head = head_text(incoming)
        return 0.95 if "Summary:" in head and "Requests/sec:" in head and _SECS.search(head) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        found = list(summaries_of(lines_of(incoming), mark_unit="s"))
        for number, one in enumerate(found, start=1):
            yield _result(one, Source(tool="hey", form="text", place=numbered(number, len(found))))


def _result(summary: Summary, source: Source) -> Imported:
    replies = sum(summary.codes.values())
    failed = {code: count for code, count in summary.codes.items() if code[:1] not in "123"}
    errors = sum(failed.values()) + sum(summary.errors.values())
    duration, rate = summary.time("Total"), summary.number("Requests/sec")
    requests = replies + sum(summary.errors.values())
    notes: list[ImportNote] = []
    ok = replies - sum(failed.values())
    if replies >= _KEPT and duration is not None and rate is not None:
        requests = max(round(rate * duration.value), requests)
        notes.append(sampled(_KEPT, requests))
    if failed:
        count = sum(failed.values())
        text = f"{count} replies with an error status are among the latencies"
        notes.append(ImportNote(kind=NoteKind.FAILURES_IN_LATENCY, text=text, figures={"errors": float(count)}))
    known = not notes or notes[0].kind is not NoteKind.SAMPLED
    size = summary.number("Total data")
    mean, least, most = summary.time("Average"), summary.time("Fastest"), summary.time("Slowest")
    return Imported(
        source=source,
        duration_s=None if duration is None else duration.value,
        loop=LoopModel.UNKNOWN,
        achieved_rps=rate * ok / requests if known and rate is not None and requests else rate,
        requests=requests,
        ok=ok if known else None,
        errors=errors if known else None,
        errors_by_status=failed,
        errors_by_reason=summary.errors,
        bytes_in=round(size) if size is not None and size < 1e18 else None,
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=LatencyOf.ALL if failed else LatencyOf.SUCCESSES,
        latency_unit="s",
        latency_count=replies,
        mean_s=None if mean is None else mean.value,
        min_s=None if least is None or not replies else least.value,
        max_s=None if most is None or not replies else most.high,
        quantiles=quantiles_of(summary),
        buckets=buckets_of(summary),
        notes=tuple(notes),
    )


def sampled(kept: int, requests: int | None) -> ImportNote:
    """That a tool kept only so many of its latencies."""
    of = "" if requests is None else f" of {requests}"
    text = f"the latencies are of the first {kept} requests{of}: the tool keeps no more"
    return ImportNote(kind=NoteKind.SAMPLED, text=text, figures={"kept": float(kept)})


class _Csv:
    form = Form(
        name="hey-csv",
        tool="hey",
        title="hey CSV (-o csv)",
        latency_unit="s",
        latency_origin="actual",
        loop=_LOOP,
        errors="by status only: a request without a reply has no row, so that none failed is unknown; only successes "
        "are in the latencies",
        resolution="0.1 ms in each row, at most a million rows",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if _HEADINGS.match(head_text(incoming) + "\n") else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        columns = RequestColumns(start="offset", latency="response time", status="status code", half_s=0.5e-4)
        source = Source(tool="hey", form="csv")
        record = request_table(Table(incoming, needed=columns.needed), columns, source, LatencyOrigin.ACTUAL)
        if (record.requests or 0) >= _KEPT:
            record = replace(record, requests=None, achieved_rps=None, notes=(*record.notes, sampled(_KEPT, None)))
        yield record


READERS: tuple[Reader, ...] = (_Text(), _Csv())

"""oha's JSON, CSV and text.

None of them says whether `--latency-correction` was on, which decides where a latency begins, nor whether `-q` gave a
rate: both are unknown here. Latencies are of requests that had a reply, of whatever status. Requests that the end of
the run cut off stand among the errors as `aborted due to deadline`; they were dropped, and did not fail. A run in which
nothing had a reply has nulls, or NaN, for times: its counts and errors are read, and it has no latencies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from meshperf.interchange.documents import numbered, numbered_documents
from meshperf.interchange.extras import rest_of
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.json_value import Value
from meshperf.interchange.numbers import plain_number
from meshperf.interchange.quantiles import bounded, in_order
from meshperf.interchange.request_table import RequestColumns, request_table
from meshperf.interchange.sniffing import keys_at
from meshperf.interchange.streams import Table
from meshperf.interchange.summary_text import Summary, buckets_of, quantiles_of, summaries_of
from meshperf.interchange.text import head_text, lines_of
from meshperf.spec.imported import (
    Bucket,
    Imported,
    ImportNote,
    LatencyOf,
    LatencyOrigin,
    LoopModel,
    NoteKind,
    Quantile,
    Source,
)

__all__ = ["READERS"]

_ABORTED = "aborted due to deadline"
_TEXT = re.compile(r"^  Success rate:\s*\S+%", re.MULTILINE)
_HEADINGS = re.compile(r"\s*request-start,DNS,DNS\+dialup,Response-delay,request-duration,bytes,status\s")
_ORIGIN = "unknown: intended with --latency-correction, else actual, and the output does not tell"
_LOOP = "unknown: closed, or with -q a queue at a rate; the output does not tell"
_TAKEN = frozenset({"summary", "responseTimeHistogram", "latencyPercentiles", "statusCodeDistribution", "metrics"})


class _Json:
    form = Form(
        name="oha",
        tool="oha",
        title="oha JSON",
        latency_unit="s",
        latency_origin=_ORIGIN,
        loop=_LOOP,
        errors="known: status codes and transport errors; replies of any status are among the latencies",
        resolution="exact: of all samples",
    )

    def looks_like(self, incoming: Incoming) -> float:
        keys = keys_at(incoming)
        return 0.95 if {"summary", "responseTimeHistogram", "latencyPercentiles"} <= keys else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        for document, place in numbered_documents(incoming):
            yield _from_json(Value(document, document.data), place)


def _from_json(root: Value, place: str | None) -> Imported:
    summary = root.need("summary")
    counts = {
        name: {key: item.count() for key, item in found.pairs()} if found is not None else {}
        for name, found in ((name, root.get(name)) for name in ("statusCodeDistribution", "errorDistribution"))
    }
    total, rate = summary.get("total"), summary.get("requestsPerSec")
    figures = {name: _seconds(summary, name) for name in ("average", "fastest", "slowest")}
    size = summary.get("totalData")
    return _record(
        Source(tool="oha", form="json", place=place),
        codes=counts["statusCodeDistribution"],
        reasons=counts["errorDistribution"],
        duration_s=None if total is None else total.number(),
        rate=None if rate is None else rate.number(),
        moments=(figures["average"], figures["fastest"], figures["slowest"]),
        quantiles=_exact(root.need("latencyPercentiles")),
        buckets=_marks(root.need("responseTimeHistogram")),
        bytes_in=None if size is None else size.count(),
        extra=rest_of(root.data, _TAKEN | {"errorDistribution"}),
    )


def _seconds(value: Value, name: str) -> float | None:
    found = value.get(name)
    return None if found is None else found.number()


def _exact(value: Value) -> tuple[Quantile, ...]:
    found = []
    for name, item in value.pairs():
        percent = name.removeprefix("p")
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", percent) or not 0 < float(percent) < 100:
            raise item.broken("is no percentile")
        seconds = item.number()
        found.append(bounded(round(float(percent) / 100, 12), seconds, []))
    return in_order(found)


def _marks(value: Value) -> tuple[Bucket, ...]:
    """A count stands for requests above the mark before and up to its own; the first mark is the fastest request."""
    marks = []
    for name, item in value.pairs():
        count = item.count()
        if name == "NaN" and not count:
            continue
        try:
            mark = plain_number(name)
        except ValueError:
            raise item.broken("must have a time as its key") from None
        if not 0 <= mark < math.inf:
            raise item.contradicts("cannot be a count of requests at no time")
        marks.append((mark, count))
    marks.sort()
    lows = [mark for mark, _ in marks[:1]] + [mark for mark, _ in marks[:-1]]
    return tuple(Bucket(low_s=low, high_s=mark, count=count) for low, (mark, count) in zip(lows, marks, strict=True))


class _Csv:
    form = Form(
        name="oha-csv",
        tool="oha",
        title="oha CSV",
        latency_unit="s",
        latency_origin=_ORIGIN,
        loop=_LOOP,
        errors="by status only: a request without a reply has no row; only successes are in the latencies",
        resolution="every latency to a nanosecond, gathered into a histogram of three digits",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if _HEADINGS.match(head_text(incoming) + "\n") else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        columns = RequestColumns(
            start="request start", latency="request duration", status="status", half_s=0.5e-9, bytes_in="bytes"
        )
        yield request_table(
            Table(incoming, needed=columns.needed), columns, Source(tool="oha", form="csv"), LatencyOrigin.UNKNOWN
        )


class _Text:
    form = Form(
        name="oha-text",
        tool="oha",
        title="oha text",
        latency_unit="stated",
        latency_origin=_ORIGIN,
        loop=_LOOP,
        errors="known: status codes and transport errors; replies of any status are among the latencies",
        resolution="half a unit of the last printed digit",
    )

    def looks_like(self, incoming: Incoming) -> float:
        head = head_text(incoming)
        return 0.95 if "Summary:" in head and "Requests/sec:" in head and _TEXT.search(head) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        found = list(summaries_of(lines_of(incoming), mark_unit="s"))
        for number, one in enumerate(found, start=1):
            yield _from_text(one, Source(tool="oha", form="text", place=numbered(number, len(found))))


def _from_text(summary: Summary, source: Source) -> Imported:
    duration = summary.time("Total")
    mean, least, most = (summary.time(name) for name in ("Average", "Fastest", "Slowest"))
    return _record(
        source,
        codes={code.split()[0]: count for code, count in summary.codes.items()},
        reasons=summary.errors,
        duration_s=None if duration is None else duration.value,
        rate=summary.number("Requests/sec"),
        moments=(mean.value if mean else None, least.low if least else None, most.high if most else None),
        quantiles=quantiles_of(summary),
        buckets=buckets_of(summary),
        bytes_in=None,
        extra={},
    )


def _record(
    source: Source,
    *,
    codes: Mapping[str, int],
    reasons: Mapping[str, int],
    duration_s: float | None,
    rate: float | None,
    moments: tuple[float | None, float | None, float | None],
    quantiles: tuple[Quantile, ...],
    buckets: tuple[Bucket, ...],
    bytes_in: int | None,
    extra: Mapping[str, object],
) -> Imported:
    replies = sum(codes.values())
    failed = {code: count for code, count in codes.items() if code[:1] not in "123"}
    broken = {reason: count for reason, count in reasons.items() if reason != _ABORTED}
    dropped = reasons.get(_ABORTED, 0)
    ok = replies - sum(failed.values())
    notes: list[ImportNote] = []
    if dropped:
        text = f"{dropped} requests were under way when the run ended, and were dropped"
        notes.append(ImportNote(kind=NoteKind.DROPPED, text=text, figures={"dropped": float(dropped)}))
    if failed:
        count = sum(failed.values())
        text = f"{count} replies with an error status are among the latencies"
        notes.append(ImportNote(kind=NoteKind.FAILURES_IN_LATENCY, text=text, figures={"errors": float(count)}))
    mean, least, most = moments
    return Imported(
        source=source,
        duration_s=duration_s,
        loop=LoopModel.UNKNOWN,
        achieved_rps=ok / duration_s if duration_s else rate,
        requests=replies + sum(broken.values()),
        ok=ok,
        errors=sum(failed.values()) + sum(broken.values()),
        errors_by_status=failed,
        errors_by_reason=broken,
        timeouts=sum(count for reason, count in broken.items() if "timeout" in reason.lower()),
        bytes_in=bytes_in,
        latency_origin=LatencyOrigin.UNKNOWN,
        latency_of=LatencyOf.ALL if failed else LatencyOf.SUCCESSES,
        latency_unit="s",
        latency_count=replies,
        mean_s=mean if replies else None,
        min_s=least if replies else None,
        max_s=most if replies else None,
        quantiles=quantiles,
        buckets=buckets,
        notes=tuple(notes),
        extra=dict(extra),
    )


READERS: tuple[Reader, ...] = (_Json(), _Csv(), _Text())

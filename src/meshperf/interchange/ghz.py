"""ghz's JSON and text: unary and streaming gRPC calls.

Times in the JSON are nanoseconds, the marks of its histogram seconds. It keeps the first million calls only; where it
names each of them, their latencies are read instead of its percentiles. The clock starts inside a worker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from meshperf.histograms import EMPTY
from meshperf.interchange.documents import numbered, numbered_documents
from meshperf.interchange.extras import rest_of
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.hey import sampled
from meshperf.interchange.json_value import Value
from meshperf.interchange.quantiles import bounded, in_order
from meshperf.interchange.samples import Samples
from meshperf.interchange.sniffing import keys_at
from meshperf.interchange.summary_text import buckets_of, quantiles_of, summaries_of
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

_NS = 1e-9
_TEXT = re.compile(r"^  Count:\s*[0-9]+\s*$", re.MULTILINE)
_TAKEN = frozenset((
    "name", "date", "count", "total", "average", "fastest",
    "slowest", "rps", "errorDistribution", "statusCodeDistribution", "latencyDistribution", "histogram",
    "details",
))  # fmt: skip


class _Json:
    form = Form(
        name="ghz",
        tool="ghz",
        title="ghz JSON",
        latency_unit="ns",
        latency_origin="actual: inside a worker",
        loop="closed, scheduled closed with --rps, open with --async: the options are in the file",
        errors="known by gRPC status; only calls that were OK are in the latencies, unless --count-errors",
        resolution="every latency, gathered into a histogram of three digits; without details exact percentiles",
    )

    def looks_like(self, incoming: Incoming) -> float:
        keys = keys_at(incoming, depth=2)
        if {"statusCodeDistribution", "latencyDistribution"} <= keys:
            return 0.95
        return 0.9 if {"endReason", "options", "call"} <= keys else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        for document, place in numbered_documents(incoming):
            yield _from_json(Value(document, document.data), place)


@dataclass(slots=True)
class _Details:
    samples: Samples = field(default_factory=Samples)
    calls: int = 0


def _from_json(root: Value, place: str | None) -> Imported:
    count, total = root.need("count").count(), root.get("total")
    duration = None if total is None else total.number(scale=_NS)
    statuses = _counts(root, "statusCodeDistribution")
    ok = statuses.get("OK", 0) if statuses is not None else None
    failed = {code: one for code, one in (statuses or {}).items() if code != "OK"}
    details = _details(root)
    options = root.get("options")
    errors_counted = options is not None and options.data.get("count-errors") is True
    notes: list[ImportNote] = []
    quantiles, samples = _quantiles(root), None
    if details is not None and details.calls:
        if details.calls < count:
            notes.append(sampled(details.calls, count))
        if not errors_counted and details.samples.histogram().total:
            samples, quantiles = details.samples, details.samples.quantiles(half_s=0.5e-9)
    begin = root.get("date")
    end = None if begin is None else begin.time()
    known = LatencyOf.ALL if errors_counted and failed else LatencyOf.SUCCESSES
    latency_count = ok if known is LatencyOf.SUCCESSES else count
    loop, offered = _loop(options)
    connections, streams = _connections(options)
    return Imported(
        source=Source(tool="ghz", form="json", place=place),
        name=_text(root, "name"),
        start_time=end - timedelta(seconds=duration) if end is not None and duration and duration < 1e8 else None,
        end_time=end,
        duration_s=duration,
        planned_duration_s=_option(options, "duration", _NS),
        protocol="grpc",
        http_version="2",
        method="POST",
        url=_target(options),
        connections=connections,
        streams=streams,
        loop=loop,
        arrivals="closed" if loop is LoopModel.CLOSED else "constant" if _constant(options) else None,
        offered_rps=offered,
        achieved_rps=ok / duration if ok is not None and duration else _number(root, "rps"),
        requests=count,
        ok=ok,
        errors=None if statuses is None else sum(failed.values()),
        timeouts=None if statuses is None else failed.get("DeadlineExceeded", 0),
        errors_by_grpc_status=failed,
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=known,
        latency_unit="ns",
        latency_count=latency_count if samples is None else samples.count,
        mean_s=_number(root, "average", _NS) if samples is None else samples.mean_s,
        stddev_s=None if samples is None else samples.stddev_s,
        min_s=_number(root, "fastest", _NS) if samples is None else samples.min_s,
        max_s=_number(root, "slowest", _NS) if samples is None else samples.max_s,
        quantiles=quantiles,
        buckets=_marks(root) if samples is None else (),
        response=EMPTY if samples is None else samples.histogram(),
        notes=tuple(notes),
        extra=rest_of(root.data, _TAKEN),
    )


def _counts(root: Value, name: str) -> dict[str, int] | None:
    found = root.get(name)
    return None if found is None else {key[:200]: item.count() for key, item in found.pairs()}


def _details(root: Value) -> _Details | None:
    found = root.get("details")
    if found is None:
        return None
    details = _Details()
    for item in found.each():
        details.calls += 1
        latency, status = item.need("latency"), item.get("status")
        if status is None or status.text() == "OK":
            try:
                details.samples.add(latency.number(scale=_NS))
            except ValueError:
                raise latency.contradicts("is longer than an hour") from None
    return details


def _quantiles(root: Value) -> tuple[Quantile, ...]:
    found = root.get("latencyDistribution")
    quantiles = {}
    for item in found.each() if found is not None else ():
        q = item.need("percentage").number() / 100
        if 0 < q < 1:
            quantiles[q] = bounded(q, item.need("latency").number(scale=_NS), [])
    return in_order(quantiles.values())


def _marks(root: Value) -> tuple[Bucket, ...]:
    found = root.get("histogram")
    buckets: list[Bucket] = []
    for item in found.each() if found is not None else ():
        mark = item.need("mark").number()
        low = buckets[-1].high_s if buckets else mark
        if mark < low:
            raise item.contradicts("must be above the mark before it")
        buckets.append(Bucket(low_s=low, high_s=mark, count=item.need("count").count()))
    return tuple(buckets)


def _loop(options: Value | None) -> tuple[LoopModel, float | None]:
    if options is None:
        return LoopModel.UNKNOWN, None
    rate = _option(options, "rps") or None
    if options.data.get("async") is True:
        return LoopModel.OPEN, rate
    return (LoopModel.CLOSED if rate is None else LoopModel.SCHEDULED_CLOSED), rate


def _constant(options: Value | None) -> bool:
    return options is not None and bool(options.data.get("rps")) and options.data.get("load-schedule") == "const"


def _connections(options: Value | None) -> tuple[int | None, int | None]:
    """Workers share the connections; each has one call under way."""
    connections, workers = _whole(options, "connections"), _whole(options, "concurrency")
    if not connections:
        return None, None
    return connections, workers // connections if workers and workers % connections == 0 else None


def _target(options: Value | None) -> str | None:
    host = None if options is None else options.get("host")
    call = None if options is None else options.get("call")
    if options is None or host is None:
        return None
    scheme = "grpc" if options.data.get("insecure") is True else "grpcs"
    bare = host.text().rpartition("@")[2].partition("?")[0]
    method = "" if call is None else "/".join(call.text().rsplit(".", 1)) if "/" not in call.text() else call.text()
    return f"{scheme}://{bare}/{method}"


def _option(options: Value | None, name: str, scale: float = 1.0) -> float | None:
    found = None if options is None else options.get(name)
    return None if found is None or isinstance(found.data, str) else found.number(scale=scale) or None


def _whole(options: Value | None, name: str) -> int | None:
    found = None if options is None else options.get(name)
    return None if found is None or isinstance(found.data, str) else found.count() or None


def _number(root: Value, name: str, scale: float = 1.0) -> float | None:
    found = root.get(name)
    return None if found is None else found.number(scale=scale)


def _text(root: Value, name: str) -> str | None:
    found = root.get(name)
    return None if found is None else found.text()[:200] or None


class _Text:
    form = Form(
        name="ghz-text",
        tool="ghz",
        title="ghz text",
        latency_unit="stated",
        latency_origin="actual: inside a worker",
        loop="unknown: the options are not in the text",
        errors="known by gRPC status; only calls that were OK are in the latencies, unless --count-errors",
        resolution="half a unit of the last printed digit; percentiles of at most the first million calls",
    )

    def looks_like(self, incoming: Incoming) -> float:
        head = head_text(incoming)
        return 0.95 if "Summary:" in head and "Requests/sec:" in head and _TEXT.search(head) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        found = list(summaries_of(lines_of(incoming), mark_unit="ms"))
        for number, one in enumerate(found, start=1):
            duration, count = one.time("Total"), one.number("Count")
            ok = one.codes.get("OK", 0)
            failed = {code: each for code, each in one.codes.items() if code != "OK"}
            mean, least, most = (one.time(name) for name in ("Average", "Fastest", "Slowest"))
            requests = sum(one.codes.values())
            notes = []
            if count is not None and count != requests:
                text = f"{count:.0f} calls were counted, the status codes are of {requests}"
                notes.append(ImportNote(kind=NoteKind.INCONSISTENT, text=text))
            if requests > 1_000_000:
                notes.append(sampled(1_000_000, requests))
            named = one.fields.get("Name")
            yield Imported(
                source=Source(tool="ghz", form="text", place=numbered(number, len(found))),
                name=None if named is None else named[1][:200],
                duration_s=None if duration is None else duration.value,
                protocol="grpc",
                achieved_rps=ok / duration.value
                if duration is not None and duration.value
                else one.number("Requests/sec"),
                requests=requests,
                ok=ok,
                errors=sum(failed.values()),
                timeouts=failed.get("DeadlineExceeded", 0),
                errors_by_grpc_status=failed,
                latency_origin=LatencyOrigin.ACTUAL,
                latency_of=LatencyOf.UNKNOWN if failed else LatencyOf.SUCCESSES,
                latency_unit="ms",
                mean_s=mean.value if mean else None,
                min_s=least.low if least else None,
                max_s=most.high if most else None,
                quantiles=quantiles_of(one),
                buckets=buckets_of(one),
                notes=tuple(notes),
            )


READERS: tuple[Reader, ...] = (_Json(), _Text())

"""One run in fortio's JSON, of fortio itself or inside another tool's record.

Which requests failed is told by the codes: fortio takes 2xx and 418 as success over HTTP, SERVING or OK elsewhere, and
-1 stands for a socket error. Failures are in the same histogram as successes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshperf.interchange.extras import rest_of, shown_label
from meshperf.interchange.fortio_histogram import DurationHistogram, duration_histogram
from meshperf.interchange.json_value import Value, later
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, NoteKind, Source
from meshperf.spec.redaction import shown_url
from meshperf.units import parse_duration

__all__ = ["Codes", "actual_duration", "codes_of", "planned_duration", "requested_rate", "run_of"]

_TAKEN = frozenset(
    (
        "RunType",
        "Labels",
        "StartTime",
        "RequestedQPS",
        "RequestedDuration",
        "ActualQPS",
        "ActualDuration",
        "NumThreads",
        "Version",
        "DurationHistogram",
        "RetCodes",
        "URL",
        "Destination",
        "H2",
        "HTTP10",
        "Streams",
        "BytesSent",
        "BytesReceived",
        "NumConnections",
    )
)
_OK_WORDS = frozenset({"ok", "serving"})
_AGREE = 0.02
_BEYOND = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """What the codes say: how many succeeded and failed, and by which code."""

    ok: int = 0
    errors: int = 0
    timeouts: int | None = None
    by_status: Mapping[str, int] = field(default_factory=dict)
    by_reason: Mapping[str, int] = field(default_factory=dict)
    by_grpc_status: Mapping[str, int] = field(default_factory=dict)


def run_of(value: Value, source: Source) -> Imported:
    """One run.

    Raises:
        DocumentError: MP2402, MP2403.
    """
    histogram = duration_histogram(value.need("DurationHistogram"))
    kind = value.get("RunType")
    protocol = _protocol(value, kind.text() if kind is not None else "HTTP")
    codes, notes = _judged_codes(value, protocol, histogram.count)
    rate = value.get("ActualQPS")
    actual_rps = None if rate is None else rate.number()
    duration, unit_notes = actual_duration(value, histogram.count, actual_rps)
    offered, loop = requested_rate(value)
    start = value.get("StartTime")
    begin = None if start is None else start.time()
    taken = _TAKEN | ({"ID", "Labels"} if "?" in str(value.data.get("URL")) else frozenset())
    extra = rest_of(value.data, taken)
    if codes is not None and codes.errors and actual_rps is not None:
        extra["ActualQPS"] = actual_rps
    achieved = actual_rps
    if codes is not None and codes.errors:
        achieved = codes.ok / duration if duration else None
    return Imported(
        source=source,
        name=_label(value),
        start_time=begin,
        end_time=later(begin, duration),
        duration_s=duration,
        planned_duration_s=planned_duration(value),
        protocol=protocol,
        http_version=_http_version(value, protocol),
        url=_url(value),
        connections=_connections(value),
        streams=_streams(value),
        loop=loop,
        arrivals=_arrivals(value, loop),
        offered_rps=offered,
        achieved_rps=achieved,
        requests=histogram.count,
        ok=None if codes is None else codes.ok,
        errors=None if codes is None else codes.errors,
        timeouts=None if codes is None else codes.timeouts,
        errors_by_status={} if codes is None else codes.by_status,
        errors_by_reason={} if codes is None else codes.by_reason,
        errors_by_grpc_status={} if codes is None else codes.by_grpc_status,
        bytes_in=_bytes_in(value),
        bytes_out=_count(value, "BytesSent"),
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=LatencyOf.ALL,
        latency_unit="s",
        latency_count=histogram.count,
        mean_s=histogram.mean_s,
        stddev_s=histogram.stddev_s,
        min_s=histogram.min_s,
        max_s=histogram.max_s,
        quantiles=histogram.quantiles,
        buckets=histogram.buckets,
        notes=(
            *histogram.notes,
            *notes,
            *unit_notes,
            *_rate_notes(histogram.count, duration, actual_rps),
            *_time_notes(histogram, _connections(value), _streams(value), protocol, duration),
        ),
        extra=extra,
    )


def codes_of(value: Value, protocol: str | None) -> Codes:
    """The meaning of a `RetCodes` mapping for a protocol."""
    ok = 0
    by_status: dict[str, int] = {}
    by_reason: dict[str, int] = {}
    by_grpc: dict[str, int] = {}
    timeouts = 0
    for code, item in value.pairs():
        count = item.count()
        word = code.strip().lower()
        if word in _OK_WORDS or (word.isdecimal() and (word == "418" or (len(word) == 3 and word[0] == "2"))):
            ok += count
        elif not count:
            continue
        elif word.isdecimal():
            by_status[code] = count
        elif word == "-1":
            by_reason["socket"] = by_reason.get("socket", 0) + count
        elif protocol == "grpc":
            by_grpc[code[:200]] = count
        else:
            by_reason[code[:200]] = count
        if "timeout" in word:
            timeouts += count
    errors = sum(by_status.values()) + sum(by_reason.values()) + sum(by_grpc.values())
    known = timeouts if timeouts or protocol == "udp" else None
    return Codes(ok=ok, errors=errors, timeouts=known, by_status=by_status, by_reason=by_reason, by_grpc_status=by_grpc)


def actual_duration(value: Value, count: int, rate: float | None) -> tuple[float | None, list[ImportNote]]:
    """`ActualDuration` [s]: nanoseconds, or seconds where only that fits count and rate, which is then said."""
    found = value.get("ActualDuration")
    if found is None:
        return None, []
    number = found.number()
    if not rate or not count or number * rate > 0.5 * count * 1e8:
        return number * 1e-9, []
    if abs(number * rate - count) <= 0.1 * count:
        text = f"`ActualDuration` ({number:g}) is in seconds here, by count and rate; fortio writes nanoseconds"
        return number, [ImportNote(kind=NoteKind.UNIT_DETECTED, text=text)]
    return number * 1e-9, []


def requested_rate(value: Value) -> tuple[float | None, LoopModel]:
    """Offered rate and loop: `max` is a closed loop, a number a closed loop that tries to keep it."""
    found = value.get("RequestedQPS")
    if found is None:
        return None, LoopModel.UNKNOWN
    if str(found.data).strip().lower() in ("max", "-1", "0", "0.0"):
        return None, LoopModel.CLOSED
    return found.number(), LoopModel.SCHEDULED_CLOSED


def planned_duration(value: Value) -> float | None:
    """`RequestedDuration` [s]; None where a number of calls was asked for, or no end."""
    found = value.get("RequestedDuration")
    if found is None:
        return None
    try:
        return parse_duration(found.text())
    except ValueError:
        return None


def _judged_codes(value: Value, protocol: str | None, count: int) -> tuple[Codes | None, list[ImportNote]]:
    found, failed = value.get("RetCodes"), value.get("ErrorsDurationHistogram")
    told = None if failed is None else failed.need("Count").count()
    if found is None:
        return (None if told is None else Codes(ok=max(count - told, 0), errors=told)), []
    codes = codes_of(found, protocol)
    notes = []
    if codes.ok + codes.errors != count:
        text = f"the codes are of {codes.ok + codes.errors} requests, the latencies of {count}"
        notes.append(ImportNote(kind=NoteKind.INCONSISTENT, text=text))
    if told is not None and told != codes.errors:
        text = f"the codes name {codes.errors} errors, the histogram of errors holds {told}"
        notes.append(ImportNote(kind=NoteKind.INCONSISTENT, text=text))
    return codes, notes


def _rate_notes(count: int, duration: float | None, rate: float | None) -> Iterator[ImportNote]:
    if duration and rate is not None and abs(rate * duration - count) > max(_AGREE * count, 1.0):
        text = f"{rate:g} requests/s over {duration:g} s are not the {count} requests"
        yield ImportNote(kind=NoteKind.INCONSISTENT, text=text)


def _time_notes(
    histogram: DurationHistogram,
    connections: int | None,
    streams: int | None,
    protocol: str | None,
    duration: float | None,
) -> Iterator[ImportNote]:
    """A connection waits for one reply at a time, so all latencies together are no longer than the run."""
    if not connections or not duration or histogram.mean_s is None or protocol == "http2":
        return
    spent, had = histogram.mean_s * histogram.count, connections * (streams or 1) * duration
    if spent > _BEYOND * had:
        text = f"the latencies add up to {spent:g} s and the connections had {had:g} s: they may be in a smaller unit"
        yield ImportNote(kind=NoteKind.UNIT_SUSPECT, text=text, figures={"spent_s": spent, "had_s": had})


def _protocol(value: Value, kind: str) -> str | None:
    word = kind.strip().lower()
    if word.startswith("grpc"):
        return "grpc"
    if word in ("tcp", "udp"):
        return word
    if not word.startswith("http"):
        return None
    if value.data.get("H2") is True:
        return "http2"
    return "http1.0" if value.data.get("HTTP10") is True else "http1"


def _http_version(value: Value, protocol: str | None) -> str | None:
    if value.data.get("H2") is None:
        return None
    return {"http1": "1.1", "http1.0": "1.0", "http2": "2"}.get(protocol or "")


def _connections(value: Value) -> int | None:
    """Each of fortio's threads has its own connections."""
    threads, each = _count(value, "NumThreads"), _count(value, "NumConnections")
    return None if threads is None else threads * max(each or 1, 1)


def _streams(value: Value) -> int | None:
    streams = _count(value, "Streams")
    return streams or None


def _arrivals(value: Value, loop: LoopModel) -> str | None:
    if loop is LoopModel.CLOSED:
        return "closed"
    return "constant" if loop is LoopModel.SCHEDULED_CLOSED and value.data.get("Jitter") is False else None


def _label(value: Value) -> str | None:
    found = value.get("Labels")
    return shown_label(found.text()) or None if found is not None else None


def _url(value: Value) -> str | None:
    found = value.get("URL", "Destination")
    return shown_url(found.text()) or None if found is not None else None


def _bytes_in(value: Value) -> int | None:
    received = _count(value, "BytesReceived")
    if received is not None:
        return received
    sizes = value.get("Sizes")
    total = None if sizes is None else sizes.get("Sum")
    return None if total is None or total.number() > 1e18 else round(total.number())


def _count(value: Value, name: str) -> int | None:
    found = value.get(name)
    return None if found is None else found.count()

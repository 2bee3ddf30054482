"""One result in Nighthawk's own output: statistics and counters by name, durations as text with their unit.

Which statistic is the latency: the time from request to reply of its HTTP client; without it the replies with 2xx; and
in output of other clients the only statistic of times, which is then said. Rates are for each worker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshperf.interchange.json_value import Value, later
from meshperf.interchange.quantiles import bounded, completed, hdr_bounds
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
from meshperf.spec.redaction import shown_url

__all__ = ["DIGITS", "record_of"]

DIGITS = 4
"""Significant figures of its HdrHistogram, which counts nanoseconds."""

_PREFERRED = ("benchmark_http_client.request_to_response", "benchmark_http_client.latency_2xx")
_DURATION = re.compile(r"(-?[0-9]{1,12}(?:\.[0-9]{1,9})?)s")
_STATUS = re.compile(r"benchmark\.http_([1-5]xx|xxx)")
_FAILURES = {
    "benchmark.stream_resets": "stream reset",
    "benchmark.pool_overflow": "pool overflow",
    "benchmark.pool_connection_failure": "connection failure",
}


def record_of(result: Value, options: Value, source: Source, *, workers: int) -> Imported:
    """One result, of all workers or of one.

    Args:
        workers: how many workers' work is in it.

    Raises:
        DocumentError: MP2402, MP2403.
    """
    counters = {one.need("name").text(): one.need("value").count() for one in _each(result, "counters")}
    statistic, notes = _latency(result)
    duration = _seconds(result.get("execution_duration"))
    begin = result.get("execution_start")
    start = begin.time() if begin is not None else None
    count = 0 if statistic is None else statistic.need("count").count()
    figures = None if not count else statistic
    buckets = () if figures is None else tuple(_buckets(figures))
    ok, errors, by_status, by_reason = _judged(counters)
    rate = options.get("requests_per_second")
    offered = None if rate is None else rate.number() * workers
    requests = None if ok is None or errors is None else ok + errors
    if count and requests is not None and count != requests:
        text = f"the latencies are of {count} of {requests} requests"
        notes = [*notes, ImportNote(kind=NoteKind.SAMPLED, text=text)]
    connections = options.get("connections")
    uri = options.get("uri")
    open_ = options.data.get("open_loop") is True
    achieved = ok / duration if ok is not None and duration else None
    rows = [] if figures is None else list(_quantiles(figures))
    return Imported(
        source=source,
        name=result.need("name").text(),
        start_time=start,
        end_time=later(start, duration),
        duration_s=duration,
        planned_duration_s=_seconds(options.get("duration")),
        protocol=_protocol(options),
        url=shown_url(uri.text()) if uri is not None else None,
        connections=None if connections is None else connections.count() * workers or None,
        threads=workers,
        loop=LoopModel.OPEN if open_ else LoopModel.SCHEDULED_CLOSED if offered else LoopModel.UNKNOWN,
        offered_rps=offered,
        achieved_rps=achieved,
        requests=requests,
        ok=ok,
        errors=errors,
        errors_by_status=by_status,
        errors_by_reason=by_reason,
        bytes_in=counters.get("upstream_cx_rx_bytes_total"),
        bytes_out=counters.get("upstream_cx_tx_bytes_total"),
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=LatencyOf.ALL if errors else LatencyOf.SUCCESSES if errors == 0 else LatencyOf.UNKNOWN,
        latency_unit="s",
        latency_count=count or None,
        mean_s=None if figures is None else _seconds(figures.get("mean")),
        stddev_s=None if figures is None else _seconds(figures.get("pstdev")),
        min_s=None if figures is None else _seconds(figures.get("min")),
        max_s=None if figures is None else _seconds(figures.get("max")),
        quantiles=completed(rows, buckets),
        buckets=buckets,
        notes=tuple(notes),
        extra={"counters": counters} if counters else {},
    )


def _latency(result: Value) -> tuple[Value | None, list[ImportNote]]:
    statistics = list(_each(result, "statistics"))
    for name in _PREFERRED:
        for one in statistics:
            if _name_of(one) == name and one.need("count").count():
                return one, []
    times = [one for one in statistics if any("duration" in row.data for row in _rows(one))]
    if len(times) != 1:
        text = "no statistic is known to be the latency of requests"
        return None, [ImportNote(kind=NoteKind.UNKNOWN_KEYS, text=text)]
    name = _name_of(times[0])[:80]
    text = f"there is no statistic of Nighthawk's HTTP client; the latencies are of `{name}`, the only times"
    return times[0], [ImportNote(kind=NoteKind.UNKNOWN_KEYS, text=text)]


def _name_of(statistic: Value) -> str:
    found = statistic.get("id")
    return "" if found is None else found.text()


def _judged(counters: dict[str, int]) -> tuple[int | None, int | None, dict[str, int], dict[str, int]]:
    """Successes, errors, and errors by status and reason; None where no counter of the HTTP client is there.

    A counter that stayed 0 is not written.
    """
    classes = {found[1]: count for name, count in counters.items() if (found := _STATUS.fullmatch(name))}
    reasons = {word: counters[name] for name, word in _FAILURES.items() if counters.get(name)}
    if not classes and not reasons:
        return None, None, {}, {}
    ok = classes.get("2xx", 0) + classes.get("3xx", 0)
    by_status = {name: count for name, count in classes.items() if name not in ("2xx", "3xx") and count}
    return ok, sum(by_status.values()) + sum(reasons.values()), by_status, reasons


def _rows(statistic: Value) -> Iterator[Value]:
    rows = statistic.get("percentiles")
    for row in rows.each() if rows is not None else ():
        if not isinstance(row.data, dict):
            raise row.broken("must be a mapping of keys to values")
        yield row


def _quantiles(statistic: Value) -> Iterator[Quantile]:
    for row in _rows(statistic):
        q, value = row.need("percentile").number(), _seconds(row.need("duration"))
        if q > 1:
            raise row.need("percentile").contradicts("is not between 0 and 1")
        if 0 < q < 1 and value is not None:
            low, high = hdr_bounds(round(value * 1e9), digits=DIGITS)
            yield bounded(q, value, [(low * 1e-9, high * 1e-9)])


def _buckets(statistic: Value) -> Iterator[Bucket]:
    counted, low = 0, _seconds(statistic.get("min"))
    for row in _rows(statistic):
        value, count = _seconds(row.need("duration")) or 0.0, row.need("count").count()
        if count < counted:
            raise row.need("count").contradicts("is less than in the row before")
        if count > counted:
            begin = min(value, low if low is not None else value)
            yield Bucket(low_s=begin, high_s=value, count=count - counted)
            low, counted = value, count


def _seconds(value: Value | None) -> float | None:
    """A duration as protobuf writes it: `0.002s`."""
    if value is None:
        return None
    found = _DURATION.fullmatch(value.text().strip())
    if found is None:
        raise value.broken("must be a duration such as 0.002s")
    if found[1].startswith("-"):
        raise value.contradicts("cannot be negative")
    return float(found[1])


def _protocol(options: Value) -> str | None:
    if options.data.get("h2") is True:
        return "http2"
    word = str(options.data.get("protocol", "")).upper()
    return {"HTTP1": "http1", "HTTP2": "http2"}.get(word)


def _each(value: Value, name: str) -> Iterator[Value]:
    found = value.get(name)
    return found.each() if found is not None else iter(())

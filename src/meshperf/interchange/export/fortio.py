"""fortio's JSON, which its own report page shows: one run a file, or a list of them.

Times are seconds, `ActualDuration` is nanoseconds, rates are of all replies. A bucket of the histogram is a bucket
here, so percentiles keep their bounds. Failures stand with the successes in `DurationHistogram` as fortio has them, and
alone in `ErrorsDurationHistogram`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from meshperf.histograms import EMPTY, Histogram, merge
from meshperf.interchange.export.form import ExportForm, PartialWriter, Writer
from meshperf.interchange.export.outgoing import Outgoing, deviation_s, quantiles_of
from meshperf.interchange.export.parts import Part
from meshperf.spec.imported import Bucket, Imported, LoopModel, Quantile

__all__ = ["WRITERS", "document"]

_KINDS = {"grpc": "GRPC Ping", "tcp": "TCP", "udp": "UDP"}
_GOOD = {"grpc": "SERVING", "tcp": "OK", "udp": "OK"}
_OTHER_FAILURES = "-1"
"""fortio's code for what never became a reply."""


class _Fortio(PartialWriter):
    form = ExportForm(
        name="fortio",
        title="fortio JSON, for fortio's report page",
        suffix=".json",
        carries=frozenset({Part.DISTRIBUTION, Part.FULL_RESOLUTION, Part.BOUNDS}),
        note="fortio's readers take every time as measured from the actual send in a closed loop, and every success as "
        "the code 200",
        one_a_file=True,
    )

    def lacks(self, result: Outgoing) -> str | None:
        record = result.whole
        if record.latency_count is None and record.requests is None and not record.response.total:
            return "how many requests there were"
        return None

    def lost(self, results: Sequence[Outgoing]) -> tuple[str, ...]:
        untimed = sum(max(_failures(one) - one.run.failed.total, 0) for one in results if one.run is not None)
        told = (f"{untimed} failures without a time, which fortio's page does not count",) if untimed else ()
        return (*super().lost(results), *told)

    def write(self, results: Sequence[Outgoing], *, lossy: bool = False) -> bytes:
        documents = [document(result) for result in results]
        shown: Any = documents[0] if len(documents) == 1 else documents
        return (json.dumps(shown, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode("utf-8", "replace")


def document(result: Outgoing) -> dict[str, Any]:
    """A result as fortio writes it; keys whose value is unknown are left out."""
    record = result.whole
    failed = EMPTY if result.run is None else result.run.failed
    histogram = _histogram(record, merge([record.response, failed]))
    count = histogram["Count"]
    source = record.source
    version = source.tool_version if source.tool == "fortio" else f"{source.tool} {source.tool_version or ''}".strip()
    web = record.protocol is None or record.protocol.startswith("http")
    found = {
        "RunType": _KINDS.get(record.protocol or "", "HTTP"),
        "Labels": result.title,
        "StartTime": None if record.start_time is None else _time(record.start_time),
        "RequestedQPS": _requested(record),
        "RequestedDuration": None if record.planned_duration_s is None else f"{record.planned_duration_s:.9g}s",
        "ActualQPS": count / record.duration_s if record.duration_s else record.achieved_rps,
        "ActualDuration": None if record.duration_s is None else round(record.duration_s * 1e9),
        "NumThreads": record.connections,
        "Version": version,
        "DurationHistogram": histogram,
        "ErrorsDurationHistogram": _of_histogram(failed) if failed.total else None,
        "RetCodes": _codes(record, result),
        "URL" if web else "Destination": record.url or "",
        "H2": record.protocol == "http2" if web and record.protocol is not None else None,
        "HTTP10": True if record.protocol == "http1.0" else None,
        "Streams": record.streams if record.protocol == "grpc" else None,
        "BytesSent": record.bytes_out,
        "BytesReceived": record.bytes_in,
    }
    return {key: value for key, value in found.items() if value is not None}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _requested(record: Imported) -> str | None:
    if record.offered_rps is not None:
        return f"{record.offered_rps:.15g}"
    return "max" if record.loop is LoopModel.CLOSED else None


def _codes(record: Imported, result: Outgoing) -> dict[str, int] | None:
    """Replies by code, the successes all under one; what was never answered or never sent is no reply."""
    if record.ok is None:
        return None
    codes = {_GOOD.get(record.protocol or "", "200"): record.ok} if record.ok else {}
    named = record.errors_by_grpc_status if record.protocol == "grpc" else record.errors_by_status
    codes |= named
    rest = _failures(result) - sum(named.values())
    return codes | {_OTHER_FAILURES: rest} if rest > 0 else codes


def _failures(result: Outgoing) -> int:
    """Requests that failed while somebody waited for them: what was never answered or never sent is not among them."""
    if result.run is None:
        return result.whole.errors or 0
    return result.run.counts.errors + result.run.counts.timeouts


def _histogram(record: Imported, response: Histogram) -> dict[str, Any]:
    if response.total:
        return _of_histogram(response)
    count = record.latency_count if record.latency_count is not None else record.requests or 0
    moments = {"Min": record.min_s, "Max": record.max_s, "Avg": record.mean_s, "StdDev": record.stddev_s}
    if record.mean_s is not None:
        moments["Sum"] = record.mean_s * count
    return {
        "Count": count,
        **{name: value for name, value in moments.items() if value is not None},
        "Data": _data([one for one in record.buckets if math.isfinite(one.high_s)]) or None,
        "Percentiles": _percentiles(record.quantiles),
    }


def _of_histogram(histogram: Histogram) -> dict[str, Any]:
    low, high, count = histogram.buckets()
    buckets = [
        Bucket(low_s=start, high_s=end, count=each)
        for start, end, each in zip(low.tolist(), high.tolist(), count.tolist(), strict=True)
    ]
    return {
        "Count": histogram.total,
        "Min": histogram.minimum(),
        "Max": histogram.maximum(),
        "Sum": histogram.mean() * histogram.total,
        "Avg": histogram.mean(),
        "StdDev": deviation_s(histogram),
        "Data": _data(buckets),
        "Percentiles": _percentiles(quantiles_of(histogram)),
    }


def _data(buckets: Sequence[Bucket]) -> list[dict[str, float]]:
    total = sum(bucket.count for bucket in buckets)
    ends = accumulate(bucket.count for bucket in buckets)
    return [
        {"Start": one.low_s, "End": one.high_s, "Percent": 100 * end / total, "Count": one.count}
        for one, end in zip(buckets, ends, strict=True)
        if one.count
    ]


def _percentiles(quantiles: Sequence[Quantile]) -> list[dict[str, float]]:
    return [{"Percentile": round(one.q * 100, 9), "Value": one.value_s} for one in quantiles]


WRITERS: tuple[Writer, ...] = (_Fortio(),)

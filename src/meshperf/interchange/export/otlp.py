"""OpenTelemetry metrics as OTLP/JSON, the file that a collector's `otlpjsonfile` receiver reads: one line, one request.

Needs no library: 64-bit numbers are text and enums are numbers, as OTLP's JSON mapping has them. Each result is a
resource of its own, with what is known of it as attributes; its figures are of the time it ran (delta temporality).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from meshperf.interchange.export.cumulative import bucket_counts, cumulative
from meshperf.interchange.export.form import ExportForm, PartialWriter, Writer
from meshperf.interchange.export.outgoing import Outgoing, time_word
from meshperf.interchange.export.parts import Part

__all__ = ["WRITERS"]

_DELTA = 1
"""`AGGREGATION_TEMPORALITY_DELTA`."""


class _Otlp(PartialWriter):
    form = ExportForm(
        name="otlp",
        title="OpenTelemetry metrics, OTLP/JSON",
        suffix=".otlp.json",
        carries=frozenset({Part.DISTRIBUTION, Part.BOUNDS, Part.ORIGIN, Part.LOOP, Part.VALIDITY, Part.MESH}),
        note="buckets are at most an eighth of their value wide",
    )

    def write(self, results: Sequence[Outgoing], *, lossy: bool = False) -> bytes:
        request = {"resourceMetrics": [_resource(result) for result in results]}
        return (json.dumps(request, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n").encode(
            "utf-8", "replace"
        )


def _resource(result: Outgoing) -> dict[str, Any]:
    record = result.record
    source = record.source
    known: dict[str, str | int | None] = {
        "service.name": "meshperf",
        "meshperf.name": record.name,
        "meshperf.tool": source.tool,
        "meshperf.tool_version": source.tool_version,
        "meshperf.file": source.file,
        "meshperf.place": source.place,
        "meshperf.sha256": source.digest,
        "meshperf.loop": record.loop.value,
        "meshperf.latency_origin": record.latency_origin.value,
        "meshperf.protocol": record.protocol,
        "meshperf.mesh": record.mesh,
        "meshperf.mesh_version": record.mesh_version,
    }
    if result.run is not None:
        run = result.run
        known |= {
            "meshperf.experiment": run.experiment,
            "meshperf.experiment_id": run.experiment_id,
            "meshperf.run_id": run.run_id,
            "meshperf.arm": run.resident,
            "meshperf.round": run.round,
            "meshperf.load_point": run.load_point,
            "meshperf.validity": run.validity.state.value,
        }
    return {
        "resource": {"attributes": _attributes(known)},
        "scopeMetrics": [{"scope": {"name": "meshperf"}, "metrics": _metrics(result)}],
    }


def _metrics(result: Outgoing) -> list[dict[str, Any]]:
    record, time = result.record, _time(result)
    found: list[dict[str, Any]] = []
    for name, unit, value in (
        ("offered_rate", "{request}/s", record.offered_rps),
        ("achieved_rate", "{request}/s", record.achieved_rps),
        ("duration", "s", record.duration_s),
        ("connections", "{connection}", record.connections),
    ):
        if value is not None:
            found.append(_metric(name, unit, {"gauge": {"dataPoints": [{**time, "asDouble": float(value)}]}}))
    requests = [
        {**time, "attributes": _attributes({"outcome": outcome}), "asInt": str(count)}
        for outcome, count in (("ok", record.ok), ("failed", record.errors))
        if count is not None
    ]
    if requests:
        found.append(_metric("requests", "{request}", {"sum": _sum(requests)}))
    transferred = [
        {**time, "attributes": _attributes({"direction": direction}), "asInt": str(count)}
        for direction, count in (("in", record.bytes_in), ("out", record.bytes_out))
        if count is not None
    ]
    if transferred:
        found.append(_metric("transferred", "By", {"sum": _sum(transferred)}))
    return found + _times(result, time)


def _times(result: Outgoing, time: Mapping[str, str]) -> list[dict[str, Any]]:
    record, word = result.record, time_word(result.record)
    found = []
    points = cumulative(record)
    if points:
        total = record.response.total or sum(bucket.count for bucket in record.buckets)
        point: dict[str, Any] = {
            **time,
            "count": str(total),
            "explicitBounds": [upper for upper, _ in points],
            "bucketCounts": [str(count) for count in bucket_counts(points, total)],
        }
        if record.mean_s is not None:
            point["sum"] = record.mean_s * total
        for key, value in (("min", record.min_s), ("max", record.max_s)):
            if value is not None:
                point[key] = value
        content = {"histogram": {"dataPoints": [point], "aggregationTemporality": _DELTA}}
        found.append(_metric(word, "s", content))
    for suffix, field in (("", "value_s"), (".low", "low_s"), (".high", "high_s")):
        quantiles = [
            {**time, "attributes": _attributes({"quantile": repr(one.q)}), "asDouble": getattr(one, field)}
            for one in record.quantiles
        ]
        if quantiles:
            found.append(_metric(f"{word}.quantile{suffix}", "s", {"gauge": {"dataPoints": quantiles}}))
    return found


def _metric(name: str, unit: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": f"meshperf.{name}", "unit": unit, **content}


def _sum(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"dataPoints": list(points), "aggregationTemporality": _DELTA, "isMonotonic": True}


def _attributes(known: Mapping[str, str | int | None]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in known.items()
        if value is not None
    ]


def _time(result: Outgoing) -> dict[str, str]:
    record = result.record
    moments = (("startTimeUnixNano", record.start_time), ("timeUnixNano", record.end_time))
    return {key: _nanoseconds(moment) for key, moment in moments if moment is not None}


def _nanoseconds(moment: datetime) -> str:
    """Nanoseconds since 1970, from whole microseconds: a float would round them."""
    seconds = int(moment.replace(microsecond=0).timestamp())
    return str(seconds * 10**9 + moment.microsecond * 1000)


WRITERS: tuple[Writer, ...] = (_Otlp(),)

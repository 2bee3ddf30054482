"""A result of another tool as an SMP result document in the extended dialect, and back.

The standard's fields are filled in the standard's units where the source said so much, and left out where it did not.
What the standard has no place for stands in extension keys: where the result came from, the loop, the clock's origin,
the bounds of each percentile, the source's own buckets, the notes, and the source's keys that nobody here knows.
Reading a document gives the same record again, number for number.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.histograms import EMPTY
from meshperf.spec.completeness import completeness
from meshperf.spec.imported import Bucket, Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, Quantile, Source
from meshperf.spec.record_codec import WITHHELD, field_types, from_plain, record_from_plain, to_plain, wrong
from meshperf.spec.smp_enums import MESH_TYPES
from meshperf.spec.smp_write import SMP_VERSION, client_protocol

__all__ = ["IMPORTED_FORMAT", "imported_from_document", "imported_to_document", "is_imported"]

IMPORTED_FORMAT = "imported/1"
"""Kind and version of the document; raised when a reader of the version before could misread it."""

_ORIGINS = {LatencyOrigin.INTENDED: "INTENDED_SEND", LatencyOrigin.ACTUAL: "ACTUAL_SEND"}
_TOLD = (
    "name", "duration_s", "planned_duration_s", "protocol", "http_version", "method", "url", "mesh", "mesh_version",
    "connections", "threads", "streams", "arrivals",
)  # fmt: skip
"""Fields that stand under `told` as the source said them; `test` and `mesh_config` hold them in the standard's form."""
_ERRORS = (
    ("errors_by_status", "by_code"),
    ("errors_by_reason", "by_reason"),
    ("errors_by_grpc_status", "by_grpc_status"),
)
_REQUESTS = (("requests", "completed"), ("ok", "ok"), ("errors", "errors"), ("timeouts", "timeouts"))
_MOMENTS = ("mean_s", "stddev_s", "min_s", "max_s")
_STANDARD_QUANTILES = {0.5: "p50", 0.9: "p90", 0.99: "p99"}
_EMPTY: tuple[Any, ...] = (None, {}, [])


def is_imported(data: Any) -> bool:
    """Whether a document is one that `imported_to_document` wrote, of any version."""
    return isinstance(data, dict) and str(data.get("format", "")).startswith("imported/")


def imported_to_document(imported: Imported) -> dict[str, Any]:
    """The SMP result document of a record, ready for JSON.

    Raises:
        ValueError: a figure that must be known is not a finite number, or a time has no zone.
    """
    identity = _identity(imported.source)
    document: dict[str, Any] = {
        "smp_version": SMP_VERSION,
        "id": identity,
        "labels": {"meshperf/source": imported.source.tool},
        "start_time": imported.start_time,
        "end_time": imported.end_time,
        "latencies_ms": _latencies_ms(imported),
        "actual_qps": imported.achieved_rps,
        "test_id": f"{identity}/test" if identity else None,
        "mesh_config_id": f"{identity}/mesh" if identity and imported.mesh is not None else None,
        "format": IMPORTED_FORMAT,
        "status": _status(imported),
        "requests": {key: getattr(imported, name) for name, key in _REQUESTS},
        "errors": {key: getattr(imported, name) for name, key in _ERRORS if getattr(imported, name)},
        "requested_qps": imported.offered_rps,
        "bytes": {"in": imported.bytes_in, "out": imported.bytes_out},
        "latency_distribution": _distribution(imported),
        "percentiles": [_percentile(one) for one in imported.quantiles],
        "latency_origin": _ORIGINS.get(imported.latency_origin),
        "test": _test(imported, identity),
        "mesh_config": _mesh_config(imported, identity),
        "source": imported.source,
        "loop": imported.loop,
        "latency_of": imported.latency_of,
        "latency_unit": imported.latency_unit or None,
        "completeness": completeness(imported),
        "notes": imported.notes,
        "told": {name: getattr(imported, name) for name in _TOLD},
    }
    plain: dict[str, Any] = to_plain(document)
    if imported.extra:
        plain["extra"] = _as_json(imported.extra)
    return {key: value for key, value in plain.items() if value not in _EMPTY}


def imported_from_document(data: Any) -> Imported:
    """The record that a document was written from.

    Raises:
        DocumentError: MP2201 for a document that is not an imported result of this version, MP2102 to MP2104 for a
            broken one; with JSON pointer.
    """
    _check_format(data)
    values: dict[str, Any] = {
        "source": record_from_plain(Source, data.get("source", {}), "/source"),
        "quantiles": tuple(_quantile(one, f"/percentiles/{at}") for at, one in enumerate(_list(data, "percentiles"))),
        "notes": tuple(
            record_from_plain(ImportNote, one, f"/notes/{at}") for at, one in enumerate(_list(data, "notes"))
        ),
        "loop": _word(data, "loop", LoopModel, LoopModel.UNKNOWN),
        "latency_of": _word(data, "latency_of", LatencyOf, LatencyOf.UNKNOWN),
        "latency_unit": from_plain(str, data.get("latency_unit", ""), "/latency_unit"),
        "latency_origin": _origin(data),
        "extra": _mapping(data, "extra"),
    }
    distribution = _mapping(data, "latency_distribution")
    at = "/latency_distribution"
    buckets = _list(distribution, "explicit_buckets", at)
    values["buckets"] = tuple(_bucket(one, f"{at}/explicit_buckets/{number}") for number, one in enumerate(buckets))
    for name in _MOMENTS:
        values[name] = _value(name, distribution.get(name), f"{at}/{name}")
    values["latency_count"] = _value("latency_count", distribution.get("count"), f"{at}/count")
    values["response"] = _value("response", distribution.get("buckets"), f"{at}/buckets") or EMPTY
    requests, size, errors, told = (_mapping(data, key) for key in ("requests", "bytes", "errors", "told"))
    for name, key in _REQUESTS:
        values[name] = _count(name, requests.get(key), f"/requests/{key}")
    for name, key in (("bytes_in", "in"), ("bytes_out", "out")):
        values[name] = _count(name, size.get(key), f"/bytes/{key}")
    for name, key in _ERRORS:
        values[name] = _value(name, errors.get(key), f"/errors/{key}") or {}
    for name in _TOLD:
        values[name] = _value(name, told.get(name), f"/told/{name}")
    for name, key in (("achieved_rps", "actual_qps"), ("offered_rps", "requested_qps")):
        values[name] = _value(name, data.get(key), f"/{key}")
    for name in ("start_time", "end_time"):
        values[name] = _value(name, data.get(name), f"/{name}")
    return Imported(**values)


def _identity(source: Source) -> str | None:
    """The same for the same part of the same file, wherever it lies; None where nobody digested the file."""
    if source.digest is None:
        return None
    text = f"{source.digest}\n{source.place or ''}"
    return f"{source.tool}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _latencies_ms(imported: Imported) -> dict[str, float] | None:
    """SMP's six figures [ms] as far as they are known; none where every request failed: that is no latency."""
    if imported.ok == 0 and imported.latency_of is not LatencyOf.SUCCESSES:
        return None
    seconds = {"min": imported.min_s, "average": imported.mean_s, "max": imported.max_s}
    for quantile in imported.quantiles:
        name = _STANDARD_QUANTILES.get(quantile.q)
        if name is not None:
            seconds[name] = quantile.value_s
    order = ("min", "average", "p50", "p90", "p99", "max")
    known = {name: seconds.get(name) for name in order}
    return {name: value * 1e3 for name, value in known.items() if value is not None} or None


def _status(imported: Imported) -> str | None:
    if imported.errors is None or imported.ok is None:
        return None
    return "FAILED" if imported.ok == 0 and imported.errors > 0 else "COMPLETED" if imported.ok > 0 else None


def _distribution(imported: Imported) -> dict[str, Any] | None:
    found: dict[str, Any] = {"count": imported.latency_count}
    found |= {name: getattr(imported, name) for name in _MOMENTS}
    if imported.response.total:
        found |= {"buckets": imported.response, "hdr_v2": imported.response.to_hdr_v2()}
    if imported.buckets:
        found["explicit_buckets"] = [
            {"lower_s": one.low_s, "upper_s": one.high_s if math.isfinite(one.high_s) else None, "count": one.count}
            for one in imported.buckets
        ]
    return {key: value for key, value in found.items() if value is not None} or None


def _percentile(quantile: Quantile) -> dict[str, float | None]:
    """A percentile with its bounds; `q` beside `p` only where `p / 100` is not exactly it."""
    p = quantile.q * 100
    for near in (p, round(p, 9)):
        if near / 100 == quantile.q:
            p = near
            break
    exact = None if p / 100 == quantile.q else quantile.q
    return {"p": p, "value_s": quantile.value_s, "low_s": quantile.low_s, "high_s": quantile.high_s, "q": exact}


def _test(imported: Imported, identity: str | None) -> dict[str, Any]:
    whole = imported.offered_rps is not None and float(imported.offered_rps).is_integer()
    client = {
        "load_generator": imported.source.tool,
        "protocol": client_protocol(imported.protocol),
        "connections": _below(imported.connections, 2**31),
        "rps": int(imported.offered_rps or 0) if whole and abs(imported.offered_rps or 0) < 2**63 else None,
        "endpoint_urls": [imported.url] if imported.url else None,
        "http_version": imported.http_version,
        "method": imported.method,
        "workers": _below(imported.threads, 2**31),
        "max_streams": _below(imported.streams, 2**31),
        "generator_version": imported.source.tool_version,
    }
    seconds = imported.planned_duration_s
    return {
        "smp_version": SMP_VERSION,
        "id": f"{identity}/test" if identity else None,
        "name": imported.name,
        "clients": [client],
        "duration": None if seconds is None else f"{seconds:.9f}".rstrip("0").rstrip(".") + "s",
    }


def _mesh_config(imported: Imported, identity: str | None) -> dict[str, Any] | None:
    if imported.mesh is None and imported.mesh_version is None:
        return None
    kind = imported.mesh if imported.mesh in MESH_TYPES.values() else None if imported.mesh is None else "OTHER"
    return {
        "smp_version": SMP_VERSION,
        "id": f"{identity}/mesh" if identity else None,
        "mesh_type": {"type": kind, "version": imported.mesh_version},
    }


def _below(value: int | None, limit: int) -> int | None:
    """A number that fits the standard's field; `told` holds it in any case."""
    return value if value is not None and -limit <= value < limit else None


def _as_json(value: Any) -> Any:
    """Foreign keys as they were, nulls included; no PEM text, and null for what is not a finite number."""
    if isinstance(value, Mapping):
        return {str(key): _as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    if isinstance(value, str) and "-----BEGIN " in value:
        return WITHHELD
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _check_format(data: Any) -> None:
    if not isinstance(data, dict):
        raise wrong("", "a mapping of keys to values", data)
    found = data.get("format")
    if found == IMPORTED_FORMAT:
        return
    message = f"imported results of the form {str(found)[:40]!r} are not understood, only {IMPORTED_FORMAT!r}"
    raise DocumentError("MP2201", message, location=Location(pointer="/format" if found else ""))


def _mapping(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise wrong(f"/{key}", "a mapping of keys to values", found)
    return found


def _list(data: Mapping[str, Any], key: str, pointer: str = "") -> list[Any]:
    found = data.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise wrong(f"{pointer}/{key}", "a list", found)
    return found


def _value(name: str, data: Any, pointer: str) -> Any:
    return None if data is None else from_plain(field_types(Imported)[name], data, pointer)


def _count(name: str, data: Any, pointer: str) -> int | None:
    value: int | None = _value(name, data, pointer)
    if value is not None and value < 0:
        raise DocumentError("MP2103", f"`{name}` must not be negative", location=Location(pointer=pointer))
    return value


def _word(data: Mapping[str, Any], key: str, words: Any, default: Any) -> Any:
    return default if data.get(key) is None else from_plain(words, data[key], f"/{key}")


def _origin(data: Mapping[str, Any]) -> LatencyOrigin:
    found = data.get("latency_origin")
    if found is None:
        return LatencyOrigin.UNKNOWN
    for origin, name in _ORIGINS.items():
        if name == found:
            return origin
    raise wrong("/latency_origin", f"one of {', '.join(_ORIGINS.values())}", found)


def _quantile(data: Any, pointer: str) -> Quantile:
    found = data if isinstance(data, dict) else {}
    if found.get("q") is None and isinstance(found.get("p"), int | float) and not isinstance(found["p"], bool):
        found = {**found, "q": found["p"] / 100}
    if not isinstance(data, dict):
        raise wrong(pointer, "a mapping of keys to values", data)
    return record_from_plain(Quantile, {key: found.get(key) for key in _fields(Quantile)}, pointer)


def _bucket(data: Any, pointer: str) -> Bucket:
    if not isinstance(data, dict):
        raise wrong(pointer, "a mapping of keys to values", data)
    plain = {"low_s": data.get("lower_s"), "high_s": data.get("upper_s"), "count": data.get("count")}
    if plain["high_s"] is None:  # JSON has no infinity: the last bucket is open
        return dataclasses.replace(record_from_plain(Bucket, {**plain, "high_s": 0.0}, pointer), high_s=math.inf)
    return record_from_plain(Bucket, plain, pointer)


def _fields(record: type) -> list[str]:
    return [field.name for field in dataclasses.fields(record)]

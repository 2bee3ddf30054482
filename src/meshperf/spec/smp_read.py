"""An SMP result document of ours back to the run it was written from; every field of the run comes back as it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.histograms import EMPTY, Histogram
from meshperf.spec.record_codec import field_types, from_plain, histogram_from_plain, record_from_plain, wrong
from meshperf.spec.records import Counts, DesignLabels, GeneratorHealth, RunResult, Validity
from meshperf.spec.smp_write import DISTRIBUTIONS, FORMAT

__all__ = ["KNOWN_KEYS", "is_result", "result_from_document", "unknown_keys"]

KNOWN_KEYS = frozenset(
    (
        "smp_version",
        "id",
        "labels",
        "start_time",
        "end_time",
        "latencies_ms",
        "actual_qps",
        "details_uri",
        "test_id",
        "mesh_config_id",
        "env_id",
        "format",
        "status",
        "status_reasons",
        "requests",
        "errors",
        "requested_qps",
        "bytes",
        "latency_distribution",
        "percentiles",
        "latency_origin",
        "latency_end",
        "resources",
        "generator_health",
        "connections",
        "repetition",
        "test",
        "mesh_config",
        "environment",
        "validity",
        "design",
        "slices",
        "guards",
        "noise",
        "claims",
        "facts",
        "warnings",
        "run",
        "control",
        "service_distribution",
        "lead_in_distribution",
        "failed_distribution",
        "censored_distribution",
        "connect_distribution",
        "handshake_distribution",
        "datagrams",
        "series",
        "figures",
        "kind",
        "objectives",
        "goodput_qps",
        "latency_by_class",
        "pair_id",
        "order_index",
        "verdicts",
        "artifacts",
        "source",
        "loop",
        "latency_of",
        "latency_unit",
        "completeness",
        "notes",
        "told",
        "extra",
    )
)
"""Keys of a result document, the standard's and ours."""

_SAME_NAME = (
    "resources",
    "slices",
    "noise",
    "claims",
    "facts",
    "guards",
    "warnings",
    "connections",
    "control",
    "datagrams",
    "series",
    "kind",
    "objectives",
)
_ERRORS = (
    ("errors_by_reason", "by_reason"),
    ("errors_by_status", "by_code"),
    ("errors_by_grpc_status", "by_grpc_status"),
)


def is_result(data: Any) -> bool:
    """Whether a document is a result rather than an experiment."""
    return isinstance(data, dict) and ("format" in data or "latencies_ms" in data or "latenciesMs" in data)


def unknown_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a result document that neither the standard nor meshperf knows, to be kept and written again."""
    return {key: value for key, value in data.items() if key not in KNOWN_KEYS}


def result_from_document(data: dict[str, Any]) -> RunResult:
    """The run that a document was written from.

    Raises:
        DocumentError: MP2201 for a document that is not a result of this version, MP2102 to MP2104 for a broken one.
    """
    _check_format(data)
    identity = _mapping(data, "run")
    values: dict[str, Any] = {
        "run_id": _value(RunResult, "run_id", data.get("id", ""), "/id"),
        "start_time": _value(RunResult, "start_time", data.get("start_time"), "/start_time"),
        "end_time": _value(RunResult, "end_time", data.get("end_time"), "/end_time"),
        "offered_rps": _value(RunResult, "offered_rps", data.get("requested_qps"), "/requested_qps"),
        "counts": _counts(data),
        "response": _distribution(data),
        **{name: _histogram(data, f"{name}_distribution") for name in DISTRIBUTIONS},
        "generator": record_from_plain(GeneratorHealth, _mapping(data, "generator_health"), "/generator_health"),
        "design": record_from_plain(DesignLabels, _mapping(data, "design"), "/design"),
        "validity": record_from_plain(Validity, _mapping(data, "validity"), "/validity"),
    }
    errors = _mapping(data, "errors", optional=True)
    for field, key in _ERRORS:
        values[field] = _value(RunResult, field, errors.get(key, {}), f"/errors/{key}")
    for name in _SAME_NAME:
        if name in data:
            values[name] = _value(RunResult, name, data[name], f"/{name}")
    for name in ("experiment_id", "experiment", "arm", "twin", "round", "group", "load_point", "attempt", "measured_s"):
        if name not in identity:
            raise _missing(name, "/run")
        values[name] = _value(RunResult, name, identity[name], f"/run/{name}")
    return RunResult(**values)


def _check_format(data: Any) -> None:
    if not isinstance(data, dict):
        raise wrong("", "a mapping of keys to values", data)
    found = data.get("format")
    if found == FORMAT:
        return
    if found is None:
        message = "this is not a result document of meshperf: it has no `format`"
        hint = "SMP results of other tools cannot be imported yet" if is_result(data) else None
    else:
        message = f"result documents of the form {str(found)[:40]!r} are not understood, only {FORMAT!r}"
        hint = "use the version of meshperf that wrote it"
    raise DocumentError("MP2201", message, location=Location(pointer="/format" if found else ""), hint=hint)


def _missing(name: str, pointer: str) -> DocumentError:
    return DocumentError("MP2102", f"the key `{name}` is missing", location=Location(pointer=pointer))


def _mapping(data: Mapping[str, Any], name: str, *, optional: bool = False) -> dict[str, Any]:
    found = data.get(name)
    if found is None and optional:
        return {}
    if found is None:
        raise _missing(name, "")
    if not isinstance(found, dict):
        raise wrong(f"/{name}", "a mapping of keys to values", found)
    return found


def _value(record: type, name: str, data: Any, pointer: str) -> Any:
    hint = field_types(record)[name]
    if data is None:
        if name == "offered_rps":
            return None
        raise _missing(pointer.rpartition("/")[2], pointer.rpartition("/")[0])
    return from_plain(hint, data, pointer)


def _counts(data: Mapping[str, Any]) -> Counts:
    requests, size = _mapping(data, "requests"), _mapping(data, "bytes")
    counts: dict[str, Any] = {field.name: requests.get(field.name) for field in dataclasses.fields(Counts)}
    counts["bytes_in"], counts["bytes_out"] = size.get("in"), size.get("out")
    for name, value in counts.items():
        pointer = f"/bytes/{name.removeprefix('bytes_')}" if name.startswith("bytes_") else f"/requests/{name}"
        counts[name] = _value(Counts, name, value, pointer)
        if counts[name] < 0:
            raise DocumentError("MP2103", f"`{name}` must not be negative", location=Location(pointer=pointer))
    return Counts(**counts)


def _distribution(data: Mapping[str, Any]) -> Histogram:
    distribution = _mapping(data, "latency_distribution", optional=True)
    if not distribution:
        return EMPTY
    return histogram_from_plain(distribution.get("buckets"), "/latency_distribution/buckets")


def _histogram(data: Mapping[str, Any], name: str) -> Histogram:
    return EMPTY if data.get(name) is None else histogram_from_plain(data[name], f"/{name}")

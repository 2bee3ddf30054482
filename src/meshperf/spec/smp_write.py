"""A run as an SMP result document, in the extended dialect: the standard's fields, then all it has no place for.

The standard's fields are filled from what was measured (milliseconds in `latencies_ms`, replies per second of counted
time in `actual_qps`) and left out where nothing was measured. The embedded `test`, `mesh_config` and `environment` make
one file tell the whole of a run. Names are those of proto/extended, so protobuf's JSON reader takes the document too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from meshperf.histograms import HIGHEST_S, Histogram
from meshperf.spec.record_codec import to_plain
from meshperf.spec.records import Facts, QuantileBounds, RunResult, ValidityState
from meshperf.spec.smp_enums import CLIENT_PROTOCOLS, MESH_TYPES

__all__ = ["DISTRIBUTIONS", "FORMAT", "SMP_VERSION", "result_to_document"]

FORMAT = "result/1"
"""Kind and version of our document; raised when a reader of the version before could misread it."""
SMP_VERSION = "v0.6.1"
DISTRIBUTIONS = ("service", "lead_in", "failed", "censored", "connect", "handshake")
"""Histograms of a run that stand under `<name>_distribution`."""
PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)
_ORIGINS = {"actual send": "ACTUAL_SEND"}
_HTTP_VERSIONS = {"http1.0": "1.0", "http1": "1.1", "http2": "2", "grpc": "2"}


def result_to_document(run: RunResult) -> dict[str, Any]:
    """The SMP result document of a run, ready for JSON.

    Raises:
        ValueError: a figure that must be known is not a finite number, or a time has no zone.
    """
    document: dict[str, Any] = {
        "smp_version": SMP_VERSION,
        "id": run.run_id,
        "labels": {"meshperf/experiment": run.experiment, "meshperf/arm": run.resident},
        "start_time": to_plain(run.start_time),
        "end_time": to_plain(run.end_time),
        "latencies_ms": latencies_ms(run.response),
        "actual_qps": run.counts.ok / run.measured_s if run.measured_s > 0 else None,
        "test_id": f"{run.experiment_id}/load/{run.load_point}",
        "mesh_config_id": f"{run.experiment_id}/arm/{run.arm}",
        "env_id": f"{run.experiment_id}/environment",
        "format": FORMAT,
        **_measured(run),
        "test": _test(run),
        "mesh_config": _mesh_config(run),
        "environment": _environment(run),
        **_conduct(run),
    }
    safe: dict[str, Any] = to_plain(document)
    return {key: value for key, value in safe.items() if value not in ({}, [])}


def latencies_ms(response: Histogram) -> dict[str, float] | None:
    """SMP's six figures [ms]; None where there was no successful reply."""
    if response.total == 0:
        return None
    p50, p90, p99 = (float(value) * 1e3 for value in response.quantile([0.5, 0.9, 0.99]))
    return {
        "min": response.minimum() * 1e3,
        "average": response.mean() * 1e3,
        "p50": p50,
        "p90": p90,
        "p99": p99,
        "max": response.maximum() * 1e3,
    }


def _measured(run: RunResult) -> dict[str, Any]:
    counts = run.counts
    invalid = run.validity.state in (ValidityState.INVALID, ValidityState.CLIENT_LIMITED)
    return {
        "status": "INVALID" if invalid else "COMPLETED",
        "status_reasons": list(run.validity.reasons),
        "requests": {
            "offered": counts.offered,
            "sent": counts.sent,
            "ok": counts.ok,
            "not_sent": counts.not_sent,
            "errors": counts.errors,
            "timeouts": counts.timeouts,
            "unanswered": counts.unanswered,
        },
        "errors": _without_empty(
            {
                "by_code": run.errors_by_status,
                "by_reason": run.errors_by_reason,
                "by_grpc_status": run.errors_by_grpc_status,
            }
        ),
        "requested_qps": run.offered_rps,
        "bytes": {"in": counts.bytes_in, "out": counts.bytes_out},
        "latency_distribution": _distribution(run.response),
        "percentiles": _bounds(run.generator.bounds) or _percentiles(run.response),
        "latency_origin": _ORIGINS.get(known(run.facts, "load.latency_origin"), "INTENDED_SEND"),
        "latency_end": "LAST_BYTE",
        "resources": run.resources,
        "generator_health": run.generator,
        "connections": run.connections,
        "repetition": run.round,
    }


def _conduct(run: RunResult) -> dict[str, Any]:
    return {
        "validity": run.validity,
        "design": run.design,
        "slices": run.slices,
        "guards": run.guards,
        "noise": run.noise,
        "claims": run.claims,
        "facts": run.facts,
        "warnings": run.warnings,
        "run": {
            "experiment_id": run.experiment_id,
            "experiment": run.experiment,
            "arm": run.arm,
            "twin": run.twin,
            "round": run.round,
            "group": run.group,
            "load_point": run.load_point,
            "attempt": run.attempt,
            "measured_s": _finite(run.measured_s, "measured_s"),
        },
        "control": run.control,
        **{f"{name}_distribution": _plain_histogram(getattr(run, name)) for name in DISTRIBUTIONS},
        "datagrams": run.datagrams,
        "series": run.series,
        "figures": figures(run),
        "kind": run.kind,
        "objectives": run.objectives,
    }


def figures(run: RunResult) -> dict[str, float]:
    """What the document's histograms say beside the response times, for readers that know no buckets. Times in [s]."""
    generator = run.generator
    histograms = {
        "service": run.service,
        "failed": run.failed,
        "censored": run.censored,
        "connect": run.connect,
        "handshake": run.handshake,
        "pacing_error": generator.pacing_error,
        "client_delay": generator.client_delay,
        "late_read": generator.late_read,
    }
    found: dict[str, float] = {}
    for name, histogram in histograms.items():
        if histogram.total:
            p50, p99 = (float(value) for value in histogram.quantile([0.5, 0.99]))
            found |= {f"{name}_p50_s": p50, f"{name}_p99_s": p99, f"{name}_max_s": histogram.maximum()}
    return found


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} is not a finite number")
    return value


def _without_empty(groups: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    return {name: dict(group) for name, group in groups.items() if group}


def _plain_histogram(histogram: Histogram) -> Histogram | None:
    return histogram if histogram.total else None


def _distribution(response: Histogram) -> dict[str, Any] | None:
    if response.total == 0:
        return None
    return {
        "count": response.total,
        "significant_digits": 3,
        "highest_trackable_s": HIGHEST_S,
        "buckets": response,
        "hdr_v2": response.to_hdr_v2(),
    }


def _bounds(bounds: Sequence[QuantileBounds]) -> list[dict[str, float]]:
    """Those of another load generator: the histogram made of them would claim bounds that nobody knows."""
    return [{"p": one.q * 100, "value_s": one.value_s, "low_s": one.low_s, "high_s": one.high_s} for one in bounds]


def _percentiles(response: Histogram) -> list[dict[str, float]]:
    """Percentiles with the bounds of the bucket each was read from; none where fewer than one reply lies above it."""
    enough = [p for p in PERCENTILES if response.total * (100 - p) >= 100]
    figures = []
    for p in enough:
        low, high = response.bracket(p / 100)
        figures.append({"p": p, "value_s": float(response.quantile(p / 100)), "low_s": low, "high_s": high})
    return figures


def known(facts: Facts, path: str) -> Any:
    """The value of a fact, or None where it is unknown."""
    fact = facts.get(path)
    return fact.value if fact is not None and fact.known else None


def _whole(value: Any, limit: int = 2**31) -> int | None:
    """A whole number below `limit`, which is where the standard's field ends; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < limit:
        return None
    return int(value) if float(value).is_integer() else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _test(run: RunResult) -> dict[str, Any]:
    protocol = known(run.facts, "load.protocol")
    duration = known(run.facts, "load.duration_s")
    client = {
        "load_generator": run.generator.name,
        "protocol": client_protocol(protocol),
        "http_version": _HTTP_VERSIONS.get(protocol) if isinstance(protocol, str) else None,
        "connections": _whole(known(run.facts, "load.connections")),
        # a whole number to the standard, 0 for "as many as possible"; `requested_qps` has the exact rate
        "rps": 0 if run.offered_rps is None else _whole(run.offered_rps, 2**63),
    }
    return {
        "smp_version": SMP_VERSION,
        "id": f"{run.experiment_id}/load/{run.load_point}",
        "name": run.experiment,
        "clients": [client],
        "duration": f"{duration:.9f}".rstrip("0").rstrip(".") + "s" if isinstance(duration, int | float) else None,
    }


def client_protocol(word: Any) -> str | None:
    """SMP's enum name for our word for a protocol; None where it is unknown."""
    if not isinstance(word, str):
        return None
    name = "PROTOCOL_HTTP" if word.startswith("http") else f"PROTOCOL_{word.upper()}"
    return name if name in CLIENT_PROTOCOLS.values() else None


def mesh_type_name(word: Any) -> str | None:
    """SMP's enum name for our word for a mesh; None where the mesh is unknown."""
    if not isinstance(word, str) or not word:
        return None
    name = "NO_MESH" if word == "none" else word.upper().replace("-", "_")
    return name if name in MESH_TYPES.values() else "OTHER"


def _mesh_config(run: RunResult) -> dict[str, Any]:
    mtls = known(run.facts, "security.mtls")
    mesh = {
        "type": mesh_type_name(known(run.facts, "mesh.type")),
        "version": _text(known(run.facts, "mesh.version")),
    }
    return {
        "smp_version": SMP_VERSION,
        "id": f"{run.experiment_id}/arm/{run.arm}",
        "mtls_enabled": mtls if isinstance(mtls, bool) else mtls == "strict" if isinstance(mtls, str) else None,
        "proxy_concurrency": _whole(known(run.facts, "proxy.concurrency")),
        "proxy_build": _text(known(run.facts, "proxy.build") or known(run.facts, "proxy.version")),
        "exp_group_uuid": run.experiment_id,
        "exp_uuid": run.run_id,
        "mesh_type": mesh,
    }


def _environment(run: RunResult) -> dict[str, Any]:
    memory = _whole(known(run.facts, "host.memory_bytes"), 2**63)
    node = {
        "type": _text(known(run.facts, "host.cpu_model")),
        "cores": _whole(known(run.facts, "host.cores")),
        "mem_mb": None if memory is None else int(memory / 1e6),
    }
    return {"smp_version": SMP_VERSION, "id": f"{run.experiment_id}/environment", "nodes": [node]}

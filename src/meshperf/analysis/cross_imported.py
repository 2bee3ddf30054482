"""A result of another tool as a run that the judgement can read: its facts, its counts and its quantiles with bounds.

What it decides: which facts a comparison needs and the file does not tell. They are there as unknown, with the reason,
so that the rules of comparability meet them: a result without any word of errors is not a run without errors.

What it refuses: figures that are not there. CPU, memory and validity guards stay unknown; a mean is taken only from a
histogram.
"""

from __future__ import annotations

from datetime import UTC, datetime

from meshperf.histograms import EMPTY
from meshperf.spec.imported import Imported, LatencyOf, LatencyOrigin, LoopModel
from meshperf.spec.records import (
    Counts,
    DesignLabels,
    Fact,
    Facts,
    FactValue,
    GeneratorHealth,
    QuantileBounds,
    RunResult,
    Validity,
    ValidityState,
)

__all__ = ["run_of_imported"]

_ORIGINS = {LatencyOrigin.INTENDED: "intended send", LatencyOrigin.ACTUAL: "actual send"}
_UNTOLD = "the result does not say"
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_SUSTAINED = 0.99
"""Least share of the offered rate that must have been sent."""


def run_of_imported(imported: Imported, *, arm: str, number: int = 0) -> RunResult:
    """The run. `number` stands for its round: results of other tools have none."""
    failed_among = imported.latency_of is not LatencyOf.SUCCESSES and imported.ok == 0
    requests = imported.requests or 0
    errors = imported.errors or 0
    begun = imported.start_time or _NO_TIME
    return RunResult(
        run_id=f"{imported.source.digest or imported.source.tool}{imported.source.place or ''}",
        experiment_id=imported.source.digest or "",
        experiment=imported.name or imported.source.file or imported.source.tool,
        arm=arm,
        round=number,
        start_time=begun,
        end_time=imported.end_time or begun,
        measured_s=imported.duration_s or 0.0,
        offered_rps=imported.offered_rps,
        counts=Counts(
            offered=requests,
            sent=requests,
            ok=requests - errors if imported.ok is None else imported.ok,
            errors=errors,
        ),
        response=EMPTY if failed_among else imported.response,
        errors_by_reason=imported.errors_by_reason,
        errors_by_status=imported.errors_by_status,
        errors_by_grpc_status=imported.errors_by_grpc_status,
        generator=GeneratorHealth(
            name=imported.source.tool,
            version=imported.source.tool_version or "",
            loop="" if imported.loop is LoopModel.UNKNOWN else imported.loop.value,
            resolution=_resolution(imported) or "",
            bounds=()
            if failed_among
            else tuple(
                QuantileBounds(q=one.q, value_s=one.value_s, low_s=one.low_s, high_s=one.high_s)
                for one in imported.quantiles
            ),
        ),
        facts=_facts(imported),
        design=DesignLabels(design="single"),
        validity=_validity(imported),
    )


def _facts(imported: Imported) -> Facts:
    closed = imported.loop is LoopModel.CLOSED
    arrivals = imported.arrivals or ("closed" if closed else None)
    told: dict[str, FactValue] = {
        "mesh.type": imported.mesh,
        "mesh.version": imported.mesh_version,
        "security.mtls": None,
        "load.protocol": imported.protocol,
        "load.http_version": imported.http_version,
        "load.method": imported.method,
        "load.arrivals": arrivals,
        "load.connections": imported.connections,
        "load.streams": imported.streams,
        "load.duration_s": imported.planned_duration_s or imported.duration_s,
        "load.warmup_s": None,
        "load.generator": imported.source.tool,
        "load.generator_version": imported.source.tool_version,
        "load.loop": None if imported.loop is LoopModel.UNKNOWN else imported.loop.value,
        "load.latency_origin": _ORIGINS.get(imported.latency_origin),
        "load.latency_of": None if imported.latency_of is LatencyOf.UNKNOWN else imported.latency_of.value,
        "load.histogram_resolution": _resolution(imported),
        "host.cpu_model": None,
        "host.cores": None,
        "workload.graph": None,
    }
    if not closed:
        told["load.rate"] = imported.offered_rps
    if imported.errors is None:
        told["errors.share"] = None
    return {
        path: Fact(value=value, source=imported.source.tool)
        if value is not None
        else Fact(source=imported.source.tool, unavailable=_UNTOLD)
        for path, value in told.items()
    }


def _resolution(imported: Imported) -> str | None:
    """In the words that a run driven by such a tool uses."""
    if imported.response.total:
        return "every reply"
    if imported.buckets:
        return "the tool's buckets"
    return "the tool's quantiles" if imported.quantiles else None


def _validity(imported: Imported) -> Validity:
    """Nothing answered, or a schedule that was not kept; a tool that does not watch itself tells no more."""
    if imported.ok == 0 and imported.requests:
        return Validity(state=ValidityState.INVALID, reasons=("no request was answered well",))
    if imported.offered_rps and imported.duration_s and imported.requests is not None:
        sent = imported.requests / imported.duration_s
        if sent < _SUSTAINED * imported.offered_rps:
            reason = f"{sent:.6g} requests/s were made of {imported.offered_rps:.6g} offered"
            return Validity(state=ValidityState.NOT_SUSTAINED, reasons=(reason,))
    return Validity()

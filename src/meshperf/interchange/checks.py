"""What every imported record is checked for, whichever tool it is of.

What it decides: figures that cannot be (negative, not finite, quantiles out of order) are refused; figures that do not
fit one another are noted. It also says what a reader of the figures must know and a single importer would forget.
What it refuses: correcting anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace

from meshperf.errors import DocumentError, Location
from meshperf.spec.imported import (
    Imported,
    ImportNote,
    LatencyOf,
    LatencyOrigin,
    LoopModel,
    NoteKind,
    Quantile,
)

__all__ = ["checked"]

_LARGEST = 1e18
"""No count, rate or size of a load test is larger; a figure that is, is garbage."""
_LONGEST_S = 1e9
_TOLERANCE = 1e-6
_LITTLE = 0.2
"""How near p50 must be to connections / rate to be explained by it."""
_COARSE = 0.25
"""A bracket wider than this share of its value says so."""
_SHOWN = (0.5, 0.9, 0.99)


def checked(record: Imported, place: Location) -> Imported:
    """The record with its notes complete, each kind of them that is added here at most once.

    Raises:
        DocumentError: MP2403, a figure that cannot be.
    """
    wrong = next(_impossible(record), None)
    if wrong is not None:
        where = f" (result {record.source.place})" if record.source.place else ""
        raise DocumentError("MP2403", wrong + where, location=place)
    given = {note.kind for note in record.notes}
    added = tuple(note for note in _noted(record) if note.kind not in given or note.kind is NoteKind.INCONSISTENT)
    return replace(record, notes=record.notes + added) if added else record


def _impossible(record: Imported) -> Iterator[str]:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        limit = _LONGEST_S if field.name.endswith("_s") else _LARGEST
        if not 0 <= value <= limit:
            yield f"`{field.name}` is {value:.6g}, which cannot be"
    for name in ("errors_by_status", "errors_by_reason", "errors_by_grpc_status"):
        for key, count in getattr(record, name).items():
            if not 0 <= count <= _LARGEST:
                yield f"{count:.6g} errors of `{key[:40]}` cannot be"
    yield from _impossible_quantiles(record.quantiles)
    yield from _impossible_buckets(record)


def _impossible_quantiles(quantiles: tuple[Quantile, ...]) -> Iterator[str]:
    last: Quantile | None = None
    for one in quantiles:
        if not 0 < one.q < 1:
            yield f"a quantile of {one.q:g} is not between 0 and 1"
        if not 0 <= one.low_s <= one.value_s <= one.high_s <= _LONGEST_S:
            yield f"p{one.q * 100:g} of {one.value_s:g} s with bounds {one.low_s:g} and {one.high_s:g} s cannot be"
        if last is not None and one.q <= last.q:
            yield f"p{one.q * 100:g} comes after p{last.q * 100:g}, or twice"
        if last is not None and one.value_s < last.value_s * (1 - _TOLERANCE):
            before = f"p{last.q * 100:g} ({last.value_s:g} s)"
            yield f"percentiles are out of order: {before} is above p{one.q * 100:g} ({one.value_s:g} s)"
        last = one


def _impossible_buckets(record: Imported) -> Iterator[str]:
    end = 0.0
    for one in record.buckets:
        if not (0 <= one.count <= _LARGEST and 0 <= one.low_s <= one.high_s):
            yield f"a bucket of {one.count} requests from {one.low_s:g} to {one.high_s:g} s cannot be"
        if one.low_s < end * (1 - _TOLERANCE):
            yield f"the bucket from {one.low_s:g} to {one.high_s:g} s overlaps the one before it"
        end = one.high_s


def _noted(record: Imported) -> Iterator[ImportNote]:
    yield from _contradictions(record)
    yield from _errors(record)
    yield from _latency(record)
    if record.source.tool_version is None:
        text = f"the version of {record.source.tool} is not in the file"
        yield ImportNote(kind=NoteKind.VERSION_UNKNOWN, text=text)


def _contradictions(record: Imported) -> Iterator[ImportNote]:
    requests, ok, errors = record.requests, record.ok, record.errors
    if requests is not None and ok is not None and errors is not None and ok + errors != requests:
        text = f"{ok} successes and {errors} errors are not the {requests} requests"
        figures = {"requests": float(requests), "ok": float(ok), "errors": float(errors)}
        yield ImportNote(kind=NoteKind.INCONSISTENT, text=text, figures=figures)
    total = sum(bucket.count for bucket in record.buckets)
    if record.buckets and record.latency_count is not None and total != record.latency_count:
        text = f"the buckets hold {total} requests, the latencies are said to be of {record.latency_count}"
        figures = {"buckets": float(total), "latencies": float(record.latency_count)}
        yield ImportNote(kind=NoteKind.INCONSISTENT, text=text, figures=figures)
    low, high = record.min_s, record.max_s
    for one in record.quantiles:
        if low is not None and one.high_s < low * (1 - _TOLERANCE):
            text = f"p{one.q * 100:g} ({one.value_s:g} s) is below the minimum ({low:g} s)"
            yield ImportNote(kind=NoteKind.INCONSISTENT, text=text)
        if high is not None and one.low_s > high * (1 + _TOLERANCE):
            text = f"p{one.q * 100:g} ({one.value_s:g} s) is above the maximum ({high:g} s)"
            yield ImportNote(kind=NoteKind.INCONSISTENT, text=text)
    if low is not None and high is not None and low > high * (1 + _TOLERANCE):
        text = f"the minimum ({low:g} s) is above the maximum ({high:g} s)"
        yield ImportNote(kind=NoteKind.INCONSISTENT, text=text)


def _errors(record: Imported) -> Iterator[ImportNote]:
    if record.errors is None:
        text = "the result does not say whether any request failed"
        yield ImportNote(kind=NoteKind.ERRORS_UNKNOWN, text=text)
        return
    if record.errors and (record.ok == 0 or (record.ok is None and record.errors == record.requests)):
        text = f"all {record.errors} requests failed"
        if record.latency_of is LatencyOf.ALL:
            text += ": the latencies are of failures"
        yield ImportNote(kind=NoteKind.ALL_FAILED, text=text, figures={"errors": float(record.errors)})
    if record.errors and record.latency_of is LatencyOf.ALL:
        text = f"{record.errors} failed requests are among the latencies"
        yield ImportNote(kind=NoteKind.FAILURES_IN_LATENCY, text=text, figures={"errors": float(record.errors)})


def _latency(record: Imported) -> Iterator[ImportNote]:
    implied = _implied(record)
    if implied is not None:
        name, value, expected = implied
        text = (
            f"{name} ({value * 1e3:.4g} ms) is connections / rate ({expected * 1e3:.4g} ms): in a closed loop the "
            "latency is implied by the throughput"
        )
        yield ImportNote(kind=NoteKind.LITTLES_LAW, text=text, figures={name: value, "connections_by_rate": expected})
    if record.latency_origin is LatencyOrigin.ACTUAL and record.loop is not LoopModel.CLOSED and record.quantiles:
        text = "latencies start at the actual send: what a stall kept from being sent is not in them"
        yield ImportNote(kind=NoteKind.OMISSION, text=text)
    coarse = [one for one in record.quantiles if one.q in _SHOWN and one.high_s - one.low_s > _COARSE * one.value_s]
    if coarse:
        names = ", ".join(
            f"p{one.q * 100:g} is between {one.low_s * 1e3:.4g} and {one.high_s * 1e3:.4g} ms" for one in coarse
        )
        figures = {f"p{one.q * 100:g}_width_s": one.high_s - one.low_s for one in coarse}
        yield ImportNote(kind=NoteKind.COARSE, text=names, figures=figures)


def _implied(record: Imported) -> tuple[str, float, float] | None:
    """Median (or mean), and connections / rate, where a closed loop makes the one the other."""
    if record.loop not in (LoopModel.CLOSED, LoopModel.SCHEDULED_CLOSED) or not record.connections:
        return None
    rate = record.achieved_rps
    if record.requests and record.duration_s:
        rate = record.requests / record.duration_s
    value = next((one.value_s for one in record.quantiles if one.q == 0.5), record.mean_s)
    name = "p50" if any(one.q == 0.5 for one in record.quantiles) else "mean"
    if not rate or not value:
        return None
    expected = record.connections * (record.streams or 1) / rate
    near = math.isfinite(expected) and abs(value - expected) <= _LITTLE * expected
    return (name, value, expected) if near else None

"""A result as one row of a table: the columns, their order, types and units; CSV, Parquet and data frames share them.

What it decides: response times (from the intended start), service times (from the actual send) and times whose origin
nobody told stand in columns of their own, so that no table sets one beside the other by accident. Every column is
always there, in this order; what is unknown is None, never 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from meshperf.histograms import Histogram
from meshperf.interchange.export.outgoing import Outgoing, deviation_s, quantiles_of, time_word
from meshperf.interchange.quantiles import STANDARD
from meshperf.spec.completeness import completeness
from meshperf.spec.imported import Quantile
from meshperf.spec.records import RunResult

__all__ = ["COLUMNS", "Cell", "Column", "Content", "row_of"]

Cell = str | int | float | datetime | None


class Content(Enum):
    """What a column holds."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name carries the unit."""

    name: str
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """The figures of one kind of time [s]."""

    mean_s: float | None = None
    stddev_s: float | None = None
    min_s: float | None = None
    max_s: float | None = None
    quantiles: tuple[Quantile, ...] = ()


_TIMES = ("response_time", "service_time", "unclassified_time")
_NOTHING = _Times()
_Plain = tuple[Column, Callable[[Outgoing], Cell]]
"""A column, and how a result fills it."""


def row_of(result: Outgoing) -> dict[str, Cell]:
    """The cells of a result by column, in the order of `COLUMNS`."""
    row = {column.name: value(result) for column, value in _PLAIN}
    for word in _TIMES:
        row |= _time_cells(word, _times(result, word))
    return row


def _of_record(name: str) -> Callable[[Outgoing], Cell]:
    def value(result: Outgoing) -> Cell:
        found: Cell = getattr(result.record, name)
        return found.value if isinstance(found, Enum) else found

    return value


def _of_run(read: Callable[[RunResult], Cell]) -> Callable[[Outgoing], Cell]:
    return lambda result: None if result.run is None else read(result.run)


def _times(result: Outgoing, word: str) -> _Times:
    record = result.record
    if word == time_word(record):
        return _Times(
            mean_s=record.mean_s,
            stddev_s=record.stddev_s,
            min_s=record.min_s,
            max_s=record.max_s,
            quantiles=record.quantiles or quantiles_of(record.response),
        )
    if word == "service_time" and result.run is not None and result.run.service.total:
        return _of_histogram(result.run.service)
    return _NOTHING


def _of_histogram(histogram: Histogram) -> _Times:
    return _Times(
        mean_s=histogram.mean(),
        stddev_s=deviation_s(histogram),
        min_s=histogram.minimum(),
        max_s=histogram.maximum(),
        quantiles=quantiles_of(histogram),
    )


def _time_cells(word: str, times: _Times) -> dict[str, Cell]:
    cells: dict[str, Cell] = {
        f"mean_{word}_s": times.mean_s,
        f"stddev_{word}_s": times.stddev_s,
        f"min_{word}_s": times.min_s,
        f"max_{word}_s": times.max_s,
    }
    known = {one.q: one for one in times.quantiles}
    for q in STANDARD:
        name, one = f"p{q * 100:g}".replace(".", ""), known.get(q)
        cells[f"{name}_{word}_s"] = None if one is None else one.value_s
        cells[f"{name}_{word}_low_s"] = None if one is None else one.low_s
        cells[f"{name}_{word}_high_s"] = None if one is None else one.high_s
    return cells


def _listed(counts: Mapping[str, int]) -> str | None:
    return json.dumps(dict(counts), ensure_ascii=False, sort_keys=True) if counts else None


def _said(result: Outgoing) -> str | None:
    told = [f"{one.kind.value}: {one.text}" for one in result.record.notes]
    if result.run is not None:
        told += [f"{one.kind.value}: {one.text}" for one in result.run.warnings]
    return "; ".join(told) or None


def _text(name: str, value: Callable[[Outgoing], Cell] | None = None) -> _Plain:
    return Column(name=name, content=Content.TEXT), value or _of_record(name)


def _whole(name: str, value: Callable[[Outgoing], Cell] | None = None) -> _Plain:
    return Column(name=name, content=Content.WHOLE), value or _of_record(name)


def _number(name: str) -> _Plain:
    return Column(name=name, content=Content.NUMBER), _of_record(name)


def _time(name: str) -> _Plain:
    return Column(name=name, content=Content.TIME), _of_record(name)


_PLAIN: tuple[_Plain, ...] = (
    _text("experiment", _of_run(lambda run: run.experiment)),
    _text("experiment_id", _of_run(lambda run: run.experiment_id)),
    _text("run_id", _of_run(lambda run: run.run_id)),
    _text("arm", _of_run(lambda run: run.arm)),
    _whole("twin", _of_run(lambda run: run.twin)),
    _whole("round", _of_run(lambda run: run.round)),
    _whole("load_point", _of_run(lambda run: run.load_point)),
    _whole("attempt", _of_run(lambda run: run.attempt)),
    _text("name"),
    _text("tool", lambda result: result.record.source.tool),
    _text("tool_version", lambda result: result.record.source.tool_version),
    _text("source_file", lambda result: result.record.source.file),
    _text("source_place", lambda result: result.record.source.place),
    _text("source_sha256", lambda result: result.record.source.digest),
    _text("completeness", lambda result: completeness(result.record).value),
    _text("validity", _of_run(lambda run: run.validity.state.value)),
    _text("validity_reasons", _of_run(lambda run: "; ".join(run.validity.reasons) or None)),
    _text("notes", _said),
    _time("start_time"),
    _time("end_time"),
    _number("duration_s"),
    _number("planned_duration_s"),
    _text("protocol"),
    _text("http_version"),
    _text("method"),
    _text("url"),
    _text("mesh"),
    _text("mesh_version"),
    _whole("connections"),
    _whole("threads"),
    _whole("streams"),
    _text("loop"),
    _text("arrivals"),
    _number("offered_rps"),
    _number("achieved_rps"),
    _whole("requests"),
    _whole("ok"),
    _whole("errors"),
    _whole("timeouts"),
    _whole("unanswered", _of_run(lambda run: run.counts.unanswered)),
    _whole("not_sent", _of_run(lambda run: run.counts.not_sent)),
    _text("errors_by_status", lambda result: _listed(result.record.errors_by_status)),
    _text("errors_by_reason", lambda result: _listed(result.record.errors_by_reason)),
    _text("errors_by_grpc_status", lambda result: _listed(result.record.errors_by_grpc_status)),
    _whole("bytes_in"),
    _whole("bytes_out"),
    _text("latency_origin"),
    _text("latency_of"),
    _whole("latency_count"),
)
COLUMNS: tuple[Column, ...] = (
    *(column for column, _ in _PLAIN),
    *(Column(name=name, content=Content.NUMBER) for word in _TIMES for name in _time_cells(word, _NOTHING)),
)
"""All columns in their order."""

"""Locust's `_stats.csv`: a row for every endpoint and one for all of them; milliseconds.

Locust rounds latencies for its percentiles: to whole milliseconds below 100, to two digits above. Failures are among
them. Of a file with one endpoint the row of all is the same again and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.samples import truncated
from meshperf.interchange.streams import Row, Table
from meshperf.interchange.text import head_text
from meshperf.spec.imported import Imported, LatencyOf, LatencyOrigin, LoopModel, Quantile, Source
from meshperf.spec.redaction import shown_url

__all__ = ["READERS", "rounding_s"]

_HEADINGS = re.compile(
    r'\s*"?(?:Type|Method)"?,"?Name"?,"?(?:Request Count|# requests)"?,"?(?:Failure Count|# failures)"?,'
)
_PERCENT = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,6})?)%")
_ALL = ("Aggregated", "Total")
_MS = 1e-3
_COLUMNS = {
    "requests": ("request count", "# requests"),
    "failures": ("failure count", "# failures"),
    "mean": ("average response time",),
    "least": ("min response time",),
    "most": ("max response time",),
    "size": ("average content size",),
    "rate": ("requests/s",),
    "median": ("median response time",),
}


def rounding_s(value_s: float) -> float:
    """Half of what Locust's rounding takes away from a latency [s]."""
    ms = value_s / _MS
    return (0.5 if ms < 100 else 5.0 if ms < 1000 else 50.0 if ms < 10_000 else 500.0) * _MS


class _Stats:
    form = Form(
        name="locust",
        tool="locust",
        title="Locust statistics as CSV (_stats.csv)",
        latency_unit="ms",
        latency_origin="actual",
        loop="closed: users that wait for each reply, and often think before the next request",
        errors="known as a number; failures are among the latencies",
        resolution="whole milliseconds below 100, two digits above",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if _HEADINGS.match(head_text(incoming)) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        table = Table(incoming, needed=("name",))
        rows = [row for row in table.rows() if row.cells.get("name", "").strip()]
        single = [row for row in rows if row.cells["name"].strip() not in _ALL]
        for row in single if len(single) == 1 else rows:
            yield _result(row, () if table.cut_at is None else (truncated(table.cut_at),))


def _result(row: Row, notes: tuple[object, ...]) -> Imported:
    figures = {name: _first(row, columns) for name, columns in _COLUMNS.items()}
    requests = _count(row, "requests")
    errors = _count(row, "failures")
    if requests is None:
        raise row.broken("there is no number of requests")
    if errors is not None and errors > requests:
        raise row.contradicts(f"{errors} failures of {requests} requests cannot be")
    rate, size = figures["rate"], figures["size"]
    duration = requests / rate if rate else None
    ok = None if errors is None else requests - errors
    name = row.cells["name"].strip()
    method = row.cells.get("type", row.cells.get("method", "")).strip() or None
    quantiles = {}
    for column in row.cells:
        percent = _PERCENT.fullmatch(column)
        value = row.number_of(column) if percent is not None else None
        if percent is not None and value is not None and float(percent[1]) > 0:
            quantiles[round(float(percent[1]) / 100, 12)] = value * _MS
    if 0.5 not in quantiles and figures["median"] is not None:
        quantiles[0.5] = figures["median"] * _MS
    if not requests:
        quantiles = {}
    mean, least, most = (None if figures[one] is None or not requests else figures[one] for one in _MOMENTS)
    return Imported(
        source=Source(tool="locust", form="stats-csv", place=f"{method} {name}" if method else name),
        name=None if name in _ALL else shown_url(name)[:200],
        method=method if method and method.isupper() and method.isalpha() else None,
        duration_s=duration,
        loop=LoopModel.CLOSED,
        arrivals="closed",
        achieved_rps=ok / duration if ok is not None and duration else rate,
        requests=requests,
        ok=ok,
        errors=errors,
        bytes_in=round(size * requests) if size is not None and size * requests < 1e18 else None,
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=LatencyOf.ALL,
        latency_unit="ms",
        latency_count=requests,
        mean_s=None if mean is None else mean * _MS,
        min_s=None if least is None else least * _MS,
        max_s=None if most is None else most * _MS,
        quantiles=tuple(_bounded(q, quantiles[q]) for q in sorted(quantiles)),
        notes=notes,  # type: ignore[arg-type]
    )


_MOMENTS = ("mean", "least", "most")


def _bounded(q: float, value: float) -> Quantile:
    half = rounding_s(value)
    return Quantile(q=q, value_s=value, low_s=max(value - half, 0.0), high_s=value + half)


def _first(row: Row, columns: tuple[str, ...]) -> float | None:
    return next((row.number_of(column) for column in columns if column in row.cells), None)


def _count(row: Row, name: str) -> int | None:
    return next((row.count_of(column) for column in _COLUMNS[name] if column in row.cells), None)


READERS: tuple[Reader, ...] = (_Stats(),)

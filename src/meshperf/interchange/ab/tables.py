"""ab's two tables: percentiles as CSV (`-e`), and one row a request for gnuplot (`-g`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.samples import Samples, truncated
from meshperf.interchange.streams import Table
from meshperf.interchange.text import head_text
from meshperf.spec.imported import Imported, LatencyOf, LatencyOrigin, LoopModel, Quantile, Source

__all__ = ["READERS"]

_PERCENT = re.compile(r"\s*Percentage served,Time in ms\s")
_GNUPLOT = re.compile(r"\s*starttime\tseconds\tctime\tdtime\tttime\twait\s")
_ORIGIN = "actual: before it connects"
_ERRORS = "unknown"
_LAST_DIGIT_S = 0.5e-6
_WHOLE_S = 0.5e-3


class _Percentiles:
    form = Form(
        name="ab-percent",
        tool="ab",
        title="ab percentiles as CSV (-e)",
        latency_unit="ms",
        latency_origin=_ORIGIN,
        loop="closed",
        errors=_ERRORS,
        resolution="one microsecond, rounded",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if _PERCENT.match(head_text(incoming) + "\n") else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        ends: dict[int, float] = {}
        quantiles: list[Quantile] = []
        table = Table(incoming, needed=("percentage served", "time in ms"))
        last = -1.0
        for row in table.rows():
            percent, value = row.need("percentage served"), row.need("time in ms") * 1e-3
            if not last < percent <= 100:
                raise row.contradicts("percentages must rise up to 100")
            last = percent
            if percent in (0, 100):
                ends[int(percent)] = value
            else:
                low = max(value - _LAST_DIGIT_S, 0.0)
                quantiles.append(Quantile(q=percent / 100, value_s=value, low_s=low, high_s=value + _LAST_DIGIT_S))
        least, most = ends.get(0), ends.get(100)
        yield Imported(
            source=Source(tool="ab", form="percent-csv"),
            loop=LoopModel.CLOSED,
            arrivals="closed",
            latency_origin=LatencyOrigin.ACTUAL,
            latency_of=LatencyOf.UNKNOWN,
            latency_unit="ms",
            min_s=None if least is None else max(least - _LAST_DIGIT_S, 0.0),
            max_s=None if most is None else most + _LAST_DIGIT_S,
            quantiles=tuple(quantiles),
            notes=() if table.cut_at is None else (truncated(table.cut_at),),
        )


class _Gnuplot:
    form = Form(
        name="ab-gnuplot",
        tool="ab",
        title="ab rows for gnuplot (-g)",
        latency_unit="ms",
        latency_origin=_ORIGIN,
        loop="closed",
        errors=_ERRORS,
        resolution="whole milliseconds, rounded; times of the requests in whole seconds, too coarse for a rate",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if _GNUPLOT.match(head_text(incoming) + "\n") else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        samples = Samples()
        begin: float | None = None
        end = 0.0
        table = Table(incoming, "\t", needed=("seconds", "ttime"))
        for row in table.rows():
            second, latency = row.need("seconds"), row.need("ttime") * 1e-3
            if second > 1e11:
                raise row.contradicts("`seconds` is no time in seconds since 1970")
            try:
                samples.add(latency)
            except ValueError as problem:
                raise row.contradicts(str(problem)) from None
            begin, end = second if begin is None else min(begin, second), max(end, second)
        samples.histogram()
        yield Imported(
            source=Source(tool="ab", form="gnuplot-tsv"),
            start_time=None if begin is None else datetime.fromtimestamp(begin, UTC),
            end_time=None if begin is None else datetime.fromtimestamp(end, UTC),
            loop=LoopModel.CLOSED,
            arrivals="closed",
            requests=samples.count,
            latency_origin=LatencyOrigin.ACTUAL,
            latency_of=LatencyOf.UNKNOWN,
            latency_unit="ms",
            latency_count=samples.count,
            mean_s=samples.mean_s,
            stddev_s=samples.stddev_s,
            min_s=None if samples.min_s is None else max(samples.min_s - _WHOLE_S, 0.0),
            max_s=None if samples.max_s is None else samples.max_s + _WHOLE_S,
            quantiles=samples.quantiles(half_s=_WHOLE_S),
            notes=() if table.cut_at is None else (truncated(table.cut_at),),
        )


READERS: tuple[Reader, ...] = (_Percentiles(), _Gnuplot())

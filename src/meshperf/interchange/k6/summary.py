"""k6's summary as JSON: that of `--summary-export`, and the data that a script's `handleSummary` is given.

The two differ in where the figures stand: directly in a metric, or below its `values`. Trends of time are in
milliseconds in both. k6 keeps every sample, so its percentiles are those of the samples, interpolated between ranks;
which ones are there is up to `summaryTrendStats`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshperf.interchange.documents import read_json
from meshperf.interchange.extras import rest_of
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.json_value import Value
from meshperf.interchange.k6.points import DURATIONS, dropped_note
from meshperf.interchange.quantiles import in_order
from meshperf.interchange.sniffing import keys_at
from meshperf.spec.imported import Imported, LatencyOf, LatencyOrigin, LoopModel, Quantile, Source

__all__ = ["READERS"]

_MS = 1e-3
_PERCENTILE = re.compile(r"p\(([0-9]{1,2}(?:\.[0-9]{1,9})?)\)")
_COUNTS = {"http_req_duration": "http_reqs"}


class _Summary:
    form = Form(
        name="k6-summary",
        tool="k6",
        title="k6 summary as JSON (--summary-export, handleSummary)",
        latency_unit="ms",
        latency_origin="actual: http_req_duration begins with the sending, without connecting and TLS",
        loop="open where iterations were dropped (arrival-rate executors), else not said",
        errors="known by http_req_failed: replies that were not expected; they are among the latencies unless the "
        "summary has those of expected replies",
        resolution="exact: of all samples, interpolated between two of them",
    )

    def looks_like(self, incoming: Incoming) -> float:
        keys = keys_at(incoming, depth=2)
        if "metrics" not in keys or not keys & {
            "root_group",
            "http_reqs",
            "iterations",
            "vus_max",
            "grpc_req_duration",
        }:
            return 0.0
        return 0.95 if keys & {"root_group", "iterations", "vus_max", "iteration_duration"} else 0.6

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        for document in read_json(incoming):
            root = Value(document, document.data)
            metrics = root.need("metrics")
            for name in DURATIONS:
                if metrics.get(name) is not None:
                    yield _result(root, metrics, name)


def _result(root: Value, metrics: Value, name: str) -> Imported:
    every = _figures(metrics, name)
    assert every is not None  # it was asked for just before
    expected = _figures(metrics, f"{name}{{expected_response:true}}")
    trend = expected or every
    failed = _figures(metrics, "http_req_failed") if name == "http_req_duration" else None
    errors = None if failed is None else _failures(failed)
    requests, duration = _total(root, metrics, name, every)
    of = LatencyOf.SUCCESSES if expected is not None or errors == 0 else LatencyOf.ALL
    ok = requests - errors if requests is not None and errors is not None else None
    if ok is not None and ok < 0:
        raise metrics.contradicts("counts more failures than requests")
    count = trend.get("count")
    dropped = _figures(metrics, "dropped_iterations")
    lost = 0 if dropped is None else dropped.need("count").count()
    both = metrics.get(DURATIONS[0]) is not None and metrics.get(DURATIONS[1]) is not None
    return Imported(
        source=Source(tool="k6", form="summary-json", place=name if both else None),
        duration_s=duration,
        protocol="grpc" if name == "grpc_req_duration" else None,
        loop=LoopModel.OPEN if dropped is not None else LoopModel.UNKNOWN,
        achieved_rps=(requests if ok is None else ok) / duration if requests is not None and duration else None,
        requests=requests,
        ok=ok,
        errors=errors,
        bytes_in=None if both else _sum(metrics, "data_received"),
        bytes_out=None if both else _sum(metrics, "data_sent"),
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=of,
        latency_unit="ms",
        latency_count=None if count is None else count.count(),
        mean_s=_ms(trend, "avg"),
        min_s=_ms(trend, "min"),
        max_s=_ms(trend, "max"),
        quantiles=_quantiles(trend),
        notes=(dropped_note(lost),) if lost else (),
        extra=rest_of(root.data, {"root_group"}),
    )


def _figures(metrics: Value, name: str) -> Value | None:
    """The figures of a metric, wherever they stand."""
    found = metrics.get(name)
    return None if found is None else found.get("values") or found


def _failures(failed: Value) -> int:
    """`http_req_failed` is a rate of failures, so what `passes` there is a request that failed."""
    return failed.need("passes").count()


def _total(root: Value, metrics: Value, name: str, trend: Value) -> tuple[int | None, float | None]:
    """Requests, and the duration [s]: stated, or what count and rate make of it."""
    counter = _figures(metrics, _COUNTS.get(name, "iterations"))
    state = root.get("state")
    stated = None if state is None else state.get("testRunDurationMs")
    duration = None if stated is None else stated.number(scale=_MS)
    count = None if counter is None else counter.get("count")
    rate = None if counter is None else counter.get("rate")
    if duration is None and count is not None and rate is not None and rate.number() > 0:
        duration = count.count() / rate.number()
    if name not in _COUNTS:
        count = trend.get("count")
    return None if count is None else count.count(), duration


def _quantiles(trend: Value) -> tuple[Quantile, ...]:
    found: dict[float, float] = {}
    for key, item in trend.pairs():
        named = _PERCENTILE.fullmatch(key)
        q = 0.5 if key == "med" else float(named[1]) / 100 if named else 0.0
        if 0 < q < 1:
            found[round(q, 12)] = item.number(scale=_MS)
    return in_order(Quantile(q=q, value_s=value, low_s=value, high_s=value) for q, value in found.items())


def _ms(trend: Value, name: str) -> float | None:
    found = trend.get(name)
    return None if found is None else found.number(scale=_MS)


def _sum(metrics: Value, name: str) -> int | None:
    counter = _figures(metrics, name)
    found = None if counter is None else counter.get("count")
    return None if found is None else round(found.number())


READERS: tuple[Reader, ...] = (_Summary(),)

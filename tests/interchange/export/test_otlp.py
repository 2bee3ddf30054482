"""OTLP/JSON: by the rules of OpenTelemetry's JSON mapping, and with the figures of the result."""

from __future__ import annotations

import json
from typing import Any

import pytest

import run_sample
from meshperf.interchange.export.otlp import WRITERS
from meshperf.interchange.export.outgoing import of_imported, of_run
from meshperf.spec.imported import Imported, LatencyOrigin, Quantile, Source

RUN = run_sample.single()


def exported() -> dict[str, Any]:
    text = WRITERS[0].write([of_run(RUN)])
    assert text.count(b"\n") == 1
    return json.loads(text)["resourceMetrics"][0]


def metrics(resource: dict[str, Any]) -> dict[str, Any]:
    return {metric["name"]: metric for metric in resource["scopeMetrics"][0]["metrics"]}


def attributes(of: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: next(iter(one["value"].values())) for one in of["attributes"]}


def test_the_histogram_adds_up_by_the_rules_of_the_format() -> None:
    metric = metrics(exported())["meshperf.response_time"]
    assert (metric["unit"], metric["histogram"]["aggregationTemporality"]) == ("s", 1)
    (point,) = metric["histogram"]["dataPoints"]
    assert len(point["bucketCounts"]) == len(point["explicitBounds"]) + 1
    assert all(isinstance(count, str) for count in (point["count"], *point["bucketCounts"]))
    assert sum(map(int, point["bucketCounts"])) == int(point["count"]) == RUN.response.total
    assert point["explicitBounds"] == sorted(set(point["explicitBounds"]))
    assert point["sum"] == pytest.approx(RUN.response.mean() * RUN.response.total)
    assert (point["min"], point["max"]) == (RUN.response.minimum(), RUN.response.maximum())


def test_requests_are_a_monotonic_sum_by_outcome() -> None:
    total = metrics(exported())["meshperf.requests"]["sum"]
    assert total["isMonotonic"] is True
    assert {attributes(one)["outcome"]: one["asInt"] for one in total["dataPoints"]} == {"ok": "9420", "failed": "580"}


def test_every_point_has_the_time_of_the_run_in_exact_nanoseconds() -> None:
    (point,) = metrics(exported())["meshperf.achieved_rate"]["gauge"]["dataPoints"]
    assert point["startTimeUnixNano"] == str(int(RUN.start_time.timestamp()) * 10**9)
    assert point["timeUnixNano"] == str(int(RUN.end_time.timestamp()) * 10**9)
    assert point["asDouble"] == pytest.approx(471.0)


def test_quantiles_stand_with_their_bounds() -> None:
    found = metrics(exported())
    for name, field in (("quantile.low", 0), ("quantile.high", 1)):
        points = found[f"meshperf.response_time.{name}"]["gauge"]["dataPoints"]
        p99 = next(one for one in points if attributes(one)["quantile"] == "0.99")
        assert p99["asDouble"] == RUN.response.bracket(0.99)[field]


def test_the_resource_says_what_was_measured_with_what() -> None:
    named = attributes(exported()["resource"])
    assert (named["meshperf.arm"], named["meshperf.loop"], named["meshperf.round"]) == ("load", "open", "0")
    assert named["meshperf.validity"] == "not-sustained"


def test_what_another_tool_did_not_say_is_not_there() -> None:
    bare = Imported(
        source=Source(tool="wrk", form="text"),
        latency_origin=LatencyOrigin.ACTUAL,
        quantiles=(Quantile(q=0.5, value_s=0.001, low_s=0.0005, high_s=0.002),),
    )
    resource = json.loads(WRITERS[0].write([of_imported(bare)]))["resourceMetrics"][0]
    assert sorted(metrics(resource)) == [
        "meshperf.service_time.quantile", "meshperf.service_time.quantile.high", "meshperf.service_time.quantile.low",
    ]  # fmt: skip
    (point,) = metrics(resource)["meshperf.service_time.quantile"]["gauge"]["dataPoints"]
    assert set(point) == {"attributes", "asDouble"}

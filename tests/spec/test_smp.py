"""Result documents: a run comes back equal, and what other SMP tools read in it is true."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from generated_runs import runs, sample_run
from hypothesis import HealthCheck, given, settings

from meshperf.errors import DocumentError, StorageError
from meshperf.histograms import EMPTY, Histogram
from meshperf.spec import smp
from meshperf.spec.records import Counts, Fact, GeneratorHealth, RunResult, RunSeries, Validity, ValidityState
from meshperf.spec.smp import read_result, result_from_document, result_to_document, write_result

GENERATED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@GENERATED
@given(runs())
def test_every_field_of_a_run_comes_back_equal(run: RunResult) -> None:
    text = json.dumps(result_to_document(run), allow_nan=False)
    assert result_from_document(json.loads(text)) == run


def test_the_standards_fields_tell_what_was_measured() -> None:
    document = result_to_document(sample_run())
    latencies = document["latencies_ms"]
    assert latencies["p50"] == pytest.approx(1.0, rel=0.002)
    assert latencies["p99"] == pytest.approx(4.0, rel=0.002)
    assert latencies["average"] == pytest.approx(1.3, rel=0.002)
    assert document["actual_qps"] == pytest.approx(500.0)
    assert document["start_time"] == "2026-01-31T12:00:00.000000Z"
    assert document["mesh_config"]["mesh_type"] == {"type": "ENVOY"}
    assert document["mesh_config"]["mtls_enabled"] is True
    assert document["environment"]["nodes"] == [{"cores": 2, "mem_mb": 8000}]
    (client,) = document["test"]["clients"]
    assert client == {
        "load_generator": "meshperf",
        "protocol": "PROTOCOL_HTTP",
        "http_version": "1.1",
        "connections": 16,
        "rps": 500,
    }
    assert document["test"]["duration"] == "5s"
    assert document["latency_distribution"]["hdr_v2"].startswith("HISTF")


def test_nothing_measured_is_absent_and_not_zero() -> None:
    run = sample_run(response=EMPTY, measured_s=0.0, counts=Counts(), facts={}, offered_rps=None)
    document = result_to_document(run)
    for name in ("latencies_ms", "actual_qps", "latency_distribution", "percentiles", "requested_qps"):
        assert name not in document
    assert document["requests"]["ok"] == 0
    assert document["test"]["clients"] == [{"load_generator": "meshperf", "rps": 0}]


def test_a_percentile_needs_replies_above_it() -> None:
    assert [one["p"] for one in result_to_document(sample_run())["percentiles"]] == [50, 75, 90, 95, 99]
    few = sample_run(response=Histogram.from_values([0.001] * 3))
    assert [one["p"] for one in result_to_document(few)["percentiles"]] == [50]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (ValidityState.VALID, "COMPLETED"),
        (ValidityState.NOT_SUSTAINED, "COMPLETED"),
        (ValidityState.CLIENT_LIMITED, "INVALID"),
        (ValidityState.INVALID, "INVALID"),
    ],
)
def test_a_run_that_may_not_be_compared_says_so_to_other_tools(state: ValidityState, status: str) -> None:
    document = result_to_document(sample_run(validity=Validity(state=state, reasons=("late",))))
    assert (document["status"], document["status_reasons"]) == (status, ["late"])


def test_nan_and_infinity_are_never_written() -> None:
    facts = {"load.rate": Fact(value=math.inf, source="x")}
    run = sample_run(offered_rps=math.nan, facts=facts, control={"p50_s": math.nan, "p90_s": 0.1})
    document = result_to_document(run)
    json.dumps(document, allow_nan=False)
    assert "requested_qps" not in document
    assert document["control"] == {"p90_s": 0.1}
    with pytest.raises(ValueError, match="measured_s"):
        result_to_document(sample_run(measured_s=math.nan))


def test_keys_and_certificates_are_never_written() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"
    run = sample_run(facts={"proxy.tls": Fact(value=pem, source=pem)}, errors_by_reason={pem: 1})
    text = json.dumps(result_to_document(run))
    assert "MIIE" not in text
    assert "withheld" in text


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        result_to_document(sample_run(start_time=datetime(2026, 1, 31)))


@pytest.mark.parametrize(
    ("word", "protocol", "version"),
    [
        ("http1.0", "PROTOCOL_HTTP", "1.0"),
        ("http1", "PROTOCOL_HTTP", "1.1"),
        ("http2", "PROTOCOL_HTTP", "2"),
        ("grpc", "PROTOCOL_GRPC", "2"),
        ("tcp", "PROTOCOL_TCP", None),
        ("udp", "PROTOCOL_UDP", None),
        ("quic", None, None),
    ],
)
def test_every_protocol_has_the_standards_word(word: str, protocol: str | None, version: str | None) -> None:
    run = sample_run(facts={"load.protocol": Fact(value=word, source="plan")})
    (client,) = result_to_document(run)["test"]["clients"]
    assert (client.get("protocol"), client.get("http_version")) == (protocol, version)


def test_an_interval_without_a_figure_is_null_and_keeps_its_place() -> None:
    series = RunSeries(metric="p50", unit="s", step_s=1.0, values=(0.001, None, math.nan, 0.004))
    document = json.loads(json.dumps(result_to_document(sample_run(series=(series,))), allow_nan=False))
    assert document["series"][0]["values"] == [0.001, None, None, 0.004]
    assert result_from_document(document).series[0].values == (0.001, None, None, 0.004)


def test_the_figures_are_those_of_the_histograms() -> None:
    connect = Histogram.from_values([0.001] * 50 + [0.003] * 50)
    health = GeneratorHealth(late_read=Histogram.from_values([2e-5] * 10))
    document = result_to_document(sample_run(connect=connect, generator=health))
    figures = document["figures"]
    assert figures["connect_p99_s"] == pytest.approx(0.003, rel=0.002)
    assert figures["late_read_p50_s"] == pytest.approx(2e-5, rel=0.002)
    assert not [name for name in figures if name.startswith(("handshake", "censored", "pacing_error"))]


BROKEN = [
    ("format", None, "MP2201", ""),
    ("format", "result/9", "MP2201", "/format"),
    ("run", None, "MP2102", ""),
    ("run", {}, "MP2102", "/run"),
    ("requested_qps", 10**400, "MP2104", "/requested_qps"),
    ("start_time", "yesterday", "MP2104", "/start_time"),
    ("start_time", "2026-01-31T12:00:00", "MP2104", "/start_time"),
    ("requests", {"offered": -1}, "MP2103", "/requests/offered"),
    ("bytes", {"in": -1, "out": 0}, "MP2103", "/bytes/in"),
    ("validity", {"state": "fine"}, "MP2104", "/validity/state"),
    ("slices", [{"position": True}], "MP2104", "/slices/0/position"),
    ("facts", {"a": {"value": {}}}, "MP2104", "/facts/a/value"),
    (
        "latency_distribution",
        {"buckets": {"index": [2, 1], "count": [1, 1]}},
        "MP2103",
        "/latency_distribution/buckets",
    ),
    ("latency_distribution", {"buckets": {"index": [1], "count": []}}, "MP2103", "/latency_distribution/buckets"),
    (
        "latency_distribution",
        {"buckets": {"index": [1.5], "count": [1]}},
        "MP2104",
        "/latency_distribution/buckets/index",
    ),
]


@pytest.mark.parametrize(("name", "value", "code", "pointer"), BROKEN)
def test_a_broken_result_is_told_by_its_place(
    tmp_path: Path, name: str, value: object, code: str, pointer: str
) -> None:
    document = result_to_document(sample_run())
    document[name] = value
    if value is None:
        del document[name]
    path = tmp_path / "run.json"
    path.write_text(json.dumps(document, indent=1))
    with pytest.raises(DocumentError) as caught:
        read_result(path)
    error = caught.value
    assert (error.code, error.location.pointer, error.location.path) == (code, pointer, path)
    assert error.location.line is not None


def test_a_written_result_is_whole_small_and_read_again(tmp_path: Path) -> None:
    part = sample_run().slices[0]
    values = [0.001 * 1.002**n for n in range(500)]
    big = dataclasses.replace(part, response=Histogram.from_values(values))
    run = sample_run(slices=tuple(dataclasses.replace(big, position=n) for n in range(60)))
    path = tmp_path / "run.json"
    write_result(run, path)
    assert read_result(path) == run
    assert path.stat().st_size < 400_000
    assert [one.name for one in tmp_path.iterdir()] == ["run.json"]


def test_unknown_keys_are_offered_to_be_kept() -> None:
    document = {**result_to_document(sample_run()), "colour": "blue"}
    assert smp.unknown_keys(document) == {"colour": "blue"}
    assert result_from_document(document) == sample_run()


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "MP5402"), (errno.EROFS, "MP5401")])
def test_a_full_or_read_only_disk_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    path = tmp_path / "run.json"
    path.write_text("before")

    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError) as caught:
        write_result(sample_run(), path)
    assert caught.value.code == code
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["run.json"]


def test_nanoseconds_of_other_writers_are_read() -> None:
    document = result_to_document(sample_run())
    document["start_time"] = "2020-03-17T14:53:05.499893378Z"
    assert result_from_document(document).start_time == datetime(2020, 3, 17, 14, 53, 5, 499893, tzinfo=UTC)

"""fortio's JSON: read back by our own reader of fortio, and shown by fortio itself where it is installed."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kept_sample
import run_sample
from meshperf.histograms import Histogram
from meshperf.interchange.export.fortio import WRITERS
from meshperf.interchange.export.outgoing import Outgoing, of_imported, of_run
from meshperf.interchange.reading import read_file
from meshperf.spec.imported import Bucket, Imported, LatencyOf, LoopModel, NoteKind, Quantile, Source
from meshperf.spec.records import Fact, RunResult

WRITER = WRITERS[0]
ROOT = Path(__file__).parents[3]
COUNTS = kept_sample.run("envoy", 0, 0, experiment_id="x").counts
FAILED = Histogram.from_values([0.03] * 500)
HALF = Quantile(q=0.5, value_s=0.01, low_s=0.01, high_s=0.01)


def fortio() -> str | None:
    beside = ROOT / ".venv" / "tools" / "fortio"
    return str(beside) if beside.is_file() else shutil.which("fortio")


def back(tmp_path: Path, *results: Outgoing) -> list[Imported]:
    path = tmp_path / "exported.json"
    path.write_bytes(WRITER.write(results))
    return list(read_file(path, form="fortio"))


def run(**changes: object) -> RunResult:
    return run_sample.single(failed=FAILED, errors_by_status={"503": 480}, **changes)


def test_what_was_written_is_recognised_however_little_is_known(tmp_path: Path) -> None:
    bare = Imported(source=Source(tool="prometheus", form="text"), requests=10, quantiles=(HALF,))
    for number, result in enumerate((of_imported(bare), of_run(run()))):
        path = tmp_path / f"{number}.json"
        path.write_bytes(WRITER.write([result]))
        (found,) = read_file(path)
        assert found.source.tool == "fortio" and [one.q for one in found.quantiles][:1] == [0.5]


def test_counts_rates_and_quantiles_come_back(tmp_path: Path) -> None:
    of = replace(kept_sample.run("envoy", 0, 0, experiment_id="x"), counts=replace(COUNTS, timeouts=0, errors=0))
    (found,) = back(tmp_path, of_run(of))
    assert (found.requests, found.ok, found.errors) == (240, 240, 0)
    assert found.duration_s == pytest.approx(of.measured_s)
    assert found.achieved_rps == pytest.approx(of.counts.ok / of.measured_s)
    assert (found.offered_rps, found.connections, found.protocol) == (500.0, 16, "http1")
    assert found.planned_duration_s == 5.0
    assert found.start_time == of.start_time
    for one in found.quantiles:
        low, high = of.response.bracket(one.q)
        assert one.value_s == pytest.approx(float(of.response.quantile(one.q)))
        assert one.low_s <= one.value_s <= one.high_s
        assert one.low_s <= low * (1 + 1e-9) and high * (1 - 1e-9) <= one.high_s
    assert NoteKind.INCONSISTENT not in {note.kind for note in found.notes}


def test_failures_stand_among_the_times_and_under_their_codes(tmp_path: Path) -> None:
    (found,) = back(tmp_path, of_run(run()))
    assert (found.requests, found.ok, found.errors) == (9_920, 9_420, 500)
    assert found.errors_by_status == {"503": 480}
    assert found.errors_by_reason == {"socket": 20}
    document = json.loads(WRITER.write([of_run(run())]))
    assert document["ErrorsDurationHistogram"]["Count"] == 500
    assert document["DurationHistogram"]["Count"] == 9_920
    assert document["ActualDuration"] == 20_000_000_000


def test_failures_without_a_time_are_told() -> None:
    told = WRITER.lost([of_run(run_sample.single())])
    assert any(text.startswith("500 failures without a time") for text in told)
    assert not any("without a time" in text for text in WRITER.lost([of_run(run())]))


@pytest.mark.parametrize(("protocol", "kind", "good"), [("grpc", "GRPC Ping", "SERVING"), ("udp", "UDP", "OK")])
def test_each_protocol_has_fortios_own_words(tmp_path: Path, protocol: str, kind: str, good: str) -> None:
    of = run_sample.single(facts={"load.protocol": Fact(value=protocol)})
    document = json.loads(WRITER.write([of_run(of)]))
    assert document["RunType"] == kind
    assert document["RetCodes"][good] == 9_420
    assert back(tmp_path, of_run(of))[0].protocol == protocol


def test_a_closed_loop_asks_for_the_most(tmp_path: Path) -> None:
    (found,) = back(tmp_path, of_run(run(offered_rps=None)))
    assert (found.loop, found.offered_rps) == (LoopModel.CLOSED, None)


def test_an_exported_run_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "exported"
    path.write_bytes(WRITER.write([of_run(run())]))
    assert [one.source.tool for one in read_file(path)] == ["fortio"]


def test_several_results_are_a_list(tmp_path: Path) -> None:
    found = back(tmp_path, of_run(run()), of_run(run(run_id="second")))
    assert [one.source.place for one in found] == ["#1", "#2"]


def test_a_result_of_percentiles_alone_is_written_as_far_as_it_goes(tmp_path: Path) -> None:
    bare = Imported(
        source=Source(tool="wrk", form="text"),
        requests=100,
        quantiles=(Quantile(q=0.5, value_s=0.001, low_s=0.0009, high_s=0.0011),),
    )
    document: dict[str, Any] = json.loads(WRITER.write([of_imported(bare)]))
    assert not {"RetCodes", "StartTime", "ActualQPS", "NumThreads", "RequestedQPS"} & set(document)
    (found,) = back(tmp_path, of_imported(bare))
    assert (found.requests, found.ok, found.errors) == (100, None, None)
    assert [(one.q, one.value_s) for one in found.quantiles] == [(0.5, 0.001)]


def test_buckets_of_another_tool_come_back_and_an_open_one_does_not() -> None:
    buckets = (Bucket(low_s=0.0, high_s=0.01, count=8), Bucket(low_s=0.01, high_s=math.inf, count=2))
    of = Imported(source=Source(tool="prometheus", form="text"), requests=10, buckets=buckets)
    data = json.loads(WRITER.write([of_imported(of)]))["DurationHistogram"]["Data"]
    assert [(one["Start"], one["End"], one["Count"]) for one in data] == [(0.0, 0.01, 8)]


def test_a_result_without_a_number_of_requests_is_not_for_fortio() -> None:
    assert WRITER.lacks(of_imported(Imported(source=Source(tool="smp", form="json")))) == "how many requests there were"
    assert WRITER.lacks(of_run(run())) is None


def test_a_result_that_only_failed_shows_so(tmp_path: Path) -> None:
    failed = Imported(
        source=Source(tool="fortio", form="json", tool_version="1.0"),
        requests=5,
        ok=0,
        errors=5,
        latency_of=LatencyOf.ALL,
        latency_count=5,
        mean_s=0.0014,
        buckets=(Bucket(low_s=0.001, high_s=0.002, count=5),),
    )
    (found,) = back(tmp_path, of_imported(failed))
    assert (found.ok, found.errors) == (0, 5)
    assert NoteKind.ALL_FAILED in {note.kind for note in found.notes}


@pytest.mark.skipif(fortio() is None, reason="fortio is not installed")
def test_fortios_report_server_takes_an_exported_run(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(WRITER.write([of_run(run())]))
    tool = fortio()
    assert tool is not None
    command = [tool, "report", "-http-port", "127.0.0.1:0", "-redirect-port", "disabled", "-data-dir", str(tmp_path)]
    log = tmp_path / "log"
    with log.open("wb") as told, subprocess.Popen(command, stdout=told, stderr=told) as process:
        try:
            address = _address(log, process)
            with urllib.request.urlopen(f"http://{address}/data/index.tsv", timeout=5) as answer:
                assert "/data/run.json" in answer.read().decode()
            with urllib.request.urlopen(f"http://{address}/data/run.json", timeout=5) as answer:
                assert json.load(answer)["DurationHistogram"]["Count"] == 9_920
        finally:
            process.terminate()


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = re.search(r"127\.0\.0\.1:[1-9]\d+", log.read_text())
        if found is not None:
            return found[0]
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(log.read_text())

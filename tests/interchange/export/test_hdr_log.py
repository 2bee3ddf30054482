"""HdrHistogram logs: every histogram comes back exactly."""

from __future__ import annotations

import re

import pytest

import kept_sample
import run_sample
from imported_samples import records
from meshperf.histograms import Histogram
from meshperf.interchange.export.hdr_log import WRITERS
from meshperf.interchange.export.outgoing import of_imported, of_run
from meshperf.spec.imported import Imported, Source

WRITER = WRITERS[0]
RUNS = [run_sample.single(), kept_sample.run("envoy", 0, 0, experiment_id="x")]


def lines() -> list[str]:
    return WRITER.write([of_run(run) for run in RUNS]).decode().splitlines()


def test_every_histogram_comes_back_exactly() -> None:
    rows = [line for line in lines() if line.startswith("Tag=")]
    assert [Histogram.from_hdr_v2(row.rsplit(",", 1)[1]) for row in rows] == [run.response for run in RUNS]


def test_tag_start_length_and_maximum_are_those_of_the_run() -> None:
    first, second = (line.split(",") for line in lines() if line.startswith("Tag="))
    assert (first[0], second[0]) == ("Tag=load-0", "Tag=r0-g0-p0-a0-envoy-0")
    later = (RUNS[0].start_time - RUNS[1].start_time).total_seconds()
    assert (float(first[1]), float(second[1])) == (later, 0.0)
    assert float(first[2]) == 20.0
    assert float(second[3]) == pytest.approx(RUNS[1].response.maximum() * 1e3)


def test_the_head_names_the_format_and_when_it_began() -> None:
    head = "\n".join(lines()[:4])
    assert "#[Histogram log format version 1.3]" in head
    found = re.search(r"#\[StartTime: (\d+\.\d{3}) \(seconds since epoch\), 2026-01-01T12:00:00Z\]", head)
    assert found is not None and float(found[1]) == RUNS[1].start_time.timestamp()


def test_our_own_reader_finds_the_unit_and_the_histograms() -> None:
    found = {one.source.place: one for one in records(WRITER.write([of_run(run) for run in RUNS]))}
    assert found["load-0"].response == RUNS[0].response
    assert found["r0-g0-p0-a0-envoy-0"].latency_unit == "ns"


def test_a_result_without_an_exact_histogram_is_not_for_a_log() -> None:
    assert WRITER.lacks(of_imported(Imported(source=Source(tool="wrk", form="text")))) == "an exact histogram"

"""HdrHistogram logs, checked against values that are known."""

from __future__ import annotations

import pytest

from imported_samples import kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.histograms import Histogram
from meshperf.interchange.hdr_v2 import decode_hdr_v2
from meshperf.spec.imported import NoteKind

VALUES = [0.001] * 50 + [0.002] * 40 + [0.01] * 10


def log(histogram: Histogram, maximum: float) -> str:
    return f"#[made up]\n0.0,1.0,{maximum:.3f},{histogram.to_hdr_v2()}\n"


def test_intervals_are_merged_by_tag_and_exact() -> None:
    plain, tagged = records(sample("hdr.hlog"))
    once = Histogram.from_values(VALUES)
    assert (plain.requests, plain.duration_s, plain.source.place) == (200, 2.0, None)
    assert plain.response == once + once
    assert (tagged.requests, tagged.source.place) == (100, "write")
    assert tagged.response == once
    assert milliseconds(plain, 0.95) == (9.99424, 9.99834, 10.0024)


def test_the_unit_is_what_the_maximum_tells() -> None:
    histogram = Histogram.from_values(VALUES)
    largest_ns = histogram.maximum() * 1e9
    (as_ns,) = records(log(histogram, largest_ns / 1e6))
    (as_us,) = records(log(histogram, largest_ns / 1e3))
    assert (as_ns.latency_unit, as_us.latency_unit) == ("ns", "us")
    assert as_us.max_s == pytest.approx(1000 * (as_ns.max_s or 0))
    assert NoteKind.UNIT_DETECTED in kinds(as_ns)


def test_a_log_whose_unit_nothing_tells_is_refused() -> None:
    histogram = Histogram.from_values(VALUES)
    with pytest.raises(DocumentError) as caught:
        records(log(histogram, histogram.maximum() * 1e9))
    assert caught.value.code == "MP2405"


def test_a_log_that_breaks_off_in_its_last_line_keeps_the_rest() -> None:
    (record,) = records(sample("hdr.hlog")[:-20])
    assert (record.requests, NoteKind.TRUNCATED in kinds(record)) == (200, True)


def test_a_broken_line_in_the_middle_is_refused_with_its_number() -> None:
    lines = sample("hdr.hlog").split(b"\n")
    lines[4] = lines[4][:-20]
    with pytest.raises(DocumentError) as caught:
        records(b"\n".join(lines))
    assert (caught.value.code, caught.value.location.line) == ("MP2402", 5)


def test_our_own_histograms_decode_to_the_same_buckets() -> None:
    histogram = Histogram.from_values([1e-9, 2.047e-6, 2.048e-6, 0.5, 1800.0, 1800.0])
    low, high, count = histogram.buckets()
    found = decode_hdr_v2(histogram.to_hdr_v2())
    assert [(a, b, n) for a, b, n in found.buckets] == [
        (round(a * 1e9), round(b * 1e9), n) for a, b, n in zip(low, high, count, strict=True)
    ]


def test_the_sample_is_found_by_its_content() -> None:
    assert {record.source.tool for record in records(sample("hdr.hlog"))} == {"hdrhistogram"}
    with pytest.raises(DocumentError):
        one("hdr.hlog", form="wrk")

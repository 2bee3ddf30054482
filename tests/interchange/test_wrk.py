"""wrk's and wrk2's text."""

from __future__ import annotations

import re

import pytest

from imported_samples import kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LatencyOf, LatencyOrigin, LoopModel, NoteKind


def refused(text: bytes) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        records(text)
    return caught.value


def test_errors_are_counted_where_wrk_printed_them() -> None:
    record = one("wrk.txt")
    assert (record.requests, record.ok, record.errors, record.timeouts) == (100_003, 99_948, 55, 2)
    assert record.errors_by_reason == {"read": 3, "timeout": 2}
    assert record.achieved_rps == pytest.approx(9_994.8)
    assert (record.loop, record.latency_of) == (LoopModel.CLOSED, LatencyOf.ALL)


def test_no_line_of_errors_means_none() -> None:
    lines = [line for line in sample("wrk.txt").split(b"\n") if b"errors" not in line and b"Non-2xx" not in line]
    (record,) = records(b"\n".join(lines))
    assert (record.errors, record.ok, record.latency_of) == (0, 100_000, LatencyOf.SUCCESSES)
    assert record.achieved_rps == 10_000.0


def test_a_quantile_is_bounded_by_its_digits_and_the_microsecond() -> None:
    assert milliseconds(one("wrk.txt"), 0.5) == (1.995, 2.0, 2.006)


def test_a_median_that_the_throughput_implies_says_so() -> None:
    assert NoteKind.LITTLES_LAW in kinds(one("wrk.txt"))  # 20 connections at 10 000/s: 2 ms
    (apart,) = records(sample("wrk.txt").replace(b"20 connections", b"90 connections"))
    assert NoteKind.LITTLES_LAW not in kinds(apart)


def test_other_units_are_read() -> None:
    text = sample("wrk.txt").replace(b"50%    2.00ms", b"50%  500.00us").replace(b"99%    6.75ms", b"99%    1.25m ")
    (record,) = records(text.replace(b"31.20ms", b" 2.00m "))
    assert milliseconds(record, 0.5) == (0.499995, 0.5, 0.501005)
    assert milliseconds(record, 0.99) == (74_700.0, 75_000.0, 75_300.0)
    assert record.max_s == 120.0


def test_several_runs_in_one_file_are_several_results() -> None:
    found = records(sample("wrk.txt") + sample("wrk.txt"))
    assert [record.source.place for record in found] == ["#1", "#2"]


def test_lines_of_a_script_are_left_out_and_said() -> None:
    (record,) = records(sample("wrk.txt") + b"my own figure: 17\n")
    assert NoteKind.DROPPED in kinds(record)


def test_an_output_that_is_cut_off_is_refused_with_the_line() -> None:
    error = refused(sample("wrk.txt").partition(b"Requests/sec")[0])
    assert error.code == "MP2402"
    assert error.location.line is not None


def test_percentiles_out_of_order_are_refused() -> None:
    assert refused(sample("wrk.txt").replace(b"90%    3.10ms", b"90%    9.10ms")).code == "MP2403"


def test_wrk2_counts_from_the_intended_start_and_brackets_by_its_histogram() -> None:
    record = one("wrk2.txt")
    assert (record.latency_origin, record.loop) == (LatencyOrigin.INTENDED, LoopModel.SCHEDULED_CLOSED)
    assert milliseconds(record, 0.99) == (8.184, 8.19, 8.192)
    assert (record.latency_count, record.requests) == (1_000, 2_000)
    assert [bucket.count for bucket in record.buckets] == [1, 499, 400, 100]
    assert {NoteKind.SAMPLED} <= kinds(record)


def test_wrk2_without_a_spectrum_is_read_too() -> None:
    text = sample("wrk2.txt").replace(b"\n100.000%", b"\n\n100.000%")
    head, _, rest = text.partition(b"\n  Detailed")
    (record,) = records(head + b"\n" + rest[rest.index(b"-----") :])
    assert record.buckets == ()
    assert milliseconds(record, 0.9) == (2.994, 3.0, 3.006)


def test_a_spectrum_out_of_order_is_refused_with_its_line() -> None:
    error = refused(sample("wrk2.txt").replace(b"3.001     0.900000          900", b"3.001     0.900000          400"))
    assert error.code == "MP2403"
    assert error.location.line == 18


def test_uncorrected_latencies_stand_apart() -> None:
    recorded, foot, rest = sample("wrk2.txt").partition(b"----------")
    uncorrected = (
        b"  Latency Distribution (HdrHistogram - Uncorrected Latency (measured without delays))\n 50.000%  100.00us\n"
    )
    (record,) = records(recorded + uncorrected + foot + rest)
    assert milliseconds(record, 0.5)[1] == 1.5
    assert record.extra["uncorrected_latency_s"] == {"p50": pytest.approx(1e-4)}


def test_wrk_and_wrk2_in_one_file_are_refused() -> None:
    assert refused(sample("wrk2.txt") + sample("wrk.txt")).code == "MP2403"


@pytest.mark.parametrize("name", ["Total count", "SubBuckets"])
def test_a_spectrum_with_a_figure_larger_than_any_is_refused(name: str) -> None:
    text = re.sub(rf"({name}\s*=\s*)[0-9.]+", r"\g<1>" + "9" * 400, sample("wrk2.txt").decode())
    with pytest.raises(DocumentError) as caught:
        records(text)
    assert caught.value.code == "MP2403" and "larger than any" in str(caught.value)

"""ab: text, percentiles, rows for gnuplot."""

from __future__ import annotations

import pytest

from imported_samples import kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LoopModel, NoteKind

TEXT = sample("ab.txt").decode()


def test_the_text_tells_load_and_errors() -> None:
    read = one("ab.txt")
    assert (read.requests, read.ok, read.errors) == (1000, 970, 30)
    assert read.errors_by_reason == {"receive": 2, "length": 28} and read.errors_by_status == {"not 2xx": 20}
    assert read.connections == 4 and read.loop is LoopModel.CLOSED and read.source.tool_version == "2.3"
    assert read.achieved_rps == pytest.approx(485) and read.url == "http://127.0.0.1:8080/items"
    assert any(note.figures.get("length") == 28 for note in read.notes)


def test_percentiles_are_whole_milliseconds() -> None:
    assert milliseconds(one("ab.txt"), 0.5) == (6.5, 7, 7.5)
    (fast,) = records(TEXT.replace("  50%      7", "  50%      0"))
    assert milliseconds(fast, 0.5) == (0, 0, 0.5) and NoteKind.COARSE in kinds(fast)


def test_the_mean_is_that_of_the_measured_times() -> None:
    (read,) = records(TEXT.replace("Total:          3    8", "Total:          3    9"))
    assert read.mean_s == pytest.approx(0.009)


def test_a_median_that_the_rate_implies_is_said() -> None:
    assert NoteKind.LITTLES_LAW in kinds(one("ab.txt"))  # 4 connections / 500 per second = 8 ms


def test_percentiles_as_csv_know_no_errors() -> None:
    read = one("ab-percent.csv")
    assert milliseconds(read, 0.9) == (4.1245, 4.125, 4.1255) and read.requests is None
    assert read.errors is None and NoteKind.ERRORS_UNKNOWN in kinds(read)


def test_percentiles_that_fall_are_refused() -> None:
    with pytest.raises(DocumentError) as refused:
        records(sample("ab-percent.csv").replace(b"99,9.750", b"99,3.750"))
    assert refused.value.code == "MP2403"


def test_rows_for_gnuplot_have_whole_milliseconds_and_no_rate() -> None:
    read = one("ab-gnuplot.tsv")
    assert read.requests == 3 and read.achieved_rps is None and read.errors is None
    assert (read.min_s, read.max_s) == pytest.approx((0.0025, 0.0075))
    low, _, high = milliseconds(read, 0.5)
    assert low <= 4.51 and high >= 5.49


def test_more_errors_than_requests_are_refused() -> None:
    with pytest.raises(DocumentError) as refused:
        records(TEXT.replace("Complete requests:      1000", "Complete requests:      10"))
    assert refused.value.code == "MP2403" and refused.value.location.line is not None

"""Locust's statistics."""

from __future__ import annotations

import pytest

from imported_samples import kinds, milliseconds, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LoopModel, NoteKind

TEXT = sample("locust.csv").decode()


def test_each_endpoint_and_all_of_them_are_results() -> None:
    first, second, every = records(TEXT)
    assert [read.source.place for read in (first, second, every)] == ["GET /a", "GET /b", "Aggregated"]
    assert (second.requests, second.ok, second.errors) == (100, 90, 10)
    assert second.achieved_rps == pytest.approx(9) and second.duration_s == pytest.approx(10)
    assert second.loop is LoopModel.CLOSED and NoteKind.FAILURES_IN_LATENCY in kinds(second)
    assert (first.mean_s, first.max_s, first.bytes_in) == (0.0155, 0.1407, 2000)


def test_of_one_endpoint_the_sum_is_left_out() -> None:
    rows = TEXT.splitlines()
    assert [read.source.place for read in records("\n".join([rows[0], rows[1], rows[3]]))] == ["GET /a"]


def test_percentiles_are_as_exact_as_their_rounding() -> None:
    first, second, _ = records(TEXT)
    assert milliseconds(first, 0.5) == (11.5, 12, 12.5) and milliseconds(second, 0.5) == (245, 250, 255)
    assert milliseconds(second, 0.99) == (1150, 1200, 1250)


def test_the_older_headings_read_alike() -> None:
    older = '"Type","Name","# requests","# failures","Median response time","Average response time",'
    older += '"Min response time","Max response time","Average Content Size","Requests/s"\n'
    older += '"GET","/a",100,3,12,15,3,140,20,10.0\n'
    (read,) = records(older)
    assert (read.requests, read.errors) == (100, 3) and milliseconds(read, 0.5) == (11.5, 12, 12.5)


def test_figures_that_are_not_available_are_unknown() -> None:
    text = TEXT.splitlines()[0] + "\nGET,/c,0,0,N/A,0,0,0,0,0,0" + ",N/A" * 11 + "\n"
    (read,) = records(text)
    assert (read.requests, read.quantiles, read.mean_s, read.achieved_rps) == (0, (), None, 0)


def test_more_failures_than_requests_are_refused_with_the_line() -> None:
    with pytest.raises(DocumentError) as refused:
        records(TEXT.replace("/b,100,10", "/b,100,101"))
    assert refused.value.code == "MP2403" and refused.value.location.line == 3

"""h2load's text."""

from __future__ import annotations

import pytest

from imported_samples import kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LatencyOf, LoopModel, NoteKind


def test_counts_status_classes_and_percentiles_of_newer_versions_are_read() -> None:
    record = one("h2load.txt")
    assert (record.requests, record.ok, record.errors, record.timeouts) == (1000, 990, 10, 1)
    assert (record.errors_by_status, record.errors_by_reason) == ({"5xx": 8}, {"broken": 1, "timeout": 1})
    assert (record.protocol, record.connections, record.threads) == ("http2", 10, 2)
    assert (record.mean_s, record.stddev_s, record.min_s, record.max_s) == pytest.approx((0.01, 0.001, 0.0005, 0.03))
    assert milliseconds(record, 0.5) == (8.995, 9.0, 9.006)
    assert milliseconds(record, 0.99) == (19.995, 20.0, 20.006)
    assert record.bytes_in == 1_048_576
    assert record.latency_of is LatencyOf.UNKNOWN


def test_the_loop_is_closed_only_where_the_clients_were_busy_all_the_time() -> None:
    assert one("h2load.txt").loop is LoopModel.CLOSED  # 10 clients at 990/s: 10.1 ms, and the mean is 10 ms
    (paced,) = records(sample("h2load.txt").replace(b" 990.00 req/s", b" 99.00 req/s"))
    assert paced.loop is LoopModel.UNKNOWN


def test_requests_under_way_at_the_end_are_said_to_be_lost() -> None:
    (record,) = records(sample("h2load.txt").replace(b"1000 started", b"1008 started"))
    assert NoteKind.DROPPED in kinds(record)


def test_a_large_run_is_said_to_be_sampled() -> None:
    text = sample("h2load.txt").replace(
        b"1000 total, 1000 started, 1000 done, 990", b"2000010 total, 2000010 started, 2000010 done, 2000000"
    )
    (record,) = records(text)
    assert NoteKind.SAMPLED in kinds(record)


@pytest.mark.parametrize("marker", [b"finished in", b"requests:"])
def test_an_output_that_is_cut_off_is_refused(marker: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        records(sample("h2load.txt").partition(marker)[0], form="h2load")
    assert caught.value.code == "MP2402"


def test_a_row_that_does_not_fit_the_headings_is_refused() -> None:
    with pytest.raises(DocumentError) as caught:
        records(sample("h2load.txt").replace(b"500us     30.00ms", b"500us     "))
    assert (caught.value.code, caught.value.location.line) == ("MP2402", 12)

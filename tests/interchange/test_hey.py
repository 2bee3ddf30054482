"""hey: text and CSV."""

from __future__ import annotations

import pytest

from imported_samples import kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LatencyOf, LatencyOrigin, LoopModel, NoteKind

TEXT = sample("hey.txt").decode()


def test_statuses_and_transport_errors_are_errors() -> None:
    read = one("hey.txt")
    assert (read.requests, read.ok, read.errors) == (120, 108, 12)
    assert read.errors_by_status == {"503": 10} and sum(read.errors_by_reason.values()) == 2
    assert read.achieved_rps == pytest.approx(54)
    assert read.latency_of is LatencyOf.ALL and NoteKind.FAILURES_IN_LATENCY in kinds(read)
    assert read.latency_origin is LatencyOrigin.ACTUAL and read.loop is LoopModel.UNKNOWN


def test_a_percentile_is_as_exact_as_its_digits() -> None:
    assert milliseconds(one("hey.txt"), 0.5) == (3.95, 4.0, 4.05)
    (finer,) = records(TEXT.replace("50% in 0.0040 secs", "50% in 0.00400 secs"))
    assert milliseconds(finer, 0.5) == (3.995, 4.0, 4.005)


def test_a_run_without_any_reply_has_no_latency() -> None:
    text = (
        "\nSummary:\n  Total:\t0.5000 secs\n  Slowest:\t0.0000 secs\n  Fastest:\t0.0000 secs\n  Average:\t NaN secs\n"
    )
    text += "  Requests/sec:\t12.0000\n\nStatus code distribution:\n\nError distribution:\n  [6]\tdial tcp: refused\n"
    (read,) = records(text)
    assert (read.ok, read.errors, read.quantiles, read.mean_s, read.max_s) == (0, 6, (), None, None)
    assert NoteKind.ALL_FAILED in kinds(read) and read.achieved_rps == 0


def test_a_million_replies_are_a_sample() -> None:
    (read,) = records(TEXT.replace("108 responses", "999990 responses").replace("60.0000", "2000000.0000"))
    assert read.requests == 4_000_000 and read.errors is None
    assert NoteKind.SAMPLED in kinds(read) and NoteKind.ERRORS_UNKNOWN in kinds(read)


def test_rows_hold_no_transport_errors() -> None:
    read = one("hey.csv")
    assert (read.ok, read.errors, read.errors_by_status) == (3, 1, {"404": 1})
    assert NoteKind.ERRORS_UNKNOWN in kinds(read)
    assert read.duration_s == pytest.approx(0.0998) and milliseconds(read, 0.5)[0] == pytest.approx(2.95, rel=0.01)
    (fine,) = records(sample("hey.csv").replace(b",404,", b",200,"))
    assert fine.errors is None and NoteKind.ERRORS_UNKNOWN in kinds(fine)


def test_columns_in_another_order_read_alike() -> None:
    rows = [line.split(",") for line in sample("hey.csv").decode().split()]
    (read,) = records("\n".join(",".join(reversed(row)) for row in rows), form="hey-csv")
    assert (read.ok, read.max_s) == (3, pytest.approx(0.004))


@pytest.mark.parametrize(
    ("found", "instead"),
    [("0.0030,", "fast,"), (",404,", ",4,"), ("0.0021,", "-1,"), ("0.0021,0.0005,", "0.0021,"), ("0.0041,", "1e9,")],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(found: str, instead: str) -> None:
    with pytest.raises(DocumentError) as refused:
        records(sample("hey.csv").decode().replace(found, instead, 1))
    assert refused.value.location.line in (2, 3, 4)


def test_a_summary_that_breaks_off_is_refused() -> None:
    with pytest.raises(DocumentError) as refused:
        records(TEXT[: TEXT.index("  Requests/sec")], form="hey")
    assert refused.value.code == "MP2402"

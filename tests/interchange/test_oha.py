"""oha: JSON, CSV and text."""

from __future__ import annotations

from typing import Any

import pytest

from imported_samples import changed, kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LatencyOf, LatencyOrigin, LoopModel, NoteKind


@pytest.mark.parametrize("name", ["oha.json", "oha.txt"])
def test_replies_errors_and_what_the_end_cut_off_are_told_apart(name: str) -> None:
    read = one(name)
    assert (read.requests, read.ok, read.errors, read.timeouts) == (102, 95, 7, 2)
    assert read.errors_by_status == {"500": 5} and read.errors_by_reason == {"connection timeout": 2}
    assert read.achieved_rps == 47.5 and read.latency_of is LatencyOf.ALL
    assert {NoteKind.DROPPED, NoteKind.FAILURES_IN_LATENCY} <= kinds(read)
    assert read.loop is LoopModel.UNKNOWN and read.latency_origin is LatencyOrigin.UNKNOWN


def test_percentiles_are_exact_in_json_and_printed_in_text() -> None:
    assert milliseconds(one("oha.json"), 0.5) == (4, 4, 4)
    assert milliseconds(one("oha.txt"), 0.5) == (3.95, 4, 4.05)


def test_a_text_in_other_units_reads_alike() -> None:
    text = sample("oha.txt").decode().replace("0.0040 sec", "4000.0000 us").replace("0.0400 sec", "40.0000 ms")
    (read,) = records(text)
    assert milliseconds(read, 0.5)[1] == 4 and read.max_s == pytest.approx(0.04, rel=1e-5)


def test_a_run_in_which_nothing_answered_has_nulls() -> None:
    def silent(data: dict[str, dict[str, object]]) -> None:
        data["summary"].update(slowest=None, fastest=None, average=None)
        data["latencyPercentiles"] = dict.fromkeys(data["latencyPercentiles"])
        data["responseTimeHistogram"] = {}
        data["statusCodeDistribution"] = {}

    (read,) = records(changed("oha.json", silent))
    assert (read.ok, read.errors, read.quantiles, read.max_s) == (0, 2, (), None)
    assert NoteKind.ALL_FAILED in kinds(read)


REFUSED = """\
Summary:
  Success rate:\t0.00%
  Total:\t4137499.0000 ns
  Slowest:\t-inf ns
  Fastest:\tinf ns
  Average:\tNaN ns
  Requests/sec:\t4833.8380

  Total data:\t0 B
  Size/request:\tNaN
  Size/sec:\t0 B

Response time histogram:
    NaN ns [0] |
    NaN ns [0] |

Response time distribution:
  50.00% in NaN ns
  99.00% in NaN ns

Details (average, fastest, slowest):
  DNS+dialup:\tNaN ns, inf ns, -inf ns

Status code distribution:

Error distribution:
  [20] Connection refused (os error 111)
"""


def refused_json() -> bytes:
    def refused(data: dict[str, Any]) -> None:
        data["summary"].update(slowest=None, fastest=None, average=None, total=0.0041)
        data["latencyPercentiles"] = dict.fromkeys(data["latencyPercentiles"])
        data["responseTimeHistogram"] = {"NaN": 0}
        data["statusCodeDistribution"] = {}
        data["errorDistribution"] = {"Connection refused (os error 111)": 20}

    return changed("oha.json", refused)


@pytest.mark.parametrize("data", [REFUSED, refused_json()], ids=["text", "json"])
def test_a_run_in_which_nothing_was_connected_has_counts_and_errors_and_no_latency(data: bytes | str) -> None:
    (read,) = records(data)
    assert (read.requests, read.ok, read.errors, read.achieved_rps) == (20, 0, 20, 0)
    assert read.errors_by_reason == {"Connection refused (os error 111)": 20}
    assert (read.quantiles, read.buckets, read.latency_count) == ((), (), 0)
    assert (read.mean_s, read.min_s, read.max_s) == (None, None, None)
    assert read.duration_s == pytest.approx(0.0041, rel=0.02) and NoteKind.ALL_FAILED in kinds(read)


@pytest.mark.parametrize("mark", ["NaN", "inf", "1_0", "soon"])
def test_requests_at_no_time_are_refused(mark: str) -> None:
    with pytest.raises(DocumentError) as refused:
        records(changed("oha.json", lambda data: data["responseTimeHistogram"].update({mark: 3})))
    assert refused.value.code in {"MP2402", "MP2403"}
    with pytest.raises(DocumentError) as refused:
        records(REFUSED.replace("NaN ns [0]", f"{mark} ns [3]", 1))
    assert refused.value.code == "MP2402"


def test_a_table_without_a_row_is_a_run_of_which_nothing_is_known() -> None:
    (read,) = records(sample("oha.csv").split(b"\n")[0] + b"\n")
    assert (read.errors, read.quantiles) == (None, ()) and NoteKind.ERRORS_UNKNOWN in kinds(read)


def test_rows_hold_only_requests_with_a_reply() -> None:
    read = one("oha.csv")
    assert (read.ok, read.errors_by_status, read.bytes_in) == (3, {"500": 1}, 64)
    assert read.duration_s == pytest.approx(1.0) and NoteKind.ERRORS_UNKNOWN in kinds(read)


def test_a_row_that_was_cut_off_is_left_out_and_said() -> None:
    (read,) = records(sample("oha.csv")[:-12])
    assert NoteKind.TRUNCATED in kinds(read) and (read.ok, read.errors) == (2, 1)


def test_a_percentile_by_no_number_is_refused_in_its_place() -> None:
    with pytest.raises(DocumentError) as refused:
        records(changed("oha.json", lambda data: data["latencyPercentiles"].update(median=1)))
    assert refused.value.code == "MP2402" and refused.value.location.line is not None

"""fortio's JSON, by samples of our own and changes to them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from imported_samples import changed, kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LoopModel, NoteKind


def refused(data: bytes) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        records(data)
    return caught.value


def test_every_field_of_a_run_over_http_is_read() -> None:
    record = one("fortio-http.json")
    assert record.start_time == datetime(2025, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    assert (record.duration_s, record.planned_duration_s) == (10.0, 10.0)
    assert (record.protocol, record.http_version, record.url) == ("http1", "1.1", "http://10.0.0.1:8080/echo")
    assert (record.connections, record.offered_rps, record.achieved_rps) == (4, 100.0, 99.0)
    assert (record.ok, record.errors) == (990, 10)
    assert (record.errors_by_status, record.errors_by_reason) == ({"503": 8}, {"socket": 2})
    assert (record.mean_s, record.stddev_s, record.min_s, record.max_s) == (0.002, 0.0007, 0.0008, 0.0045)
    assert milliseconds(record, 0.99) == (3.0, 3.75, 4.5)
    assert record.bytes_in == 150_000


def test_credentials_and_queries_do_not_come_along() -> None:
    text = repr(one("fortio-http.json"))
    assert "user:pw" not in text
    assert "token=abc" not in text


def test_grpc_and_udp_have_their_own_words_for_success() -> None:
    grpc, udp = one("fortio-grpc.json"), one("fortio-udp.json")
    assert (grpc.protocol, grpc.ok, grpc.errors_by_grpc_status, grpc.streams) == ("grpc", 995, {"UNAVAILABLE": 5}, 2)
    assert (grpc.loop, grpc.offered_rps) == (LoopModel.CLOSED, None)
    assert (udp.protocol, udp.errors, udp.timeouts, udp.bytes_out) == ("udp", 2, 2, 24_000)


@pytest.mark.parametrize("join", ["list", "sequence", "lines"])
def test_several_runs_in_a_file_are_several_results(join: str) -> None:
    runs = [json.loads(sample("fortio-http.json")), json.loads(sample("fortio-udp.json"))]
    text = {
        "list": json.dumps(runs),
        "sequence": "\n".join(json.dumps(run, indent=2) for run in runs),
        "lines": "\n".join(json.dumps(run) for run in runs) + "\n",
    }[join]
    found = records(text)
    assert [record.source.place for record in found] == ["#1", "#2"]
    assert [record.protocol for record in found] == ["http1", "udp"]


def test_the_order_of_keys_does_not_matter() -> None:
    data = json.loads(sample("fortio-http.json"))
    (record,) = records(json.dumps(data, sort_keys=True))
    assert record.quantiles == one("fortio-http.json").quantiles


def test_quantiles_that_fortio_was_not_asked_for_come_from_its_buckets() -> None:
    def no_percentiles(data: dict[str, dict[str, object]]) -> None:
        data["DurationHistogram"]["Percentiles"] = None

    (record,) = records(changed("fortio-http.json", no_percentiles))
    assert milliseconds(record, 0.5) == (1.0, 1.8, 2.0)
    assert milliseconds(record, 0.99) == (3.0, 3.75, 4.5)


def test_a_percentile_outside_of_its_bucket_is_noted() -> None:
    def shifted(data: dict[str, dict[str, list[dict[str, float]]]]) -> None:
        data["DurationHistogram"]["Percentiles"][0]["Value"] = 0.00279

    (record,) = records(changed("fortio-http.json", shifted))
    assert NoteKind.INCONSISTENT in kinds(record)
    assert milliseconds(record, 0.5) == (1.0, 2.79, 2.79)


def test_counts_that_do_not_add_up_are_noted() -> None:
    (record,) = records(changed("fortio-http.json", lambda data: data["RetCodes"].update({"200": 5})))
    assert NoteKind.INCONSISTENT in kinds(record)


def test_an_old_result_without_codes_does_not_know_its_errors() -> None:
    (record,) = records(changed("fortio-http.json", lambda data: data.pop("RetCodes")))
    assert (record.ok, record.errors) == (None, None)
    assert NoteKind.ERRORS_UNKNOWN in kinds(record)


def test_a_duration_in_seconds_is_detected_and_said() -> None:
    (record,) = records(changed("fortio-http.json", lambda data: data.update(ActualDuration=10.0)))
    assert record.duration_s == 10.0
    assert NoteKind.UNIT_DETECTED in kinds(record)


def test_latencies_longer_than_the_run_are_suspected_of_another_unit() -> None:
    (record,) = records(changed("fortio-http.json", lambda data: data["DurationHistogram"].update(Avg=2.0)))
    assert NoteKind.UNIT_SUSPECT in kinds(record)
    assert NoteKind.UNIT_SUSPECT not in kinds(one("fortio-http.json"))


def test_times_at_the_end_of_the_calendar_are_no_trouble() -> None:
    (record,) = records(changed("fortio-http.json", lambda data: data.update(StartTime="9999-12-31T23:59:59Z")))
    assert record.end_time is None


def test_all_requests_failed_is_never_a_fast_run() -> None:
    (record,) = records(changed("fortio-http.json", lambda data: data.update(RetCodes={"-1": 1000})))
    assert (record.ok, record.errors, record.achieved_rps) == (0, 1000, 0.0)
    assert NoteKind.ALL_FAILED in kinds(record)


def test_percentiles_out_of_order_are_refused() -> None:
    def swapped(data: dict[str, dict[str, list[dict[str, float]]]]) -> None:
        data["DurationHistogram"]["Percentiles"][0]["Value"] = 0.0044

    assert refused(changed("fortio-http.json", swapped)).code == "MP2403"


def test_a_negative_count_is_refused_with_its_place() -> None:
    data = sample("fortio-http.json").replace(b'"Count": 500', b'"Count": -500')
    error = refused(data)
    assert error.code == "MP2403"
    assert error.location.pointer == "/DurationHistogram/Data/1/Count"
    assert error.location.line is not None


@pytest.mark.parametrize("figure", [b"NaN", b"Infinity", b"1e999"])
def test_a_figure_that_is_no_number_is_refused(figure: bytes) -> None:
    assert refused(sample("fortio-http.json").replace(b"100.0", figure, 1)).code == "MP2402"


def test_a_key_given_twice_is_refused() -> None:
    data = sample("fortio-http.json").replace(b'"RunType"', b'"NumThreads": 9, "RunType"')
    assert refused(data).code == "MP2403"

"""Nighthawk's own output and its fortio form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imported_samples import changed, kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LoopModel, NoteKind


@pytest.mark.parametrize("name", ["nighthawk.json", "nighthawk.yaml"])
def test_rate_and_connections_are_those_of_all_workers(name: str) -> None:
    record = one(name)
    assert (record.offered_rps, record.connections, record.threads) == (10.0, 10, 2)
    assert (record.loop, record.url, record.protocol) == (LoopModel.OPEN, "http://10.0.0.1/a", "http1")
    assert (record.requests, record.ok, record.errors, record.errors_by_status) == (10, 9, 1, {"5xx": 1})
    assert (record.achieved_rps, record.bytes_in, record.source.tool_version) == (9.0, 1234, "0.5.1")


def test_a_percentile_is_bounded_by_the_histogram_of_four_digits() -> None:
    record = one("nighthawk.json")
    assert milliseconds(record, 0.9) == (0.400048, 0.400063, 0.400064)
    assert [bucket.count for bucket in record.buckets] == [1, 4, 3, 1, 1]


def test_without_counters_of_its_client_errors_are_unknown() -> None:
    def emptied(data: dict[str, Any]) -> None:
        data["results"][2]["counters"] = [{"name": "other", "value": "3"}]

    (record,) = records(changed("nighthawk.json", emptied))
    assert (record.ok, record.errors, record.achieved_rps) == (None, None, None)
    assert NoteKind.ERRORS_UNKNOWN in kinds(record)


def test_workers_without_a_sum_are_results_of_their_own() -> None:
    def only_workers(data: dict[str, Any]) -> None:
        data["results"] = [{**data["results"][2], "name": f"worker_{n}"} for n in range(2)]

    found = records(changed("nighthawk.json", only_workers))
    assert [(record.name, record.offered_rps) for record in found] == [("worker_0", 5.0), ("worker_1", 5.0)]


def test_the_fortio_form_knows_no_errors() -> None:
    record = one("nighthawk-fortio.json")
    assert record.source.tool == "nighthawk"
    assert (record.requests, record.ok, record.errors) == (1000, 990, None)
    assert NoteKind.ERRORS_UNKNOWN in kinds(record)


def test_latencies_of_a_part_of_the_requests_are_said() -> None:
    def more(data: dict[str, Any]) -> None:
        data["results"][2]["counters"][0]["value"] = "19"

    (record,) = records(changed("nighthawk.json", more))
    assert (record.requests, record.latency_count) == (20, 10)
    assert NoteKind.SAMPLED in kinds(record)
    assert NoteKind.SAMPLED not in kinds(one("nighthawk.json"))


def test_a_rate_beyond_all_counts_leaves_the_requests_unknown() -> None:
    (record,) = records(changed("nighthawk-fortio.json", lambda data: data.update(ActualQPS=1e308)))
    assert (record.requests, record.ok, record.achieved_rps) == (None, 990, 99.0)


def test_a_version_that_a_build_did_not_fill_in_is_unknown() -> None:
    text = sample("nighthawk.yaml").replace(b"major_number: 0", b"major_number: @version_major@")
    (record,) = records(text.replace(b"minor_number: 5", b"minor_number: @a@").replace(b"patch: 1", b"patch: @b@"))
    assert record.source.tool_version is None
    assert NoteKind.VERSION_UNKNOWN in kinds(record)


def test_a_negative_duration_is_refused() -> None:
    data = json.loads(sample("nighthawk.json"))
    data["results"][2]["execution_duration"] = "-1s"
    with pytest.raises(DocumentError) as caught:
        records(json.dumps(data))
    assert (caught.value.code, caught.value.location.pointer) == ("MP2403", "/results/2/execution_duration")

"""SMP results of other writers."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from imported_samples import changed, kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LatencyOrigin, LoopModel, NoteKind
from meshperf.spec.smp_document import Kind
from meshperf.spec.smp_imported import imported_to_document
from meshperf.spec.smp_reading import parse_smp
from meshperf.spec.smp_wire import to_wire, varint


@pytest.mark.parametrize("name", ["smp-go.json", "smp-protojson.json"])
def test_both_spellings_are_read_and_what_is_not_said_is_unknown(name: str) -> None:
    record = one(name)
    assert milliseconds(record, 0.9) == (3.0, 5.5, 12.5)
    assert (record.min_s, record.mean_s, record.max_s) == pytest.approx((0.00125, 0.0035, 0.04))
    assert (record.achieved_rps, record.duration_s) == (99.5, 60.0)
    assert (record.requests, record.errors) == (None, None)
    assert (record.loop, record.latency_origin) == (LoopModel.UNKNOWN, LatencyOrigin.UNKNOWN)
    assert NoteKind.UNIT_SUSPECT not in kinds(record)


def test_go_writes_times_as_seconds_and_nanoseconds() -> None:
    assert one("smp-go.json").start_time == datetime(2025, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)


def test_unknown_keys_are_kept() -> None:
    assert one("smp-go.json").extra["made_up"] == 7


def test_zero_is_not_a_measured_zero() -> None:
    (record,) = records(changed("smp-go.json", lambda data: data["latencies_ms"].update(min=0, p99=0)))
    assert record.min_s is None
    assert {one.q for one in record.quantiles} == {0.5, 0.9}


def test_an_older_generation_and_an_unknown_version_are_two_notes() -> None:
    record = one("smp-first.yaml")
    assert {NoteKind.OLDER_GENERATION, NoteKind.VERSION_UNKNOWN} <= kinds(record)
    (note,) = (note for note in record.notes if note.kind is NoteKind.OLDER_GENERATION)
    assert "generation 0" in note.text
    assert NoteKind.OLDER_GENERATION not in kinds(one("smp-go.json"))


def test_the_oldest_generation_is_read_in_the_unit_it_names() -> None:
    record = one("smp-first.yaml")
    assert (record.connections, record.achieved_rps) == (4, 20.5)
    assert milliseconds(record, 0.5) == (2.5, 4.0, 7.25)
    assert NoteKind.UNIT_SUSPECT not in kinds(record)


def test_placeholders_are_recognised_and_not_kept() -> None:
    record = one("smp-meshery-export.json")
    assert {NoteKind.PLACEHOLDER, NoteKind.LINK_ABSENT, NoteKind.UNIT_SUSPECT} <= kinds(record)
    assert not any(str(value).startswith("test_") for value in record.extra.values())


def test_seconds_are_converted_where_the_user_says_so() -> None:
    (record,) = records(sample("smp-meshery-export.json"), convert_units=True)
    assert NoteKind.UNIT_CONVERTED in kinds(record)
    assert milliseconds(record, 0.5)[1] == pytest.approx(1.42857)


def test_true_milliseconds_are_not_converted_even_if_the_user_would() -> None:
    (record,) = records(sample("smp-go.json"), convert_units=True)
    assert record.quantiles == one("smp-go.json").quantiles


def test_the_histogram_that_was_copied_proves_seconds() -> None:
    def with_histogram(data: dict[str, object]) -> None:
        data["runner"] = {"DurationHistogram": {"Count": 300, "Avg": 0.00186872658, "Max": 0.005123017}}

    (record,) = records(changed("smp-meshery-export.json", with_histogram))
    assert NoteKind.UNIT_CONVERTED in kinds(record)
    assert record.max_s == 0.005123017


def test_our_own_document_of_an_imported_result_comes_back() -> None:
    before = one("wrk2.txt")
    (after,) = records(json.dumps(imported_to_document(before), default=str), form="smp")
    assert after.quantiles == before.quantiles
    assert after.source == before.source


def test_binary_messages_single_and_several_are_read() -> None:
    (document,) = parse_smp(sample("smp-protojson.json"))
    message = to_wire(Kind.RESULT, document.data).SerializeToString()
    (single,) = records(message)
    assert milliseconds(single, 0.99) == (5.5, 12.5, 40.0)
    delimited = (varint(len(message)) + message) * 2
    assert [record.source.place for record in records(delimited)] == ["#1", "#2"]


def test_a_test_of_smp_is_no_result() -> None:
    with pytest.raises(DocumentError) as caught:
        records('{"name": "a", "clients": [{"rps": 1, "endpoint_urls": ["http://a/"]}], "duration": "1s"}', form="smp")
    assert caught.value.code == "MP2402"


def test_a_result_of_meshperf_itself_needs_no_import() -> None:
    with pytest.raises(DocumentError) as caught:
        records(changed("smp-go.json", lambda data: data.update(format="smp-extended/1")))
    assert caught.value.code == "MP2401"


def test_a_latency_that_cannot_be_is_refused_whatever_its_unit() -> None:
    with pytest.raises(DocumentError) as caught:
        records(sample("smp-first.yaml").replace(b"min: ", b"min: -1e308 #"))
    assert caught.value.code == "MP2403"

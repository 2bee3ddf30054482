"""The compatibility rules of the superset, one test each, and what documents in the wild get wrong."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from meshperf.errors import DocumentError
from meshperf.spec._proto.extended import service_mesh_performance_pb2 as extended
from meshperf.spec._proto.protos import service_mesh_performance_pb2 as standard
from meshperf.spec.imported import NoteKind
from meshperf.spec.smp_document import Dialect, Generation, Kind, SmpDocument
from meshperf.spec.smp_reading import parse_smp, read_smp, smp_from_data
from meshperf.spec.smp_wire import WIRE
from meshperf.spec.smp_writing import to_plain_dialect, write_smp

RESULT = {"id": "r", "start_time": "2026-01-02T03:04:05.000000Z", "actual_qps": 10.0, "requests": {"ok": 3}}


def result(**more: Any) -> SmpDocument:
    return SmpDocument(kind=Kind.RESULT, data={**RESULT, **more})


def read(data: Any) -> SmpDocument:
    (found,) = parse_smp(json.dumps(data).encode())
    return found


def test_rule_1_the_standards_messages_read_our_documents_under_their_own_names() -> None:
    message = standard.PerformanceTestResult.FromString(write_smp([result()], Dialect.PROTOBUF))
    assert (message.DESCRIPTOR.full_name, message.id, message.actual_qps) == ("smp.PerformanceTestResult", "r", 10.0)


def test_rule_2_additions_have_numbers_from_1000_to_1999() -> None:
    for name, ours in extended.DESCRIPTOR.message_types_by_name.items():
        theirs = standard.DESCRIPTOR.message_types_by_name[name].fields_by_name
        added = [field.number for field in ours.fields if field.name not in theirs]
        assert all(1000 <= number <= 1999 for number in added), name


def test_rule_3_fields_of_a_newer_standard_survive_in_binary_and_in_our_json() -> None:
    newer = write_smp([result()], Dialect.PROTOBUF) + b"\x62\x03new"  # field 12, text
    (found,) = parse_smp(newer)
    assert found.data[WIRE] == "YgNuZXc="
    for dialect in (Dialect.EXTENDED, Dialect.STRICT):
        (back,) = parse_smp(write_smp([found], dialect))
        written = write_smp([back], Dialect.PROTOBUF)
        assert extended.PerformanceTestResult.FromString(written) == extended.PerformanceTestResult.FromString(newer)


def test_rule_4_both_of_the_standards_json_readers_have_their_dialect() -> None:
    test = SmpDocument(
        kind=Kind.TEST, data={"smp_version": "v", "clients": [{"protocol": "PROTOCOL_TCP", "rps": 2**60}]}
    )
    assert to_plain_dialect(test, Dialect.SMP_GO) == {
        "smp_version": "v",
        "clients": [{"protocol": 2, "rps": 2**60}],
    }
    camel = to_plain_dialect(test, Dialect.PROTOJSON)
    assert camel == {"smpVersion": "v", "clients": [{"protocol": "PROTOCOL_TCP", "rps": str(2**60)}]}
    own = json_format.ParseDict(camel, standard.PerformanceTestConfig())
    assert json_format.MessageToDict(own) == camel


def test_rule_5_strict_holds_extensions_in_one_label_and_gives_them_back() -> None:
    document = result(foreign={"a": None}, test={"warmup_s": 1.0}, labels={"mine": "1"})
    plain = to_plain_dialect(document, Dialect.STRICT)
    assert set(plain) == {"id", "start_time", "actual_qps", "labels"}
    assert json.loads(plain["labels"]["smp.ext/v1"]) == {
        "/requests": {"ok": 3},
        "/foreign": {"a": None},
        "/test": {"warmup_s": 1.0},
    }
    assert read(plain).data == document.data


@pytest.mark.parametrize("dialect", [Dialect.SMP_GO, Dialect.STRICT])
def test_rule_6_a_mesh_that_the_standard_lacks_is_0_with_a_label(dialect: Dialect) -> None:
    document = SmpDocument(
        kind=Kind.TEST_FILE, data={"test": {"name": "t"}, "mesh": {"type": "ISTIO_AMBIENT", "labels": {"a": "b"}}}
    )
    plain = to_plain_dialect(document, dialect)
    assert plain["mesh"] == {"type": 0, "labels": {"a": "b", "smp.ext/mesh": "istio-ambient"}}
    assert read(plain).data == document.data


@pytest.mark.parametrize("dialect", list(Dialect))
def test_rule_7_a_zero_that_was_written_is_not_an_absent_one(dialect: Dialect) -> None:
    zero = SmpDocument(kind=Kind.RESULT, data={"id": "", "actual_qps": 0.0, "latencies_ms": {"min": 0.0, "p50": 2.0}})
    absent = SmpDocument(kind=Kind.RESULT, data={"id": "x", "latencies_ms": {"p50": 2.0}})
    for document in (zero, absent):
        (back,) = parse_smp(write_smp([document], dialect))
        assert back.data == document.data


def test_rule_7_the_presence_list_survives_a_reader_that_drops_zeros() -> None:
    document = SmpDocument(kind=Kind.RESULT, data={"id": "r", "actual_qps": 0.0})
    text = write_smp([document], Dialect.STRICT)
    dropped = json_format.MessageToJson(json_format.Parse(text, standard.PerformanceTestResult()))
    assert "actualQps" not in dropped
    assert parse_smp(dropped.encode())[0].data == document.data


def test_rule_8_latencies_are_written_in_milliseconds_and_a_doubtful_unit_is_told_not_guessed() -> None:
    latencies = {"min": 0.012, "average": 0.0235, "p50": 0.0218, "p90": 0.033, "p99": 0.055, "max": 0.35}
    doubtful = read({"latencies_ms": latencies})
    assert doubtful.data["latencies_ms"] == latencies
    assert [note.kind for note in doubtful.notes] == [NoteKind.UNIT_SUSPECT]
    (converted,) = parse_smp(json.dumps({"latencies_ms": latencies}).encode(), convert_units=True)
    assert converted.data["latencies_ms"]["p99"] == pytest.approx(55.0)
    assert "seconds" in converted.data["labels"]["smp.ext/units"]
    assert [note.kind for note in converted.notes] == [NoteKind.UNIT_CONVERTED]
    (again,) = parse_smp(write_smp([converted], Dialect.SMP_GO), convert_units=True)
    assert again.data == converted.data


def test_rule_8_a_document_that_proves_its_seconds_is_converted_and_one_that_proves_its_unit_is_left() -> None:
    proof = [{"p": 50.0, "value_s": 0.02}, {"p": 99.0, "value_s": 0.05}]
    proven = read({"latencies_ms": {"p50": 0.02, "p99": 0.05}, "percentiles": proof})
    assert proven.data["latencies_ms"] == {"p50": 20.0, "p99": 50.0}
    assert "percentiles" in proven.data["labels"]["smp.ext/units"]
    fast = [{"p": 50.0, "value_s": 0.00002}]
    quick = read({"latencies_ms": {"p50": 0.02}, "percentiles": fast})
    assert (quick.data["latencies_ms"], quick.notes) == ({"p50": 0.02}, ())


@pytest.mark.parametrize("dialect", [Dialect.EXTENDED, Dialect.STRICT, Dialect.PROTOBUF])
def test_rule_9_keys_that_nobody_knows_are_kept_and_written_again(dialect: Dialect) -> None:
    document = read(result(vendor={"a": [1, {"b": None}]}, latencies_ms={"p75": 3, "p50": 2}).data)
    assert document.data["latencies_ms"] == {"p75": 3, "p50": 2.0}
    assert [note.kind for note in document.notes] == [NoteKind.UNKNOWN_KEYS]
    (back,) = parse_smp(write_smp([document], dialect))
    assert back.data == document.data


def test_generation_0_becomes_a_result_with_its_test_and_environment(tmp_path: Path) -> None:
    path = tmp_path / "g0.yaml"
    path.write_text(
        "start_time: 2020-03-17T14:53:05.499893378Z\nexp_uuid: u\nendpoint_url: http://h/p\n"
        "env: {kubernetes: v1.15.5, node_count: 2, node: {cores: 4}}\n"
        "client: {connections: 1, rps: 0.9999, latencies_ms: {p50: 0.0218, max: 0.35}}\n"
        "labels: [{key: a, value: b}]\nmetrics: {}\nconfig: {x: 1}\n"
    )
    (found,) = read_smp(path)
    assert (found.kind, found.generation) == (Kind.RESULT, Generation.G0)
    assert found.data == {
        "start_time": "2020-03-17T14:53:05.499893378Z",
        "latencies_ms": {"p50": 0.0218, "max": 0.35},
        "actual_qps": 0.9999,
        "test": {"clients": [{"connections": 1, "endpoint_urls": ["http://h/p"]}]},
        "environment": {"kubernetes_version": "v1.15.5", "nodes": [{"cores": 4}, {"cores": 4}]},
        "mesh_config": {"exp_uuid": "u"},
        "labels": {"a": "b"},
        "g0": {"config": {"x": 1}},
    }
    assert NoteKind.UNIT_SUSPECT in {note.kind for note in found.notes}


def test_generation_1_gets_the_names_of_today() -> None:
    found = read({"smps_version": "v0", "client": {"rps": 5}, "labels": [{"key": "a", "value": "b"}], "duration": "5s"})
    assert (found.kind, found.generation) == (Kind.TEST, Generation.G1)
    assert found.data == {"smp_version": "v0", "clients": [{"rps": 5}], "labels": {"a": "b"}, "duration": "5s"}
    ids = read({"testId": "t", "meshConfigId": "m", "envId": "e", "smps_version": "v0"})
    assert ids.data == {"test_id": "t", "mesh_config_id": "m", "env_id": "e", "smp_version": "v0"}


def test_placeholders_of_the_first_writer_are_absent_links() -> None:
    found = read(
        {
            "smp_version": "test_smp_version",
            "id": "test_id",
            "test_id": "test_test_id",
            "mesh_config_id": "test_meshconfigID",
            "env_id": "test_envID",
            "details_uri": "test_details",
            "latencies_ms": {"p50": 0.3, "max": 1.5},
        }
    )
    assert found.data == {"latencies_ms": {"p50": 0.3, "max": 1.5}}
    kinds = [note.kind for note in found.notes]
    assert (kinds.count(NoteKind.PLACEHOLDER), kinds.count(NoteKind.UNIT_SUSPECT)) == (6, 1)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("test:\n  clients:\n  - rps: many\nmesh: {type: 3}\n", "MP2204", (3, 10, "/test/clients/0/rps")),
        ("client:\n  rps: true\nduration: 5s\n", "MP2204", (2, 8, "/client/rps")),
        ("client:\n  connections: 1.5\n  latencies_ms: {}\nenv: {}\n", "MP2204", (2, 16, "/client/connections")),
        ("actual_qps: .nan\n", "MP2204", (1, 13, "/actual_qps")),
        (f"actual_qps: {'9' * 300}{'9' * 9}\n", "MP2204", (1, 13, "/actual_qps")),
        (f'{{"actual_qps": {"9" * 400}}}', "MP2204", (1, 16, "/actual_qps")),
        ('{"type": "ISTO",\n "version": "1"}', "MP2204", (1, 10, "/type")),
        ('{"testId": "a", "test_id": "b"}', "MP2003", (1, 17, "/test_id")),
        ('{"sidecar": {"bps": 3000000000}}', "MP2204", (1, 21, "/sidecar/bps")),
        ('{"start_time": "yesterday"}', "MP2204", (1, 16, "/start_time")),
        ('{"actual_qps": 1,\n "labels": {"smp.ext/v1": "{"}}', "MP2204", (2, 27, "/labels/smp.ext~1v1")),
        ('{"actual_qps": 1, "labels": {"smp.ext/present": "[\\"/nothing\\"]"}}', "MP2204", None),
        ('{"actual_qps": 1, "labels": {"smp.ext/present": "[\\"/testId\\"]"}}', "MP2204", None),
        ('{"mesh_type": {"type": "I\\ud800STIO"}, "mesh_version": "1"}', "MP2204", (1, 24, "/mesh_type/type")),
        ('{"test": {"name": "t"}}', "MP2102", None),
        ('{"colour": 1}', "MP2201", None),
        ("[]", "MP2201", None),
        ("just words", "MP2201", None),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, code: str, place: tuple[int, int, str] | None) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_smp(text.encode())
    found = caught.value
    assert found.code == code
    if place is not None:
        assert (found.location.line, found.location.column, found.location.pointer) == place


def test_all_problems_of_a_file_are_told_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_smp(b'{"actual_qps": "x",\n "latencies_ms": {"p50": true},\n "id": []}')
    assert [one.location.line for one in (caught.value, *caught.value.others)] == [1, 2, 3]


def test_each_problem_of_a_list_is_told_once() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_smp(b'[{"id": "a", "actual_qps": "x", "test_id": 5.5e1, "env_id": []}, {"actual_qps": []}]')
    places = [one.location.pointer for one in (caught.value, *caught.value.others)]
    assert places == ["/0/actual_qps", "/0/env_id", "/1/actual_qps"]
    assert all(not one.others for one in caught.value.others)


def test_a_record_of_another_tool_is_not_taken_for_a_test_file() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_smp(b'{"meshery_id": "1", "mesh": "linkerd", "runner_results": []}')
    assert caught.value.code == "MP2201"
    assert "meshperf import" in str(caught.value.hint)


BAD = [
    "a: &a [x, x]\nb: &b [*a, *a]\n"
    + "".join(f"k{n}: &{chr(99 + n)} [*{chr(98 + n)}, *{chr(98 + n)}]\n" for n in range(20)),
    "actual_qps: &a\n  b: *a\n",
    '{"actual_qps": NaN}',
    '{"actual_qps": 1, "actual_qps": 2}',
    '{"labels": ' * 5000,
    "[" * 5000 + "]" * 5000,
    "",
    "\ufeff",
    "a: b: c",
]


@pytest.mark.parametrize("text", BAD)
def test_hostile_text_is_one_document_error_in_bounded_time(text: str) -> None:
    begin = time.monotonic()
    with pytest.raises(DocumentError):
        parse_smp(text.encode())
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize(
    "data",
    [b"\x01\x08" * 2_000_000, b'{"id": "' + b"x" * 20_000_000, b"\x0a\x7f" * 2_000_000],
    ids=["tiny messages", "text that never ends", "text in text"],
)
def test_large_hostile_files_end_in_bounded_time(data: bytes) -> None:
    begin = time.monotonic()
    with pytest.raises(DocumentError):
        parse_smp(data)
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize(
    "data", [b"\xff\xfe{\x00}\x00", b"\x00" * 64, b"\x89PNG\r\n\x1a\n" + b"\x01" * 99, '{"id":"é"}'.encode("latin-1")]
)
def test_other_encodings_and_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        parse_smp(data)


def attempt(data: bytes, **options: Any) -> None:
    try:
        documents = parse_smp(data, **options)
    except DocumentError:
        return
    for document in documents:  # what is read can be written and read again
        (back,) = parse_smp(write_smp([document], Dialect.PROTOBUF), dialect=Dialect.PROTOBUF, kind=document.kind)
        assert back.data == document.data


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([None, *Kind]), st.sampled_from([None, *Dialect]))
def test_no_bytes_make_more_than_a_document_error(data: bytes, kind: Kind | None, dialect: Dialect | None) -> None:
    attempt(data, kind=kind, dialect=dialect)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_to_a_good_message_makes_more_than_a_document_error(data: st.DataObject) -> None:
    good = bytearray(
        write_smp(
            [result(extra={"a": [1, {"b": 2.5}]}, latencies_ms={"p50": 2.0}, labels={"k": "v"})], Dialect.PROTOBUF
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(good[: data.draw(st.integers(0, len(good)))]), dialect=Dialect.PROTOBUF, kind=Kind.RESULT)


WORDS = st.sampled_from(
    ["test", "mesh", "clients", "client", "rps", "labels", "latencies_ms", "p50", "env", "type", "smp.ext/v1", "extra",
     "smp.ext/present", "percentiles", "start_time", "actual_qps", "nodes", "node", "key", "value", "smp.ext/wire",
     "smp.ext/mesh"]
)  # fmt: skip
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(
    ['{"/a/b": 1}', '["/actual_qps"]', '{"/latencies_ms/p50": "x"}', "kmesh", "YgNuZXc=",
     '{"/labels": 1}', '{"/test": 3}']
)  # fmt: skip
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)


@settings(max_examples=400, deadline=None)
@given(TREES)
def test_no_document_of_our_words_makes_more_than_a_document_error(tree: Any) -> None:
    attempt(json.dumps(tree).encode())


@pytest.mark.needs_shared
def test_the_published_files_are_read(shared_data: Path) -> None:
    (test,) = read_smp(shared_data / "smp" / "profile-load-test.yaml")
    assert (test.kind, test.dialect, test.data["mesh"]) == (Kind.TEST_FILE, Dialect.SMP_GO, {"type": "ISTIO"})
    (old,) = read_smp(shared_data / "smp" / "result-g0.yaml")
    assert (old.kind, old.generation) == (Kind.RESULT, Generation.G0)


def test_text_that_yaml_takes_for_a_number_is_as_it_was_written() -> None:
    (found,) = parse_smp(b"type: 3\nversion: 1.20\n")
    assert found.data == {"type": "ISTIO", "version": "1.20"}


def test_plain_data_without_a_file_is_read_too() -> None:
    assert smp_from_data({"actual_qps": 5}).data == {"actual_qps": 5.0}

"""Every document through every dialect: nothing changes, nothing is lost without being named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from generated_runs import runs, sample_run
from generated_smp import documents
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshperf.errors import DocumentError
from meshperf.spec.records import RunResult
from meshperf.spec.smp import result_from_document, result_to_document
from meshperf.spec.smp_document import Dialect, Kind, SmpDocument
from meshperf.spec.smp_labels import divide
from meshperf.spec.smp_reading import parse_smp, smp_from_data
from meshperf.spec.smp_writing import lost_paths, to_plain_dialect, write_smp

LOSSLESS = (Dialect.EXTENDED, Dialect.STRICT, Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED)
BINARY = (Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED)
SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def again(document: SmpDocument, dialect: Dialect, *, lossy: bool = False) -> SmpDocument:
    content = write_smp([document], dialect, lossy=lossy)
    told = dialect if dialect in BINARY else None
    # text of a few keys, or an empty message, need not tell what it is
    (back,) = parse_smp(content, dialect=told, kind=document.kind)
    return back


@pytest.mark.parametrize("dialect", LOSSLESS)
@SETTINGS
@given(documents())
def test_a_dialect_that_keeps_everything_gives_the_same_document(dialect: Dialect, document: SmpDocument) -> None:
    assert again(document, dialect).data == document.data


@pytest.mark.parametrize("dialect", [Dialect.SMP_GO, Dialect.PROTOJSON])
@SETTINGS
@given(documents())
def test_a_plain_dialect_keeps_all_of_the_standard_and_names_the_rest(dialect: Dialect, document: SmpDocument) -> None:
    kept, rest = divide(document.kind, document.data)
    assert set(lost_paths(document, dialect)) == set(rest)
    assert again(document, dialect, lossy=True).data == kept


@SETTINGS
@given(documents(), st.lists(st.sampled_from(LOSSLESS), min_size=2, max_size=4))
def test_any_way_through_the_dialects_ends_where_it_began(document: SmpDocument, way: list[Dialect]) -> None:
    at = document
    for dialect in way:
        at = again(at, dialect)
    assert at.data == document.data


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs())
def test_a_run_of_ours_passes_through_every_dialect_that_keeps_everything(run: RunResult) -> None:
    document = smp_from_data(result_to_document(run))
    for dialect in LOSSLESS:
        back = again(document, dialect)
        assert back.data == document.data
        assert result_from_document(back.data) == run


def test_what_a_form_cannot_carry_is_refused_by_name_and_left_out_only_when_allowed() -> None:
    document = smp_from_data(result_to_document(sample_run()))
    with pytest.raises(DocumentError) as caught:
        write_smp([document], Dialect.PROTOJSON)
    assert caught.value.code == "MP2203"
    assert "/slices" in lost_paths(document, Dialect.PROTOJSON)
    written = json.loads(write_smp([document], Dialect.PROTOJSON, lossy=True))
    assert set(written) <= {
        "smpVersion", "id", "labels", "startTime", "endTime", "latenciesMs", "actualQps", "testId", "meshConfigId",
        "envId",
    }  # fmt: skip


def test_several_documents_are_a_list_or_a_delimited_file() -> None:
    several = [SmpDocument(kind=Kind.TEST, data={"name": name, "clients": [{"rps": 3}]}) for name in "ab"]
    for dialect in (Dialect.EXTENDED, Dialect.STRICT, Dialect.SMP_GO, Dialect.PROTOBUF_DELIMITED):
        assert [one.data for one in parse_smp(write_smp(several, dialect))] == [one.data for one in several]
    with pytest.raises(DocumentError, match="protobuf-delimited"):
        write_smp(several, Dialect.PROTOBUF)


@pytest.mark.parametrize(
    ("data", "dialect"),
    [
        ({"testId": "t", "actualQps": 3}, Dialect.PROTOJSON),
        ({"name": "t", "clients": [{"rps": "10"}]}, Dialect.PROTOJSON),
        ({"test": {"clients": [{"protocol": 1}]}, "mesh": {"type": 3}}, Dialect.SMP_GO),
        ({"start_time": {"seconds": 5, "nanos": 1}, "actual_qps": 1}, Dialect.SMP_GO),
        ({"actual_qps": 1, "requests": {"ok": 3}}, Dialect.EXTENDED),
        ({"actual_qps": 1, "labels": {"smp.ext/v1": "{}"}}, Dialect.STRICT),
    ],
)
def test_the_dialect_is_told_by_the_content(data: dict[str, Any], dialect: Dialect) -> None:
    assert smp_from_data(data).dialect is dialect


def test_the_kind_of_binary_bytes_is_told_by_their_fields() -> None:
    for kind, data in (
        (Kind.TEST, {"name": "t", "clients": [{"rps": 1}], "duration": "1s"}),
        (Kind.RESULT, {"id": "r", "actual_qps": 2.0}),
        (Kind.MESH_CONFIG, {"id": "m", "mtls_enabled": True}),
        (Kind.ENVIRONMENT, {"id": "e", "kubernetes_version": "v1.30"}),
        (Kind.MESH, {"type": "ISTIO", "version": "1.24"}),
        (Kind.ENVIRONMENT, {"id": "only"}),
        (Kind.TEST_FILE, {"test": {"name": "t"}, "mesh": {"type": "KMESH"}}),
    ):
        for dialect in BINARY:
            (back,) = parse_smp(write_smp([SmpDocument(kind=kind, data=data)], dialect))
            assert (back.kind, back.data, back.dialect) == (kind, data, dialect)


def test_smp_go_has_numbers_where_go_needs_them() -> None:
    document = SmpDocument(
        kind=Kind.RESULT, data={"start_time": "2026-01-02T03:04:05.000000001Z", "labels": {"a": "b"}, "actual_qps": 0.0}
    )
    assert to_plain_dialect(document, Dialect.SMP_GO) == {
        "start_time": {"seconds": 1767323045, "nanos": 1},
        "labels": {"a": "b"},
        "actual_qps": 0.0,
    }

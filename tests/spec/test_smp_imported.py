"""Imported results as SMP documents: units, absence, and the record that comes back."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import UTC, datetime

import pytest
from generated_runs import NUMBER, TEXT, of_type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshperf.errors import DocumentError, MeshperfError
from meshperf.histograms import Histogram
from meshperf.spec.completeness import completeness, lacking
from meshperf.spec.imported import (
    Bucket,
    Completeness,
    Imported,
    LatencyOf,
    LatencyOrigin,
    LoopModel,
    Quantile,
    Source,
)
from meshperf.spec.record_codec import field_types
from meshperf.spec.smp_document import Dialect, Kind
from meshperf.spec.smp_imported import IMPORTED_FORMAT, imported_from_document, imported_to_document
from meshperf.spec.smp_reading import parse_smp
from meshperf.spec.smp_writing import write_smp

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
COUNTS = ("requests", "ok", "errors", "timeouts", "bytes_in", "bytes_out", "latency_count")
SPECIAL = {
    **dict.fromkeys(COUNTS, st.none() | st.integers(0, 2**62)),
    "extra": st.dictionaries(TEXT, JSON, max_size=3),
    "buckets": st.lists(
        st.builds(Bucket, low_s=NUMBER, high_s=NUMBER | st.just(math.inf), count=st.integers(0, 2**62)), max_size=3
    ).map(tuple),
}


def imports() -> st.SearchStrategy[Imported]:
    fields = {name: SPECIAL[name] if name in SPECIAL else of_type(hint) for name, hint in field_types(Imported).items()}
    return st.builds(Imported, **fields)


SAMPLE = Imported(
    source=Source(tool="fortio", form="json", tool_version="1.60.3", digest="ab" * 32, place="#1"),
    start_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    planned_duration_s=30.0,
    protocol="http1",
    url="http://127.0.0.1/x",
    mesh="LINKERD",
    connections=8,
    loop=LoopModel.SCHEDULED_CLOSED,
    offered_rps=100.0,
    achieved_rps=99.5,
    requests=300,
    ok=299,
    errors=1,
    latency_origin=LatencyOrigin.ACTUAL,
    latency_of=LatencyOf.ALL,
    latency_unit="s",
    mean_s=0.002,
    max_s=0.25,
    quantiles=(Quantile(q=0.5, value_s=0.0015, low_s=0.001, high_s=0.002),),
    buckets=(Bucket(low_s=0.0, high_s=0.1, count=299), Bucket(low_s=0.1, high_s=math.inf, count=1)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(imports())
def test_a_record_comes_back_from_its_document_through_json(imported: Imported) -> None:
    text = json.dumps(imported_to_document(imported), allow_nan=False)
    assert imported_from_document(json.loads(text)) == imported


@pytest.mark.parametrize("dialect", [Dialect.STRICT, Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(imports())
def test_a_record_comes_back_through_every_dialect(dialect: Dialect, imported: Imported) -> None:
    (document,) = parse_smp(json.dumps(imported_to_document(imported)).encode(), kind=Kind.RESULT)
    (back,) = parse_smp(write_smp([document], dialect), kind=Kind.RESULT)
    assert back.data == document.data
    assert imported_from_document(back.data) == imported


def test_the_standards_fields_are_in_the_standards_units() -> None:
    document = imported_to_document(SAMPLE)
    assert document["latencies_ms"] == {"average": 2.0, "p50": 1.5, "max": 250.0}
    assert (document["actual_qps"], document["requested_qps"]) == (99.5, 100.0)
    assert document["start_time"] == "2026-01-02T03:04:05.000000Z"
    (client,) = document["test"]["clients"]
    assert (client["protocol"], client["rps"], client["connections"]) == ("PROTOCOL_HTTP", 100, 8)
    assert (document["test"]["duration"], document["mesh_config"]["mesh_type"]) == ("30s", {"type": "LINKERD"})
    assert document["percentiles"] == [{"p": 50.0, "value_s": 0.0015, "low_s": 0.001, "high_s": 0.002}]
    assert document["latency_distribution"]["explicit_buckets"] == [
        {"lower_s": 0.0, "upper_s": 0.1, "count": 299},
        {"lower_s": 0.1, "count": 1},
    ]


def test_what_the_source_did_not_say_is_absent_and_a_zero_that_it_said_is_there() -> None:
    nothing = imported_to_document(Imported(source=Source(tool="wrk", form="text")))
    assert not {"latencies_ms", "actual_qps", "requests", "errors", "bytes", "id", "start_time"} & set(nothing)
    told = imported_to_document(Imported(source=Source(tool="wrk", form="text"), errors=0, achieved_rps=0.0))
    assert (told["requests"], told["actual_qps"]) == ({"errors": 0}, 0.0)


def test_times_of_requests_that_all_failed_are_no_latencies() -> None:
    failed = imported_to_document(dataclasses.replace(SAMPLE, ok=0, errors=300))
    assert failed["status"] == "FAILED"
    assert "latencies_ms" not in failed
    assert failed["percentiles"] == imported_to_document(SAMPLE)["percentiles"]


def test_keys_of_the_source_that_nobody_knows_are_written_again() -> None:
    extra = {"RunID": 3, "AccessLoggerInfo": None, "Sizes": {"Data": [1, 2.5]}}
    document = imported_to_document(dataclasses.replace(SAMPLE, extra=extra))
    assert document["extra"] == extra


def test_a_private_key_is_never_written() -> None:
    extra = {"a": [{"key": "-----BEGIN PRIVATE KEY-----\nMIIE"}]}
    assert "MIIE" not in json.dumps(imported_to_document(dataclasses.replace(SAMPLE, extra=extra)))


def test_the_grade_follows_what_is_there() -> None:
    assert completeness(SAMPLE) is Completeness.ADEQUATE
    assert lacking(SAMPLE, Completeness.FULL) == ("duration_s",)
    assert completeness(dataclasses.replace(SAMPLE, duration_s=30.1)) is Completeness.FULL
    assert completeness(dataclasses.replace(SAMPLE, errors=None)) is Completeness.BARE


def test_an_exact_histogram_comes_back() -> None:
    full = dataclasses.replace(SAMPLE, response=Histogram.from_values([0.001, 0.002, 0.5]))
    assert imported_from_document(imported_to_document(full)).response == full.response


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"format": "imported/9"}, "MP2201", "/format"),
        ({"requests": {"errors": -1}}, "MP2103", "/requests/errors"),
        ({"percentiles": [{"p": "50"}]}, "MP2104", "/percentiles/0/q"),
        ({"latency_origin": "X"}, "MP2104", "/latency_origin"),
        ({"notes": {}}, "MP2104", "/notes"),
    ],
)
def test_a_broken_document_is_refused_at_its_place(change: dict[str, object], code: str, pointer: str) -> None:
    with pytest.raises(DocumentError) as caught:
        imported_from_document({**imported_to_document(SAMPLE), **change})
    assert (caught.value.code, caught.value.location.pointer) in {(code, pointer), ("MP2102", "/percentiles/0")}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(imported_to_document(SAMPLE))), JSON)
def test_no_value_anywhere_makes_more_than_a_document_error(key: str, value: object) -> None:
    try:
        imported_from_document({**imported_to_document(SAMPLE), "format": IMPORTED_FORMAT, key: value})
    except MeshperfError as error:
        assert isinstance(error, DocumentError)

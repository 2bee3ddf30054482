"""What we write, read by a reader that shares nothing with us: the standard's messages, described here by hand.

The descriptor is that of the published standard, typed from its tables; only protobuf's own runtime is used to read.
Nothing of meshperf but the writer under test is imported, and none of its generated code is used to read.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, timestamp_pb2

from meshperf.spec.smp_document import Dialect, Kind, SmpDocument
from meshperf.spec.smp_writing import write_smp

TYPES = {"double": 1, "int64": 3, "int32": 5, "bool": 8, "string": 9}
CLIENT = """internal bool=1; load_generator string=2; protocol .Protocol=3; connections int32=4; rps int64=5;
headers map=6; cookies map=7; body string=8; content_type string=9; endpoint_urls *string=10; ssl_certificate string=11;
additional_options string=12"""
TEST = "smp_version string=1; id string=2; name string=3; labels map=4; clients *@Client=5; duration string=6"
RESULT = """smp_version string=1; id string=2; labels map=3; start_time time=4; end_time time=5;
latencies_ms @Latency=6; actual_qps double=7; details_uri string=8; test_id string=9;
mesh_config_id string=10; env_id string=11"""
LATENCY = "min double=1; average double=2; p50 double=3; p90 double=4; p99 double=5; max double=6"
MESH_CONFIG = """smp_version string=1; id string=2; labels map=3; mesh_policy_enabled bool=9;
mesh_telemetry_enabled bool=10; mtls_enabled bool=11; proxy_concurrency int32=12; mesh_build string=13;
proxy_build string=14; exp_group_uuid string=15;
exp_uuid string=16; profile string=17; mesh_type @ServiceMesh=18; sidecar @Sidecar=5"""
SIDECAR = "count int32=1; cpu_mcores int32=2; mem_mb int32=3; rps int32=4; bps int32=5"
MESH = "type .Type=1; version string=2; labels map=3; annotations map=4"
ENVIRONMENT = "smp_version string=1; id string=2; labels map=3; kubernetes_version string=4; nodes *@Node=5"
NODE = "type string=1; cores int32=2; mem_mb int64=3"
MESSAGES = {
    "Client": CLIENT, "PerformanceTestConfig": TEST, "PerformanceTestResult": RESULT, "Latency": LATENCY,
    "ServiceMeshConfig": MESH_CONFIG, "Sidecar": SIDECAR, "ServiceMesh": MESH, "EnvironmentConfig": ENVIRONMENT,
    "Node": NODE,
}  # fmt: skip
ENUMS = {
    "Protocol": {"PROTOCOL_INVALID": 0, "PROTOCOL_HTTP": 1, "PROTOCOL_TCP": 2, "PROTOCOL_UDP": 3, "PROTOCOL_GRPC": 4},
    "Type": {"INVALID_MESH": 0, "CONSUL": 2, "ISTIO": 3, "KUMA": 4, "LINKERD": 5},
}


def reader_of(name: str) -> Any:
    """A message class of the standard, made from the tables above."""
    file = descriptor_pb2.FileDescriptorProto(name="independent.proto", package="independent", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    for enum, values in ENUMS.items():
        added = file.enum_type.add(name=enum)
        for label, number in values.items():
            added.value.add(name=label, number=number)
    for message, table in MESSAGES.items():
        target = file.message_type.add(name=message)
        for entry in table.replace("\n", " ").split(";"):
            field, rest = entry.split()
            kind, place = rest.split("=")
            add_field(target, message, field, kind, int(place))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"independent.{name}"))


def add_field(target: Any, message: str, name: str, kind: str, number: int) -> None:
    added = target.field.add(name=name, number=number, label=3 if kind.startswith("*") or kind == "map" else 1)
    kind = kind.lstrip("*")
    if kind == "map":
        entry = target.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=1, type=9)
        entry.field.add(name="value", number=2, label=1, type=9)
        added.type, added.type_name = 11, f".independent.{message}.{entry.name}"
    elif kind == "time":
        added.type, added.type_name = 11, ".google.protobuf.Timestamp"
    elif kind.startswith("@"):
        added.type, added.type_name = 11, f".independent.{kind[1:]}"
    elif kind.startswith("."):
        added.type, added.type_name = 14, f".independent{kind}"
    else:
        added.type = TYPES[kind]


STANDARD: dict[Kind, dict[str, Any]] = {
    Kind.RESULT: {
        "smp_version": "v0.6.1",
        "id": "r-1",
        "labels": {"team": "mesh", "ü": "ß"},
        "start_time": "2026-03-01T10:00:00.123456789Z",
        "end_time": "2026-03-01T10:01:00.000000Z",
        "latencies_ms": {"min": 0.5, "average": 2.25, "p50": 2.0, "p90": 4.5, "p99": 9.125, "max": 80.0},
        "actual_qps": 499.75,
        "test_id": "t",
        "mesh_config_id": "m",
        "env_id": "e",
        "details_uri": "file:///r.json",
    },
    Kind.TEST: {
        "id": "t",
        "name": "näme",
        "labels": {"a": "b"},
        "duration": "30s",
        "clients": [
            {
                "internal": True,
                "load_generator": "fortio",
                "protocol": "PROTOCOL_GRPC",
                "connections": 2**31 - 1,
                "rps": 2**62 + 1,
                "headers": {"x": "1"},
                "endpoint_urls": ["http://a", "http://b"],
            },
            {"body": "x", "cookies": {"c": "d"}},
        ],
    },
    Kind.MESH_CONFIG: {
        "id": "m",
        "mtls_enabled": True,
        "proxy_concurrency": 4,
        "mesh_type": {"type": "LINKERD", "version": "2.14"},
        "sidecar": {"count": 3, "bps": 2_000_000_000},
    },
    Kind.ENVIRONMENT: {
        "id": "e",
        "kubernetes_version": "v1.31",
        "nodes": [{"type": "n", "cores": 8, "mem_mb": 2**40}, {"cores": 1}],
    },
    Kind.MESH: {"type": "KUMA", "version": "2.9", "annotations": {"k": "v"}},
}
EXTENSIONS: dict[Kind, dict[str, Any]] = {
    Kind.RESULT: {"requests": {"ok": 5, "errors": 0}, "extra": {"a": [1, None]}, "foreign": {"b": 1}},
    Kind.TEST: {"warmup_s": 2.0, "kind": "KIND_SOAK", "foreign": 1},
    Kind.MESH_CONFIG: {"data_plane": "DATA_PLANE_SIDECAR"},
    Kind.ENVIRONMENT: {"fingerprint": "f"},
    Kind.MESH: {"foreign": [1]},
}


def seen(message: Any) -> dict[str, Any]:
    """What the independent reader saw, without the labels that carry what it cannot know."""
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            found[field.name] = {key: one for key, one in value.items() if not key.startswith("smp.ext/")}
        elif field.message_type is not None and field.message_type.name == "Timestamp":
            found[field.name] = (value.seconds, value.nanos)
        elif field.message_type is not None:
            found[field.name] = [seen(one) for one in value] if field.is_repeated else seen(value)
        elif field.enum_type is not None:
            found[field.name] = field.enum_type.values_by_number[value].name
        else:
            found[field.name] = list(value) if field.is_repeated else value
    return {key: value for key, value in found.items() if value != {}}


def wanted(data: dict[str, Any]) -> dict[str, Any]:
    times = {}
    for key in ("start_time", "end_time"):
        if key in data:
            whole, fraction = data[key].rstrip("Z").split(".")
            seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
            times[key] = (seconds, int(fraction.ljust(9, "0")))
    return data | times


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("kind", list(STANDARD))
def test_a_binary_document_is_read_by_an_independent_reader(kind: Kind, extended: bool) -> None:
    data = STANDARD[kind] | (EXTENSIONS[kind] if extended else {})
    content = write_smp([SmpDocument(kind=kind, data=data)], Dialect.PROTOBUF)
    message = reader_of(kind.value).FromString(content)
    assert seen(message) == wanted(STANDARD[kind])


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("kind", list(STANDARD))
def test_a_smp_go_document_is_read_by_an_independent_reader(kind: Kind, extended: bool) -> None:
    data = STANDARD[kind] | (EXTENSIONS[kind] if extended else {})
    text = json.loads(write_smp([SmpDocument(kind=kind, data=data)], Dialect.SMP_GO, lossy=extended))
    for key in ("start_time", "end_time"):  # the one place where Go's plain reader and protobuf's differ
        if key in text:
            at = text[key]
            text[key] = timestamp_pb2.Timestamp(seconds=at["seconds"], nanos=at["nanos"]).ToJsonString()
    assert seen(json_format.ParseDict(text, reader_of(kind.value)())) == wanted(STANDARD[kind])


@pytest.mark.parametrize("dialect", [Dialect.PROTOJSON, Dialect.STRICT])
@pytest.mark.parametrize("kind", list(STANDARD))
def test_a_strict_reader_of_protobufs_json_takes_both_forms_made_for_it(kind: Kind, dialect: Dialect) -> None:
    data = STANDARD[kind] | EXTENSIONS[kind]
    text = write_smp([SmpDocument(kind=kind, data=data)], dialect, lossy=dialect is Dialect.PROTOJSON)
    assert seen(json_format.Parse(text, reader_of(kind.value)())) == wanted(STANDARD[kind])


def test_an_independent_reader_of_binary_writes_again_what_it_does_not_know() -> None:
    from meshperf.spec.smp_reading import parse_smp

    data = STANDARD[Kind.RESULT] | EXTENSIONS[Kind.RESULT] | {"actual_qps": 0.0}
    ours = write_smp([SmpDocument(kind=Kind.RESULT, data=data)], Dialect.PROTOBUF)
    theirs = reader_of("PerformanceTestResult").FromString(ours).SerializeToString()
    (back,) = parse_smp(theirs)
    assert back.data == data

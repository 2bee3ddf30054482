"""The protos: generated code is current, the standard's numbers stand, and both copies stay wire-compatible."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

from generated_runs import runs, sample_run
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from hypothesis import HealthCheck, given, settings

from meshperf.spec._proto.extended import service_mesh_pb2 as extended_mesh
from meshperf.spec._proto.extended import service_mesh_performance_pb2 as extended
from meshperf.spec._proto.protos import service_mesh_pb2 as standard_mesh
from meshperf.spec._proto.protos import service_mesh_performance_pb2 as standard
from meshperf.spec.envelope import TEST_KEYS
from meshperf.spec.envelope_client import CLIENT_KEYS
from meshperf.spec.experiment import read_experiment
from meshperf.spec.experiment_load import ClientTls, GrpcRequest
from meshperf.spec.records import RunResult
from meshperf.spec.smp import result_to_document
from meshperf.spec.smp_enums import CLIENT_PROTOCOLS, MESH_TYPES
from meshperf.spec.smp_read import KNOWN_KEYS

ROOT = Path(__file__).parents[2]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("proto_generate", ROOT / "proto" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.py")}


def test_the_generated_code_is_that_of_the_protos(tmp_path: Path) -> None:
    generator().generate(tmp_path)
    assert tree(tmp_path) == tree(ROOT / "src" / "meshperf" / "spec" / "_proto")


def messages(descriptor: Descriptor) -> list[Descriptor]:
    return [descriptor, *(one for nested in descriptor.nested_types for one in messages(nested))]


def test_extensions_only_add_and_only_from_1000_on() -> None:
    for name, ours in extended.DESCRIPTOR.message_types_by_name.items():
        theirs = {
            one.full_name.removeprefix("smp."): one for one in messages(standard.DESCRIPTOR.message_types_by_name[name])
        }
        for message in messages(ours):
            known = theirs.get(message.full_name.removeprefix("smp.extended."))
            if known is None:
                continue
            for field in message.fields:
                same = known.fields_by_name.get(field.name)
                assert (same is None) == (field.number >= 1000), field.full_name
                assert same is None or (same.number, same.type) == (field.number, field.type)
            assert {field.name for field in known.fields} <= {field.name for field in message.fields}


def test_the_standards_enums_are_complete() -> None:
    values = extended_mesh.ServiceMesh.Type.items()
    assert {number: name for name, number in values} == MESH_TYPES
    names = {number: name for name, number in standard_mesh.ServiceMesh.Type.items()}
    assert names == {number: name for number, name in MESH_TYPES.items() if number < 1000}
    protocols = standard.PerformanceTestConfig.Client.Protocol.items()
    assert {number: name for name, number in protocols} == CLIENT_PROTOCOLS


def test_what_is_read_of_a_test_are_the_messages_fields() -> None:
    config = extended.PerformanceTestConfig.DESCRIPTOR
    assert {field.name for field in config.fields} == set(TEST_KEYS)
    assert {field.name for field in config.fields_by_name["clients"].message_type.fields} == set(CLIENT_KEYS)


def test_a_test_that_protobuf_writes_is_read(tmp_path: Path) -> None:
    config = extended.PerformanceTestConfig(
        name="t",
        duration="5s",
        arrival="ARRIVAL_OPEN_POISSON",
        order="ORDER_RANDOM",
        repetitions=2,
        seed=7,
        objectives=[{"metric": "latency", "statistic": "p99", "op": "<=", "threshold": 50, "unit": "ms"}],
        clients=[
            {
                "protocol": "PROTOCOL_GRPC",
                "rps": 10,
                "connections": 2,
                "rate_scope": "RATE_SCOPE_PER_WORKER",
                "workers": 2,
                "connection_reuse": "CONNECTION_REUSE_MRU",
                "requests_per_connection": 50,
                "header_list": [{"name": "x-a", "value": "b"}],
                "grpc": {"mode": "MODE_UNARY", "messages": ["{}"]},
                "tls": {"verify": False, "alpn": ["h2"], "min_version": "1.3"},
                "endpoint_urls": ["grpcs://127.0.0.1:1"],
            }
        ],
    )
    path = tmp_path / "test.json"
    written = json_format.MessageToDict(config)
    path.write_text(json.dumps({"test": written, "mesh": {"type": "NO_MESH"}}))
    experiment = read_experiment(path)
    (point,) = experiment.load
    assert (experiment.rounds, experiment.order, experiment.seed) == (2, "random", 7)
    assert [one.text for one in experiment.objectives] == ["p99 <= 50.0ms"]
    assert (point.protocol, point.rate, point.workers, point.arrivals) == ("grpc", 20, 2, "poisson")
    assert (point.selection, point.requests_per_connection, point.headers) == ("lifo", 50, (("x-a", "b"),))
    assert point.grpc == GrpcRequest(mode="unary")
    assert point.tls == ClientTls(verify=False, alpn=("h2",), minimum_version="1.3")


def test_the_standards_field_numbers_stand() -> None:
    result = {field.name: field.number for field in standard.PerformanceTestResult.DESCRIPTOR.fields}
    assert result == {
        "smp_version": 1, "id": 2, "labels": 3, "start_time": 4, "end_time": 5, "latencies_ms": 6, "actual_qps": 7,
        "details_uri": 8, "test_id": 9, "mesh_config_id": 10, "env_id": 11,
    }  # fmt: skip
    client = {field.name: field.number for field in standard.PerformanceTestConfig.Client.DESCRIPTOR.fields}
    assert (client["rps"], client["endpoint_urls"], client["additional_options"]) == (5, 10, 12)
    mesh = {field.name: field.number for field in standard.ServiceMeshConfig.DESCRIPTOR.fields}
    assert (mesh["mtls_enabled"], mesh["mesh_type"], mesh["application_metadata"]) == (11, 18, 19)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs())
def test_every_result_document_is_one_of_the_extended_message(run: RunResult) -> None:
    json_format.ParseDict(result_to_document(run), extended.PerformanceTestResult())


def test_a_reader_of_the_standard_reads_our_wire_form_and_loses_nothing() -> None:
    ours = json_format.ParseDict(result_to_document(sample_run()), extended.PerformanceTestResult())
    theirs = standard.PerformanceTestResult.FromString(ours.SerializeToString())
    assert theirs.id == "r1-envoy-0"
    assert theirs.actual_qps == ours.actual_qps
    assert extended.PerformanceTestResult.FromString(theirs.SerializeToString()) == ours


def test_the_known_keys_are_the_messages_fields() -> None:
    assert {field.name for field in extended.PerformanceTestResult.DESCRIPTOR.fields} == KNOWN_KEYS

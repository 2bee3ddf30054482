"""Descriptor sets from files, from `.proto` sources and built in; broken ones are refused with the place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

from meshperf.errors import DocumentError
from meshperf.load.descriptors import HEALTH, DescriptorSource

HELLO = """\
syntax = "proto3";
package demo.v1;
import "google/protobuf/timestamp.proto";
import "demo/v1/person.proto";
// Braces in a comment are no nesting: {{{{
service Hello {
  rpc Say(SayRequest) returns (SayReply);
  rpc Collect(stream SayRequest) returns (SayReply);
}
message SayRequest { Person person = 1; google.protobuf.Timestamp at = 2; }
message SayReply { string text = 1; }
"""
PERSON = 'syntax = "proto3";\npackage demo.v1;\nmessage Person { string name = 1; int32 age = 2; }\n'


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    folder = tmp_path / "protos" / "demo" / "v1"
    folder.mkdir(parents=True)
    (folder / "hello.proto").write_text(HELLO)
    (folder / "person.proto").write_text(PERSON)
    return tmp_path / "protos"


@pytest.fixture
def protoc_set(protos: Path, tmp_path: Path) -> Callable[..., Path]:
    """What the standard compiler makes of `protos`."""

    def make(*options: str) -> Path:
        out = tmp_path / "set.pb"
        well_known = Path(protoc.__file__).parent / "_proto"
        told = [f"-I{protos}", f"-I{well_known}", f"--descriptor_set_out={out}", *options, "demo/v1/hello.proto"]
        assert protoc.main(["protoc", *told]) == 0
        return out

    return make


def _files(source: DescriptorSource) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    return {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(source.descriptor_set).file}


@pytest.mark.needs_native
def test_proto_files_compile_to_what_protoc_makes_of_them(protos, protoc_set):
    ours = _files(DescriptorSource.from_proto([protos / "demo/v1/hello.proto"], [protos]))
    standard = _files(DescriptorSource.from_descriptor_set(protoc_set("--include_imports")))
    assert ours.keys() == standard.keys() == {
        "demo/v1/hello.proto", "demo/v1/person.proto", "google/protobuf/timestamp.proto"
    }  # fmt: skip
    for name in ("demo/v1/hello.proto", "demo/v1/person.proto"):
        assert ours[name] == standard[name]


@pytest.mark.needs_native
def test_without_import_paths_the_folder_of_the_file_is_looked_in(tmp_path):
    (tmp_path / "one.proto").write_text('syntax = "proto3"; import "two.proto"; service S { rpc M(T) returns (T); }')
    (tmp_path / "two.proto").write_text('syntax = "proto3"; message T {}')
    source = DescriptorSource.from_proto([tmp_path / "one.proto"])
    assert source.services() == {"S": ("M",)}
    assert source.pool().FindServiceByName("S").methods_by_name["M"].input_type.full_name == "T"


@pytest.mark.needs_native
@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('syntax = "proto3";\nmessage A { int32 x = ; }\n', 2, 23, "expected an integer"),
        ('syntax = "proto3";\nmessage A { int32 x = 1;\n  int32 y = 1; }\n', 3, 13, "already used"),
        ('syntax = "proto3";\nimport "nope.proto";\n', 2, 1, "nope.proto"),
        ("\n\nmessage A { optional Missing x = 1; }", 3, 22, "Missing"),
    ],
)
def test_a_proto_file_that_does_not_compile_is_refused_at_its_line_and_column(tmp_path, text, line, column, words):
    (tmp_path / "a.proto").write_text(text)
    with pytest.raises(DocumentError, match=words) as caught:
        DescriptorSource.from_proto([tmp_path / "a.proto"])
    assert caught.value.code == "MP2202"
    place = caught.value.location
    assert (place.path, place.line, place.column) == (tmp_path / "a.proto", line, column)


@pytest.mark.needs_native
@pytest.mark.parametrize("text", ["message A {" * 100_000, "option (x) = " + "{a:" * 5000, "\xff".encode("latin-1")])
def test_a_proto_file_that_would_break_the_compiler_is_refused(tmp_path, text):
    (tmp_path / "a.proto").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DocumentError, match=r"a\.proto") as caught:
        DescriptorSource.from_proto([tmp_path / "a.proto"])
    assert caught.value.code == "MP2202"


@pytest.mark.needs_native
def test_a_proto_file_outside_the_import_paths_is_refused(protos, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(DocumentError, match="include") as caught:
        DescriptorSource.from_proto([protos / "demo/v1/hello.proto"], [tmp_path / "elsewhere"])
    assert caught.value.code == "MP2202"


@pytest.mark.parametrize("name", ["absent.proto", "."])
def test_a_proto_file_that_cannot_be_read_is_refused(tmp_path, name):
    with pytest.raises(DocumentError) as caught:
        DescriptorSource.from_proto([tmp_path / name])
    assert caught.value.code == "MP2001"


def test_a_set_without_the_well_known_imports_is_completed(protoc_set, protos):
    # Without --include_imports, protoc writes the named files only.
    path = protoc_set("demo/v1/person.proto")
    assert "google/protobuf/timestamp.proto" not in _files(DescriptorSource(descriptor_set=path.read_bytes()))
    pool = DescriptorSource.from_descriptor_set(path).pool()
    assert pool.FindMessageTypeByName("demo.v1.SayRequest").fields_by_name["at"].message_type.full_name == (
        "google.protobuf.Timestamp"
    )


def test_a_set_that_lacks_an_import_names_it(protoc_set):
    said = r"lacks demo/v1/person\.proto, which demo/v1/hello\.proto imports"
    with pytest.raises(DocumentError, match=said) as caught:
        DescriptorSource.from_descriptor_set(protoc_set())
    assert caught.value.code == "MP2202"
    assert "--include_imports" in (caught.value.hint or "")


@pytest.mark.parametrize("content", [b"", b"\x00\x01garbage", b'syntax = "proto3";', b"\x0a\x00"])
def test_a_file_that_is_no_descriptor_set_is_refused(tmp_path, content):
    path = tmp_path / "set.pb"
    path.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        DescriptorSource.from_descriptor_set(path)
    assert (caught.value.code, caught.value.location.path) == ("MP2202", path)


def test_a_descriptor_set_that_cannot_be_read_is_refused(tmp_path):
    for path in (tmp_path / "absent.pb", tmp_path):
        with pytest.raises(DocumentError) as caught:
            DescriptorSource.from_descriptor_set(path)
        assert (caught.value.code, caught.value.location.path) == ("MP2001", path)


def test_a_set_that_contradicts_itself_or_imports_in_a_circle_is_refused():
    wrong = descriptor_pb2.FileDescriptorSet()
    wrong.file.add(name="a.proto").message_type.add(name="A").field.add(name="x", number=1, type=11, type_name=".Gone")
    circle = descriptor_pb2.FileDescriptorSet()
    circle.file.add(name="a.proto", dependency=["b.proto"])
    circle.file.add(name="b.proto", dependency=["a.proto"])
    for broken, words in ((wrong, "contradicts itself"), (circle, "imports itself")):
        with pytest.raises(DocumentError, match=words) as caught:
            DescriptorSource(descriptor_set=broken.SerializeToString()).pool()
        assert caught.value.code == "MP2202"


def test_a_chain_of_imports_longer_than_pythons_stack_is_followed():
    long = descriptor_pb2.FileDescriptorSet()
    for number in range(2000):
        long.file.add(name=f"{number}.proto", dependency=[f"{number + 1}.proto"] if number < 1999 else [])
    long.file[-1].message_type.add(name="Last")
    pool = DescriptorSource(descriptor_set=long.SerializeToString()).pool()
    assert pool.FindMessageTypeByName("Last").full_name == "Last"


def test_the_health_service_is_the_standard_one():
    assert HEALTH.services() == {"grpc.health.v1.Health": ("Check", "Watch")}
    methods = HEALTH.pool().FindServiceByName("grpc.health.v1.Health").methods_by_name
    assert not methods["Check"].server_streaming
    assert methods["Watch"].server_streaming
    states = methods["Check"].output_type.fields_by_name["status"].enum_type.values_by_name
    assert {name: value.number for name, value in states.items()} == {
        "UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2, "SERVICE_UNKNOWN": 3
    }  # fmt: skip

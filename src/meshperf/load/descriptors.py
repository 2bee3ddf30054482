"""What a gRPC service is called and what it takes: descriptors, from a file, from `.proto` sources, or built in.

What it decides: nothing about load. A set of file descriptors in its encoded form is all that is kept, so a source can
be compared, stored and handed on; the pool that answers questions is made when it is asked.

What it refuses: a set whose files import others that are not in it. Only the well-known ones of protobuf itself are
added, because every tool leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import (
    any_pb2,
    api_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    type_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from meshperf.errors import DocumentError, Location
from meshperf.load import native

__all__ = ["HEALTH", "DescriptorSource"]

_LARGEST = 64 << 20
"""Bytes of a descriptor set that are read at most; those of whole platforms are a few MiB."""

_WELL_KNOWN = (
    any_pb2, api_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, source_context_pb2, struct_pb2,
    timestamp_pb2, type_pb2, wrappers_pb2,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptorSource:
    """Services and messages by their descriptors. `descriptor_set`: an encoded `google.protobuf.FileDescriptorSet`."""

    descriptor_set: bytes

    @classmethod
    def from_descriptor_set(cls, path: Path) -> DescriptorSource:
        """Read what `protoc --include_imports --descriptor_set_out` or `buf build` wrote.

        Raises:
            DocumentError: MP2001, the file cannot be read; MP2202, it holds no descriptor set, or an import is missing.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
        except OSError as failure:
            raise DocumentError(
                "MP2001", f"the descriptor set cannot be read: {failure.strerror}", location=Location(path=path)
            ) from failure
        if len(data) > _LARGEST:
            raise _misunderstood(path, f"it is larger than {_LARGEST >> 20} MiB")
        source = cls(descriptor_set=data)
        source.pool(path)
        return source

    @classmethod
    def from_proto(cls, files: Sequence[Path], import_paths: Sequence[Path] = ()) -> DescriptorSource:
        """Compile `.proto` files and everything they import.

        Args:
            files: at least one; each lies under one of the import paths.
            import_paths: where imports are looked for, in this order; none: the folders of `files`.

        Raises:
            DocumentError: MP2001, a file cannot be read; MP2202, one does not compile: with line and column.
            PrerequisiteError: MP3003, the compiled engine is not installed.
        """
        for file in files:
            if not file.is_file():
                why = "it is no file" if file.exists() else "there is no such file"
                raise DocumentError("MP2001", f"{file.name} cannot be read: {why}", location=Location(path=file))
        folders = list(dict.fromkeys(import_paths or (file.parent for file in files)))
        return cls(descriptor_set=native.compile_proto(files, folders))

    def pool(self, path: Path | None = None) -> DescriptorPool:
        """All descriptors, ready to be asked. `path`: named in the error.

        Raises:
            DocumentError: MP2202, not a descriptor set, or one that contradicts itself or lacks an import.
        """
        files = self._files(path)
        pool = DescriptorPool()
        for name, serialized in _in_order(files, path):
            try:
                pool.AddSerializedFile(serialized)
            except (TypeError, DecodeError) as broken:
                raise _misunderstood(path, f"{name} contradicts itself: {broken}") from broken
        return pool

    def services(self) -> Mapping[str, tuple[str, ...]]:
        """Full names of all services, each with the names of its methods.

        Raises:
            DocumentError: MP2202, not a descriptor set.
        """
        return {
            f"{file.package}.{service.name}".lstrip("."): tuple(method.name for method in service.method)
            for file in self._files(None).values()
            for service in file.service
        }

    def _files(self, path: Path | None) -> dict[str, Any]:
        try:
            parsed = descriptor_pb2.FileDescriptorSet.FromString(self.descriptor_set)
        except DecodeError as broken:
            hint = "make one with `protoc --include_imports --descriptor_set_out=FILE`; .proto files are given as such"
            raise _misunderstood(path, "it is no FileDescriptorSet", hint) from broken
        files = {file.name: file for file in parsed.file}
        if not files or "" in files:
            raise _misunderstood(path, "it names no files")
        return files


def _in_order(files: Mapping[str, Any], path: Path | None) -> Iterator[tuple[str, bytes]]:
    """Every file after all that it imports. A stack of its own: a chain of imports may be longer than Python's."""
    known = {module.DESCRIPTOR.name: module.DESCRIPTOR for module in _WELL_KNOWN}
    opened, done = set[str](), set[str]()
    waiting = [(name, name) for name in reversed(list(files))]
    while waiting:
        name, importer = waiting[-1]
        if name in files:
            needs = list(files[name].dependency)
        elif name in known:
            needs = [dependency.name for dependency in known[name].dependencies]
        else:
            hint = "write the set with all imports: `protoc --include_imports`, or `buf build`"
            raise _misunderstood(path, f"it lacks {name}, which {importer} imports", hint)
        missing = [need for need in needs if need not in done]
        if name in done or not missing:
            waiting.pop()
            if name not in done:
                done.add(name)
                yield name, files[name].SerializeToString() if name in files else known[name].serialized_pb
            continue
        if name in opened:
            raise _misunderstood(path, f"{name} imports itself by way of {missing[0]}")
        opened.add(name)
        waiting.extend((need, name) for need in missing)


def _misunderstood(path: Path | None, why: str, hint: str | None = None) -> DocumentError:
    return DocumentError("MP2202", f"not a usable descriptor set: {why}", location=Location(path=path), hint=hint)


def _health() -> bytes:
    """The service that every gRPC health probe asks, `grpc.health.v1.Health`, as its public definition has it."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="grpc/health/v1/health.proto", package="grpc.health.v1")
    file.syntax = "proto3"
    request = file.message_type.add(name="HealthCheckRequest")
    request.field.add(name="service", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    response = file.message_type.add(name="HealthCheckResponse")
    states = response.enum_type.add(name="ServingStatus")
    for number, state in enumerate(("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")):
        states.value.add(name=state, number=number)
    kind = ".grpc.health.v1.HealthCheckResponse"
    response.field.add(
        name="status", number=1, type=field.TYPE_ENUM, label=field.LABEL_OPTIONAL, type_name=f"{kind}.ServingStatus"
    )
    service = file.service.add(name="Health")
    asked = ".grpc.health.v1.HealthCheckRequest"
    service.method.add(name="Check", input_type=asked, output_type=kind)
    service.method.add(name="Watch", input_type=asked, output_type=kind, server_streaming=True)
    return descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString(deterministic=True)


HEALTH = DescriptorSource(descriptor_set=_health())
"""The standard health service: `grpc.health.v1.Health`, methods `Check` and `Watch`."""

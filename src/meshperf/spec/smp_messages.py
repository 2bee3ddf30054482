"""The messages of SMP as tables: which fields a kind of document has, and which kind a document's keys speak of.

The tables are protobuf's descriptors of the extended messages; fields below 1000 are the standard's. This module and
those that use it are the only ones that need protobuf, so a verb that reads no SMP dialect never loads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from meshperf.spec._proto.extended import service_mesh_pb2, service_mesh_performance_pb2
from meshperf.spec.smp_document import Kind

__all__ = ["ROOTS", "enum_prefix", "fields_of", "is_extension", "kind_of", "message_of", "snake", "table_of"]

ROOTS = (Kind.TEST, Kind.RESULT, Kind.MESH_CONFIG, Kind.ENVIRONMENT, Kind.MESH)
"""Kinds that are one message."""
JSON_VALUES = frozenset(f"google.protobuf.{name}" for name in ("Value", "Struct", "ListValue"))
TIMESTAMP = "google.protobuf.Timestamp"


def message_of(kind: Kind) -> type[Message]:
    """The class of a kind's message; a test file is written as its test."""
    name = Kind.TEST if kind is Kind.TEST_FILE else kind
    module = service_mesh_pb2 if kind is Kind.MESH else service_mesh_performance_pb2
    message: type[Message] = getattr(module, name.value)
    return message


def table_of(kind: Kind) -> Descriptor:
    """The fields of a kind's message."""
    return cast("Descriptor", message_of(kind).DESCRIPTOR)


@cache
def fields_of(descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
    """Fields of a message by every name a document may use: the proto's, and protobuf's camelCase."""
    named = {field.name: field for field in descriptor.fields}
    return {**{field.json_name: field for field in descriptor.fields}, **named}


def is_extension(field: FieldDescriptor) -> bool:
    return bool(field.number >= 1000)


@cache
def enum_prefix(enum: EnumDescriptor) -> str:
    """What all names of an enum begin with and documents may leave out, such as `KIND_`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
    return words if all(value.name.startswith(words) for value in enum.values) else ""


def snake(name: str) -> str:
    """`testId` as `test_id`; names that are in snake_case already stay."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match.group(1).lower(), name)


def kind_of(data: Any) -> Kind | None:
    """The kind that a document's keys speak of; None where they speak of none, or of two alike."""
    if not isinstance(data, dict):
        return None
    keys = {snake(str(key)) for key in data}
    votes = {kind: len(keys & _telling(kind)) for kind in ROOTS}
    votes[Kind.TEST] += len(keys & {"client"})
    votes[Kind.ENVIRONMENT] += len(keys & {"node"})
    best = max(votes, key=lambda kind: votes[kind])
    if (isinstance(data.get("test"), dict) or isinstance(data.get("mesh"), dict)) and not votes[Kind.RESULT] - (
        "test" in keys
    ):
        return Kind.TEST_FILE
    if votes[best] == 0:
        return Kind.MESH if "type" in keys else None
    return best if sum(count == votes[best] for count in votes.values()) == 1 else None


@cache
def _telling(kind: Kind) -> frozenset[str]:
    """Names that only this kind has."""
    mine = {field.name for field in table_of(kind).fields}
    others = (table_of(other).fields for other in ROOTS if other is not kind)
    return frozenset(mine - {field.name for fields in others for field in fields})

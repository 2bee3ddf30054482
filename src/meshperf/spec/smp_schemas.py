"""JSON Schema of the SMP documents in the extended dialect, from the messages' tables.

A field may be left out, and keys that are not listed are kept: the schema says what a field holds where it is there.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meshperf.spec.smp_document import Kind
from meshperf.spec.smp_messages import TIMESTAMP, table_of
from meshperf.spec.smp_normal import BOUNDS

__all__ = ["SMP_SCHEMAS", "properties_of", "smp_schema"]

SMP_SCHEMAS: Mapping[str, Kind] = {
    "smp-test-file": Kind.TEST_FILE,
    "smp-test": Kind.TEST,
    "smp-result": Kind.RESULT,
    "smp-mesh-config": Kind.MESH_CONFIG,
    "smp-environment": Kind.ENVIRONMENT,
    "smp-mesh": Kind.MESH,
}
_JSON: Mapping[str, dict[str, Any]] = {
    TIMESTAMP: {"type": "string", "format": "date-time"},
    "google.protobuf.Value": {},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
}


def smp_schema(name: str) -> dict[str, Any]:
    """The schema (2020-12) of one kind of SMP document, a key of `SMP_SCHEMAS`."""
    kind = SMP_SCHEMAS[name]
    definitions: dict[str, Any] = {}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"SMP {kind}",
        "description": "In meshperf's extended dialect; keys that are not listed here are kept as they are.",
    }
    if kind is Kind.TEST_FILE:
        parts = {
            "test": _of_message(table_of(Kind.TEST), definitions),
            "mesh": _of_message(table_of(Kind.MESH), definitions),
        }
        body: dict[str, Any] = {"type": "object", "properties": parts, "required": ["test", "mesh"]}
    else:
        body = {"type": "object", "properties": properties_of(table_of(kind), definitions)}
    return {**head, **body, "$defs": dict(sorted(definitions.items()))}


def properties_of(table: Descriptor, definitions: dict[str, Any], *, without: Container[str] = ()) -> dict[str, Any]:
    """The schema of each field of a message, by name; messages inside it go into `definitions`."""
    return {field.name: _of_field(field, definitions) for field in table.fields if field.name not in without}


def _of_field(field: FieldDescriptor, definitions: dict[str, Any]) -> dict[str, Any]:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return {"type": "object", "additionalProperties": _of_one(inner.fields_by_name["value"], definitions)}
    one = _of_one(field, definitions)
    return {"type": "array", "items": one} if field.is_repeated else one


def _of_one(field: FieldDescriptor, definitions: dict[str, Any]) -> dict[str, Any]:
    if field.message_type is not None:
        known = _JSON.get(field.message_type.full_name)
        return _of_message(field.message_type, definitions) if known is None else dict(known)
    if field.enum_type is not None:
        names = [value.name for value in field.enum_type.values]
        return {"anyOf": [{"enum": names}, {"type": "integer"}]}
    if field.cpp_type in BOUNDS:
        low, high, _ = BOUNDS[field.cpp_type]
        return {"type": "integer", "minimum": low, "maximum": high}
    simple = {FieldDescriptor.CPPTYPE_DOUBLE: "number", FieldDescriptor.CPPTYPE_BOOL: "boolean"}
    return {"type": simple.get(field.cpp_type, "string")}


def _of_message(table: Descriptor, definitions: dict[str, Any]) -> dict[str, Any]:
    name = table.full_name.removeprefix("smp.extended.")
    if name not in definitions:
        definitions[name] = {}  # in the making, for messages that hold themselves
        definitions[name] = {"type": "object", "properties": properties_of(table, definitions)}
    return {"$ref": f"#/$defs/{name}"}

"""SMP documents written in any dialect, and what a dialect has no place for.

`extended`, `strict` and the binary forms lose nothing: what has no field goes into a label. `smp-go` and `protojson`
are the plain forms that other programs read; they hold the standard's fields, and everything else would be lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meshperf.errors import DocumentError, Location
from meshperf.spec.document import escape
from meshperf.spec.smp_document import Dialect, Kind, SmpDocument
from meshperf.spec.smp_labels import KIND, carrying_labels, divide, hide_meshes, parts, set_labels, zero_of, zeros
from meshperf.spec.smp_messages import TIMESTAMP, fields_of, kind_of
from meshperf.spec.smp_times import instant_of
from meshperf.spec.smp_wire import kinds_of_wire, to_wire, varint, wire_carries

__all__ = ["lost_paths", "to_plain_dialect", "write_smp"]

_PLAIN = (Dialect.SMP_GO, Dialect.PROTOJSON)
_BINARY = (Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED)


def lost_paths(document: SmpDocument, dialect: Dialect) -> tuple[str, ...]:
    """JSON pointers of what a dialect has no place for."""
    return tuple(divide(document.kind, document.data)[1]) if dialect in _PLAIN else ()


def write_smp(documents: Sequence[SmpDocument], dialect: Dialect, *, lossy: bool = False) -> bytes:
    """Documents as the content of a file; a JSON list where there are several.

    Args:
        lossy: leave out what the dialect has no place for, see `lost_paths`.

    Raises:
        DocumentError: MP2203, the dialect would lose something and `lossy` does not allow it; or it is one binary
            message and there are several documents.
    """
    for document in documents:
        lost = lost_paths(document, dialect)
        if lost and not lossy:
            some = ", ".join(lost[:8]) + (f" and {len(lost) - 8} more" if len(lost) > 8 else "")
            message = f"`{dialect}` has no place for {some}"
            hint = "`--to strict` or `--to extended` keeps everything; `--lossy` leaves it out"
            raise DocumentError("MP2203", message, location=Location(pointer=lost[0]), hint=hint)
    if dialect in _BINARY:
        messages = [_binary(document) for document in documents]
        if dialect is Dialect.PROTOBUF_DELIMITED:
            return b"".join(varint(len(message)) + message for message in messages)
        if len(messages) != 1:
            text = f"`protobuf` is one message, and there are {len(messages)} documents"
            raise DocumentError("MP2203", text, location=Location(), hint="write `--to protobuf-delimited`")
        return messages[0]
    plain = [to_plain_dialect(document, dialect) for document in documents]
    content = plain[0] if len(plain) == 1 else plain
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode("utf-8")


def to_plain_dialect(document: SmpDocument, dialect: Dialect) -> dict[str, Any]:
    """One document as plain JSON data of a text dialect, without what the dialect has no place for."""
    if dialect is Dialect.EXTENDED:
        return document.data
    kind = document.kind
    kept, rest = divide(kind, document.data)
    present = zeros(kind, kept)
    telling = {key: value for key, value in kept.items() if f"/{escape(key)}" not in present}
    if kind_of(telling) is not kind:
        set_labels(kind, kept, {KIND: kind.value})
    if dialect is Dialect.PROTOJSON:
        set_labels(kind, kept, carrying_labels({}, present))
    else:
        kept = hide_meshes(kind, kept)
        if dialect is Dialect.STRICT:
            set_labels(kind, kept, carrying_labels(rest, present))
    written = {pointer[1:]: _message(part, table, dialect) for pointer, part, table in parts(kind, kept)}
    return written if kind is Kind.TEST_FILE else written[""]


def _message(data: dict[str, Any], table: Descriptor, dialect: Dialect) -> dict[str, Any]:
    camel = dialect is Dialect.PROTOJSON
    found: dict[str, Any] = {}
    for key, value in data.items():
        one = fields_of(table)[key]
        inner = one.message_type
        if inner is not None and inner.GetOptions().map_entry:
            written = value
        elif one.is_repeated:
            written = [_one(item, one, dialect) for item in value]
        else:
            if camel and inner is None and value == zero_of(one):
                continue
            written = _one(value, one, dialect)
        found[one.json_name if camel else key] = written
    return found


def _one(value: Any, one: FieldDescriptor, dialect: Dialect) -> Any:
    if one.message_type is not None:
        if one.message_type.full_name != TIMESTAMP:
            return _message(value, one.message_type, dialect)
        if dialect is not Dialect.SMP_GO:
            return value
        seconds, nanos = instant_of(value) or (0, 0)
        return {"seconds": seconds, "nanos": nanos}
    if one.enum_type is not None and isinstance(value, str):
        number = one.enum_type.values_by_name[value].number
        return value if dialect is Dialect.PROTOJSON and number < 1000 else number
    if dialect is Dialect.PROTOJSON and one.cpp_type == FieldDescriptor.CPPTYPE_INT64:
        return str(value)
    return value


def _binary(document: SmpDocument) -> bytes:
    """One message; the label of its kind only where its fields do not tell it."""
    kind = document.kind
    kept, rest = divide(kind, document.data, wire_carries)
    if kind is Kind.TEST_FILE:  # there is no message for the two: the mesh goes with the test
        rest = {f"/{escape(key)}": value for key, value in document.data.items() if key != "test"} | {
            pointer: value for pointer, value in rest.items() if pointer.startswith("/test/")
        }
        kept = {"test": kept.get("test", {})}
    present = zeros(kind, kept)
    set_labels(kind, kept, carrying_labels(rest, present))
    content = kept["test"] if kind is Kind.TEST_FILE else kept
    written = to_wire(kind, content).SerializeToString(deterministic=True)
    if (kinds_of_wire(written) or kinds_of_wire(written, newer=True)) == [kind]:
        return written
    content = {**content, "labels": {**content.get("labels", {}), KIND: kind.value}}
    return to_wire(kind, content).SerializeToString(deterministic=True)

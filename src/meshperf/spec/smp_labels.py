"""What a form has no place for, kept in labels of the document, and put back when the document is read.

`labels` exists in every root message and passes through every reader there is. Three labels are ours:

* `smp.ext/v1`: compact JSON, JSON pointer → value, of all that stands in the document and not in the form;
* `smp.ext/present`: compact JSON, pointers of the standard's fields that hold a zero which was written, because forms
  of protobuf cannot tell it from nothing;
* `smp.ext/mesh`, in the labels of a ServiceMesh: its type where that is one of our numbers, `kmesh` for KMESH.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meshperf.errors import DocumentError
from meshperf.spec.document import escape
from meshperf.spec.json_tree import MAX_DEPTH, parse_json
from meshperf.spec.smp_document import Kind
from meshperf.spec.smp_enums import MESH_TYPES
from meshperf.spec.smp_messages import fields_of, is_extension, table_of
from meshperf.spec.smp_normal import Problem

__all__ = [
    "EXTENSIONS", "KIND", "MESH", "PRESENT", "carrying_labels", "divide", "hide_meshes", "is_standard", "labels_of",
    "put_back", "set_labels", "show_meshes", "zero_of", "zeros",
]  # fmt: skip

EXTENSIONS = "smp.ext/v1"
PRESENT = "smp.ext/present"
MESH = "smp.ext/mesh"
KIND = "smp.ext/kind"
"""The kind of a binary message whose fields do not tell it."""
OURS = (EXTENSIONS, PRESENT, KIND)
_ZEROS: Mapping[int, Any] = {
    FieldDescriptor.CPPTYPE_STRING: "",
    FieldDescriptor.CPPTYPE_BOOL: False,
    FieldDescriptor.CPPTYPE_DOUBLE: 0.0,
    FieldDescriptor.CPPTYPE_INT32: 0,
    FieldDescriptor.CPPTYPE_INT64: 0,
}


def labels_of(kind: Kind, data: dict[str, Any]) -> dict[str, Any] | None:
    """The labels of the document, those of the test in a test file; None where they are not a mapping."""
    holder = data
    if kind is Kind.TEST_FILE:
        holder = data.get("test") if isinstance(data.get("test"), dict) else data.get("mesh")  # type: ignore[assignment]
    labels = holder.get("labels") if isinstance(holder, dict) else None
    return labels if isinstance(labels, dict) else None


def set_labels(kind: Kind, data: dict[str, Any], new: Mapping[str, str]) -> None:
    """Add labels to a document that is ours to change."""
    if not new:
        return
    holder = data
    if kind is Kind.TEST_FILE:
        holder = data["test"] if isinstance(data.get("test"), dict) else data.setdefault("mesh", {})
    holder["labels"] = {**holder.get("labels", {}), **new}


def parts(kind: Kind, data: Mapping[str, Any]) -> Iterator[tuple[str, Any, Descriptor]]:
    """Pointer, data and table of the messages a document is made of: one, or the two of a test file."""
    if kind is Kind.TEST_FILE:
        for key, part in (("test", Kind.TEST), ("mesh", Kind.MESH)):
            if isinstance(data.get(key), dict):
                yield f"/{key}", data[key], table_of(part)
    else:
        yield "", data, table_of(kind)


Carries = Callable[[Descriptor, str, Any], bool]
"""Whether a form has a place for a key of a message with this value."""


def is_standard(table: Descriptor, key: str, value: Any) -> bool:
    """What every reader of the standard knows."""
    one = fields_of(table).get(key)
    return one is not None and one.name == key and not is_extension(one)


def divide(kind: Kind, data: dict[str, Any], carries: Carries = is_standard) -> tuple[dict[str, Any], dict[str, Any]]:
    """The part of neutral data that a form carries in place, and all the rest by its pointer."""
    rest: dict[str, Any] = {}
    if kind is not Kind.TEST_FILE:
        return _divide(data, table_of(kind), "", carries, rest), rest
    known = {pointer[1:]: (part, table) for pointer, part, table in parts(kind, data)}
    kept = {key: _divide(part, table, f"/{key}", carries, rest) for key, (part, table) in known.items()}
    rest |= {f"/{escape(key)}": value for key, value in data.items() if key not in known}
    return kept, rest


def _divide(
    data: dict[str, Any], table: Descriptor, pointer: str, carries: Carries, rest: dict[str, Any]
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in data.items():
        one = fields_of(table).get(key)
        place = f"{pointer}/{escape(key)}"
        if not carries(table, key, value):
            rest[place] = value
            continue
        kept[key] = value
        inner = None if one is None else one.message_type
        if one is None or inner is None or inner.full_name.startswith("google.protobuf."):
            continue
        if inner.GetOptions().map_entry:
            inner = inner.fields_by_name["value"].message_type
            if inner is not None and not inner.full_name.startswith("google.protobuf."):
                kept[key] = {
                    name: _divide(item, inner, f"{place}/{escape(name)}", carries, rest) for name, item in value.items()
                }
        elif one.is_repeated:
            kept[key] = [_divide(item, inner, f"{place}/{at}", carries, rest) for at, item in enumerate(value)]
        else:
            kept[key] = _divide(value, inner, place, carries, rest)
    return kept


def zeros(kind: Kind, data: Mapping[str, Any]) -> list[str]:
    """Pointers of fields that protobuf cannot tell from absent ones and that are there, as zero, false or empty."""
    found: list[str] = []
    for pointer, part, table in parts(kind, data):
        _zeros(part, table, pointer, found)
    return found


def _zeros(data: Mapping[str, Any], table: Descriptor, pointer: str, found: list[str]) -> None:
    fields = fields_of(table)
    for key, value in data.items():
        one = fields.get(key)
        if one is None or one.name != key:
            continue
        place = f"{pointer}/{escape(key)}"
        inner = one.message_type
        entry = inner is not None and inner.GetOptions().map_entry
        if inner is not None and entry:
            inner = inner.fields_by_name["value"].message_type
        if inner is not None and inner.full_name.startswith("google.protobuf."):
            continue
        if inner is not None and entry:
            for name, each in value.items():
                _zeros(each, inner, f"{place}/{escape(name)}", found)
        elif inner is not None and isinstance(value, list):
            for at, each in enumerate(value):
                _zeros(each, inner, f"{place}/{at}", found)
        elif inner is not None:
            _zeros(value, inner, place, found)
        elif not one.has_presence and not one.is_repeated and value == zero_of(one):
            found.append(place)


def zero_of(one: FieldDescriptor) -> Any:
    """What protobuf takes a field for that is not there."""
    if one.enum_type is not None:
        return one.enum_type.values_by_number[0].name
    return _ZEROS[one.cpp_type]


def hide_meshes(kind: Kind, data: dict[str, Any]) -> dict[str, Any]:
    """A copy in which a mesh type of our own is the standard's 0 with a label, as readers of the standard need it."""
    copy = dict(data)
    for place, mesh in _meshes(kind, data):
        name = mesh.get("type")
        if name in _OUR_MESHES:
            label = {MESH: str(name).lower().replace("_", "-")}
            hidden = {**mesh, "type": MESH_TYPES[0], "labels": {**mesh.get("labels", {}), **label}}
            copy = {**copy, place: hidden} if place else hidden
    return copy


def show_meshes(kind: Kind, data: dict[str, Any]) -> None:
    """Undo `hide_meshes` in place."""
    for _, mesh in _meshes(kind, data):
        labels = mesh.get("labels")
        if not isinstance(labels, dict) or not isinstance(labels.get(MESH), str):
            continue
        name = labels[MESH].upper().replace("-", "_")
        if name in _OUR_MESHES and mesh.get("type", MESH_TYPES[0]) == MESH_TYPES[0]:
            mesh["type"] = name
            del labels[MESH]
            if not labels:
                del mesh["labels"]


_OUR_MESHES = frozenset(name for number, name in MESH_TYPES.items() if number >= 1000)


def _meshes(kind: Kind, data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The ServiceMesh messages of the standard's part, each with its key; the document itself under the empty key."""
    if kind is Kind.MESH:
        return [("", data)]
    place = {Kind.TEST_FILE: "mesh", Kind.MESH_CONFIG: "mesh_type"}.get(kind, "")
    mesh = data.get(place)
    return [(place, mesh)] if isinstance(mesh, dict) else []


def carrying_labels(extensions: Mapping[str, Any], present: list[str]) -> dict[str, str]:
    """The labels that carry what was taken out of a document."""
    labels = {}
    if extensions:
        labels[EXTENSIONS] = json.dumps(extensions, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if present:
        labels[PRESENT] = json.dumps(present, ensure_ascii=False, separators=(",", ":"))
    return labels


def put_back(kind: Kind, data: dict[str, Any]) -> list[Problem]:
    """Take our labels out of neutral data and put what they carry where it belongs, in place."""
    labels = labels_of(kind, data)
    if labels is None or not any(name in labels for name in OURS):
        return []
    where = "/test/labels" if kind is Kind.TEST_FILE and isinstance(data.get("test"), dict) else "/labels"
    taken = {name: labels.pop(name) for name in OURS if name in labels}
    problems: list[Problem] = []
    for name, wanted in ((EXTENSIONS, dict), (PRESENT, list)):
        if name in taken:
            message = _put_all(kind, data, name, taken[name], wanted)
            if message is not None:
                problems.append(Problem(code="MP2204", message=message, pointer=f"{where}/{escape(name)}"))
    if not labels:
        _drop_labels(kind, data)
    return problems


def _drop_labels(kind: Kind, data: dict[str, Any]) -> None:
    holder = (
        data if kind is not Kind.TEST_FILE else data["test"] if isinstance(data.get("test"), dict) else data["mesh"]
    )
    if not holder.get("labels"):
        holder.pop("labels", None)


def _put_all(kind: Kind, data: dict[str, Any], name: str, text: Any, wanted: type[Any]) -> str | None:
    """Why a label's content cannot be put back; None where it was."""
    try:
        carried: Any = parse_json(text, None)
    except DocumentError as error:
        return f"`{name}` is {error.message}"
    fits = isinstance(carried, wanted) and all(isinstance(one, str) and one[:1] == "/" for one in carried)
    pointers: list[str] = list(carried) if fits else []
    if not fits:
        return f"`{name}` must hold JSON pointers{' and their values' if wanted is dict else ''}"
    for pointer in pointers:
        holds_values = isinstance(carried, dict)
        value = carried[pointer] if holds_values else _zero_at(kind, pointer)
        if (value is None and not holds_values) or not _put(data, pointer, value, new=not holds_values):
            return f"`{name}` speaks of {pointer[:80]}, which this document does not have"
    return None


def _way(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _zero_at(kind: Kind, pointer: str) -> Any:
    """The zero of the field at a pointer; None where there is no such field."""
    way = _way(pointer)
    part = kind
    if kind is Kind.TEST_FILE:
        part, way = (Kind.TEST if way[0] == "test" else Kind.MESH), way[1:]
    table: Descriptor | None = table_of(part)
    while table is not None and way:
        name = way.pop(0)
        one = fields_of(table).get(name)
        if one is None or one.name != name:  # camelCase names are known too, and are no place in a neutral document
            return None
        if not way:
            return None if one.message_type is not None or one.is_repeated else zero_of(one)
        table = one.message_type
        if table is not None and table.GetOptions().map_entry:
            table = table.fields_by_name["value"].message_type
            way.pop(0)
        elif one.is_repeated:
            way.pop(0)
    return None


def _put(data: Any, pointer: str, value: Any, *, new: bool) -> bool:
    *way, last = _way(pointer)
    if len(way) > MAX_DEPTH:
        return False
    at = data
    for part in way:
        if isinstance(at, list) and part.isascii() and part.isdecimal() and len(part) < 10 and int(part) < len(at):
            at = at[int(part)]
        elif isinstance(at, dict):
            at = at.setdefault(part, {})
        else:
            return False
    if not isinstance(at, dict):
        return False
    if not new or last not in at:
        at[last] = value
    return True

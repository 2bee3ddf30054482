"""Hypothesis strategies for SMP documents in the neutral form, field by field from the messages' tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from meshperf.spec.smp_document import Kind, SmpDocument
from meshperf.spec.smp_labels import KIND, MESH
from meshperf.spec.smp_messages import fields_of, table_of
from meshperf.spec.smp_normal import BOUNDS
from meshperf.spec.smp_suspicions import UNITS
from meshperf.spec.smp_times import instant_text

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FOREIGN = st.dictionaries(st.sampled_from(["x-note", "vendor/thing", "~", "", "über"]), JSON, max_size=2)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def times() -> st.SearchStrategy[str]:
    return st.builds(instant_text, st.integers(-(10**9), 4 * 10**9), st.integers(0, 10**9 - 1))


def json_value(name: str) -> st.SearchStrategy[Any]:
    if name == "google.protobuf.Struct":
        return st.dictionaries(TEXT, JSON, min_size=1, max_size=3)
    if name == "google.protobuf.ListValue":
        return st.lists(JSON, max_size=3)
    return JSON.filter(lambda value: value is not None)


def value_of(one: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if one.message_type is not None:
        name = one.message_type.full_name
        if name == "google.protobuf.Timestamp":
            return times()
        return json_value(name) if name.startswith("google.protobuf.") else message(one.message_type, depth - 1)
    if one.enum_type is not None:
        return st.sampled_from([value.name for value in one.enum_type.values]) | st.integers(2000, 2100)
    if one.cpp_type in BOUNDS:
        low, high, _ = BOUNDS[one.cpp_type]
        return st.integers(low, high) | st.just(0)
    simple = {FieldDescriptor.CPPTYPE_DOUBLE: NUMBER, FieldDescriptor.CPPTYPE_BOOL: st.booleans()}
    return simple.get(one.cpp_type, TEXT)


@st.composite
def message(draw: st.DrawFn, table: Descriptor, depth: int = 3) -> dict[str, Any]:
    fields = sorted({field.name for field in fields_of(table).values()})
    if depth <= 0:
        fields = [name for name in fields if fields_of(table)[name].message_type is None]
    chosen = draw(st.lists(st.sampled_from(fields), max_size=5, unique=True)) if fields else []
    found: dict[str, Any] = {}
    for name in chosen:
        one = fields_of(table)[name]
        if one.message_type is not None and one.message_type.GetOptions().map_entry:
            inner = value_of(one.message_type.fields_by_name["value"], depth)
            found[name] = draw(st.dictionaries(TEXT, inner, min_size=1, max_size=2))
        elif one.is_repeated:
            found[name] = draw(st.lists(value_of(one, depth), min_size=1, max_size=2))
        else:
            found[name] = draw(value_of(one, depth))
    return found | (draw(FOREIGN) if draw(st.booleans()) else {})


@st.composite
def documents(draw: st.DrawFn) -> SmpDocument:
    kind = draw(st.sampled_from(list(Kind)))
    if kind is Kind.TEST_FILE:
        data = {
            "test": draw(message(table_of(Kind.TEST))),
            "mesh": draw(message(table_of(Kind.MESH))),
        } | draw(FOREIGN)
    else:
        data = draw(message(table_of(kind)))
    if kind is Kind.RESULT and "latencies_ms" in data:  # doubts about units have tests of their own
        data["labels"] = {**data.get("labels", {}), UNITS: "said"}
    return SmpDocument(kind=kind, data=data)


__all__ = ["KIND", "MESH", "documents", "message"]

"""A comparison as a document: plain dicts and lists for `comparison.json`, and back without loss.

Why this way: the records are the schema. Field names are the keys, an enum is its text, an unknown number (NaN) is
null, and the types of the fields say how to read each back, so a new field needs no line here.

What it refuses: keys it does not know, and a document of another version.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from meshperf.analysis.records import Comparison, NoiseFloor
from meshperf.errors import DocumentError, Location

__all__ = ["COMPARISON_VERSION", "comparison_from_document", "comparison_to_document", "floor_from_document", "plain"]

COMPARISON_VERSION = 1
_KIND = "meshperf-comparison"


def comparison_to_document(comparison: Comparison) -> dict[str, Any]:
    """Everything in the comparison as JSON types."""
    return {"kind": _KIND, "version": COMPARISON_VERSION, **cast(dict[str, Any], _plain(comparison))}


def comparison_from_document(document: Mapping[str, Any]) -> Comparison:
    """Read what `comparison_to_document` wrote; missing keys take the field's default.

    Raises:
        DocumentError: another kind or version (MP2201), an unknown key (MP2101), a missing one (MP2102), or a value of
            the wrong form (MP2104).
    """
    if document.get("kind") != _KIND or document.get("version") != COMPARISON_VERSION:
        raise DocumentError(
            "MP2201",
            f"this is not a {_KIND} document of version {COMPARISON_VERSION}",
            location=Location(pointer="/kind"),
            hint="write it again with this version of meshperf",
        )
    body = {key: value for key, value in document.items() if key not in ("kind", "version")}
    return cast(Comparison, _record(Comparison, body, ""))


def floor_from_document(document: Mapping[str, Any]) -> NoiseFloor:
    """Read one entry of a comparison's `noise_floors`, its rounds left out.

    Raises:
        DocumentError: as `comparison_from_document`.
    """
    return cast(NoiseFloor, _record(NoiseFloor, {key: one for key, one in document.items() if key != "rounds"}, ""))


def plain(record: object) -> Any:
    """Any record of this package as JSON types: keys are field names, an unknown number is null."""
    return _plain(record)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return value


def _record(kind: Any, document: Any, pointer: str) -> Any:
    if not isinstance(document, Mapping):
        raise _wrong(pointer, "an object")
    hints = _hints(kind)
    for key in document:
        if key not in hints:
            raise DocumentError("MP2101", f"unknown key `{key}`", location=Location(pointer=f"{pointer}/{key}"))
    arguments = {key: _value(hints[key], entry, f"{pointer}/{key}") for key, entry in document.items()}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise DocumentError("MP2102", f"a key is missing: {error}", location=Location(pointer=pointer)) from error


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(hint: Any, entry: Any, pointer: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        choices = [choice for choice in get_args(hint) if choice is not type(None)]
        if entry is None or len(choices) > 1:
            return entry
        return _value(choices[0], entry, pointer)
    if hint is float:
        if entry is None:
            return math.nan
        if isinstance(entry, bool) or not isinstance(entry, int | float):
            raise _wrong(pointer, "a number or null")
        return float(entry)
    if origin is tuple:
        if not isinstance(entry, list | tuple):
            raise _wrong(pointer, "a list")
        return tuple(_value(get_args(hint)[0], part, f"{pointer}/{place}") for place, part in enumerate(entry))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(entry, Mapping):
            raise _wrong(pointer, "an object")
        return {key: _value(get_args(hint)[1], part, f"{pointer}/{key}") for key, part in entry.items()}
    if is_dataclass(hint):
        return _record(hint, entry, pointer)
    if not isinstance(entry, str if issubclass(hint, Enum) else hint):
        raise _wrong(pointer, f"of type {hint.__name__}")
    try:
        return hint(entry) if issubclass(hint, Enum) else entry
    except ValueError as error:
        raise _wrong(pointer, f"one of {', '.join(str(member.value) for member in hint)}") from error


def _wrong(pointer: str, what: str) -> DocumentError:
    return DocumentError("MP2104", f"the value must be {what}", location=Location(pointer=pointer))

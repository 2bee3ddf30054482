"""Plain JSON data of any dialect to the neutral form: one name a field, one form a value, every problem with its place.

It walks the data beside the message's table. It takes what either of SMP's JSON readers takes and refuses what a field
cannot hold; keys that are in no table are kept as they are. What it saw on the way (camelCase, numbers for enums, our
extensions) tells the dialect.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meshperf.spec.document import escape
from meshperf.spec.quantities import show, words_hint
from meshperf.spec.smp_enums import MESH_ALIASES
from meshperf.spec.smp_messages import JSON_VALUES, TIMESTAMP, enum_prefix, fields_of, is_extension
from meshperf.spec.smp_times import instant_of, instant_text

__all__ = ["BOUNDS", "Normaliser", "Problem"]

F = FieldDescriptor
BOUNDS = {
    F.CPPTYPE_INT32: (-(2**31), 2**31 - 1, "32 bits"),
    F.CPPTYPE_INT64: (-(2**63), 2**63 - 1, "64 bits"),
}
_WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_NOTHING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong at one place of a document."""

    code: str
    message: str
    pointer: str
    hint: str | None = None
    key: bool = False


@dataclass(slots=True, kw_only=True)
class Normaliser:
    """Reads one document; problems, foreign keys and traces of the dialect are collected on the way.

    `written` gives a value as the file's author typed it, so that `version: 1.20` stays that.
    """

    written: Callable[[str], str | None] = lambda pointer: None
    problems: list[Problem] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    camel: int = 0
    extensions: int = 0
    names: int = 0
    """Enums by name."""
    numbers: int = 0
    """Enums by number."""
    clocks: int = 0
    """Times as seconds and nanoseconds."""
    texts: int = 0
    """64-bit integers as text."""

    def message(self, data: Any, descriptor: Descriptor, pointer: str) -> dict[str, Any]:
        """The neutral form of one message; what is wrong is left out and noted in `problems`."""
        if not isinstance(data, dict):
            self._bad("a mapping of keys to values", data, pointer)
            return {}
        known = fields_of(descriptor)
        found: dict[str, Any] = {}
        for key, value in data.items():
            place = f"{pointer}/{escape(key)}"
            if not self._is_text(key, place):
                continue
            one = known.get(key)
            if one is None:
                found |= self.foreign({key: value}, pointer)
                continue
            self.camel += key != one.name
            if one.name in found:
                message = f"the key `{one.name}` is given twice, here as `{key}`"
                self.problems.append(Problem(code="MP2003", message=message, pointer=place, hint="keep one", key=True))
                continue
            self.extensions += is_extension(one)
            neutral = _NOTHING if value is None else self._field(value, one, place)
            if neutral is not _NOTHING:
                found[one.name] = neutral
        return found

    def foreign(self, data: dict[str, Any], pointer: str) -> dict[str, Any]:
        """Keys that are in no table, as they are."""
        found: dict[str, Any] = {}
        for key, value in data.items():
            place = f"{pointer}/{escape(key)}"
            self.unknown.append(place)
            if self._is_text(key, place) and self._is_json(value, place):
                found[key] = value
        return found

    def _field(self, value: Any, one: F, pointer: str) -> Any:
        if one.message_type is not None and one.message_type.GetOptions().map_entry:
            return self._map(value, one.message_type.fields_by_name["value"], pointer)
        if one.is_repeated:
            if not isinstance(value, list):
                return self._bad("a list", value, pointer)
            items = [self._one(item, one, f"{pointer}/{at}") for at, item in enumerate(value)]
            return [item for item in items if item is not _NOTHING] or _NOTHING
        return self._one(value, one, pointer)

    def _map(self, value: Any, one: F, pointer: str) -> Any:
        if not isinstance(value, dict):
            return self._bad("a mapping of keys to values", value, pointer)
        found: dict[str, Any] = {}
        for key, inner in value.items():
            place = f"{pointer}/{escape(key)}"
            if self._is_text(key, place):
                neutral = self._one(inner, one, place)
                if neutral is not _NOTHING:
                    found[key] = neutral
        return found or _NOTHING

    def _one(self, value: Any, one: F, pointer: str) -> Any:
        if one.message_type is not None:
            name = one.message_type.full_name
            if name == TIMESTAMP:
                return self._time(value, pointer)
            if name in JSON_VALUES:
                return self._json(value, name, pointer)
            return self.message(value, one.message_type, pointer)
        if one.enum_type is not None:
            return self._enum(value, one, pointer)
        if one.cpp_type in BOUNDS:
            return self._whole(value, one, pointer)
        if one.cpp_type == F.CPPTYPE_DOUBLE:
            return self._number(value, pointer)
        if one.cpp_type == F.CPPTYPE_BOOL:
            return value if isinstance(value, bool) else self._bad("true or false", value, pointer)
        return self._text(value, pointer)

    def _time(self, value: Any, pointer: str) -> Any:
        instant = instant_of(value)
        if instant is None:
            return self._bad("a time such as 2026-01-31T12:00:00Z", value, pointer)
        self.clocks += isinstance(value, dict)
        return instant_text(*instant)

    def _json(self, value: Any, name: str, pointer: str) -> Any:
        wanted = {"google.protobuf.Struct": dict, "google.protobuf.ListValue": list}.get(name)
        if wanted is not None and not isinstance(value, wanted):
            return self._bad("a mapping of keys to values" if wanted is dict else "a list", value, pointer)
        if value in ({}, []) and name == "google.protobuf.Struct":
            return _NOTHING
        return value if self._is_json(value, pointer) else _NOTHING

    def _enum(self, value: Any, one: F, pointer: str) -> Any:
        enum = one.enum_type
        assert enum is not None
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
            self.numbers += 1
            known = enum.values_by_number.get(value)
            return value if known is None else known.name
        names = enum.values_by_name
        if isinstance(value, str):
            if not self._is_text(value, pointer):  # protobuf cannot look such a name up
                return _NOTHING
            for name in (value, enum_prefix(enum) + value, MESH_ALIASES.get(value, "")):
                if name in names:
                    self.names += 1
                    return name
        message = f"`{one.name}` has no value {show(value)}"
        hint = words_hint(value, tuple(names)) if isinstance(value, str) else f"one of {', '.join(list(names)[:8])}"
        self.problems.append(Problem(code="MP2204", message=message, pointer=pointer, hint=hint))
        return _NOTHING

    def _whole(self, value: Any, one: F, pointer: str) -> Any:
        low, high, size = BOUNDS[one.cpp_type]
        number = value
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            number = int(value)
            self.texts += one.cpp_type == F.CPPTYPE_INT64
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        if not isinstance(number, int) or isinstance(number, bool):
            return self._bad("a whole number", value, pointer)
        if not low <= number <= high:
            return self._bad(f"a whole number of {size}", value, pointer)
        return number

    def _number(self, value: Any, pointer: str) -> Any:
        if isinstance(value, str) and _NUMBER.fullmatch(value[:400]):
            value = float(value[:400])
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
            number = float(value)
            if math.isfinite(number):
                return number
        return self._bad("a finite number", value, pointer)

    def _text(self, value: Any, pointer: str) -> Any:
        if isinstance(value, str):
            return value if self._is_text(value, pointer) else _NOTHING
        if isinstance(value, bool | int | float):
            typed = self.written(pointer)
            if typed is not None:
                return typed
        return self._bad("text", value, pointer)

    def _is_text(self, value: str, pointer: str) -> bool:
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            message = "half a character, which UTF-8 cannot write"
            self.problems.append(
                Problem(code="MP2204", message=message, pointer=pointer.encode("utf-8", "replace").decode())
            )
            return False
        return True

    def _is_json(self, value: Any, pointer: str) -> bool:
        """Whether foreign data can be written again."""
        if isinstance(value, str):
            return self._is_text(value, pointer)
        if isinstance(value, float) and not math.isfinite(value):
            self._bad("a finite number", value, pointer)
            return False
        if isinstance(value, dict):
            return all(self._is_text(key, pointer) for key in value) and all(
                self._is_json(inner, f"{pointer}/{escape(key)}") for key, inner in value.items()
            )
        if isinstance(value, list):
            return all(self._is_json(inner, f"{pointer}/{at}") for at, inner in enumerate(value))
        return True

    def _bad(self, wanted: str, found: Any, pointer: str) -> Any:
        name = pointer.rpartition("/")[2] or "the document"
        message = f"`{name}` must be {wanted}, found {show(found)}"
        self.problems.append(Problem(code="MP2204", message=message, pointer=pointer))
        return _NOTHING

"""Frozen records to plain JSON-ready data and back, led by the records' own type hints.

Why not by hand: a field that is added to a record must reach the document and come back, and forgetting one would lose
it in silence. What is unknown (None) or empty is left out; numbers always stand, because absent is not zero.

What it refuses: writing NaN or infinity, and writing PEM text, whatever field it strayed into. Reading refuses every
value of the wrong type with its JSON pointer.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import types
import typing
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from numbers import Integral, Real
from typing import Any, TypeVar

from meshperf.errors import DocumentError, Location
from meshperf.histograms import EMPTY, Histogram
from meshperf.spec.document import escape
from meshperf.spec.quantities import show

__all__ = ["WITHHELD", "field_types", "from_plain", "histogram_from_plain", "record_from_plain", "to_plain", "wrong"]

WITHHELD = "withheld: PEM text is never written"
_BIGGEST = 2**63
R = TypeVar("R")


def to_plain(value: Any) -> Any:
    """JSON-ready form of a record or of anything a record holds; None for a number that is not finite.

    Raises:
        ValueError: a field that must be known is not finite, or a time has no zone.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return WITHHELD if "-----BEGIN " in value else str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return time_to_plain(value)
    if isinstance(value, Histogram):
        return {"index": value.index.tolist(), "count": value.count.tolist()}
    if isinstance(value, Mapping):
        plain = {str(to_plain(str(key))): to_plain(one) for key, one in value.items()}
        return {key: one for key, one in plain.items() if one is not None}
    if isinstance(value, tuple | list):
        return [to_plain(one) for one in value]
    return _record_to_plain(value)


def _record_to_plain(record: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if value is None or (_may_be_left_out(value) and value == _default(field)):
            continue
        written = to_plain(value)
        if written is None:
            if type(None) not in typing.get_args(field_types(type(record))[field.name]):
                raise ValueError(f"{type(record).__name__}.{field.name} is not a finite number")
            continue
        plain[field.name] = written
    return plain


def _may_be_left_out(value: Any) -> bool:
    """Whether a value that equals its default needs no place in a document: empty things, true and false."""
    if isinstance(value, Histogram):
        return value.index.size == 0
    return isinstance(value, bool) or (isinstance(value, str | tuple | Mapping) and not value)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def time_to_plain(value: datetime) -> str:
    """RFC 3339 in UTC with microseconds.

    Raises:
        ValueError: the time has no zone.
    """
    if value.tzinfo is None:
        raise ValueError("a time in a document needs its zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@cache
def _hints(record: Hashable) -> Mapping[str, Any]:
    hints = typing.get_type_hints(record)
    return {field.name: hints[field.name] for field in dataclasses.fields(typing.cast("Any", record))}


def field_types(record: type) -> Mapping[str, Any]:
    """Resolved type hint of every field of a record class."""
    return _hints(typing.cast("Hashable", record))


def record_from_plain(record: type[R], data: Any, pointer: str) -> R:
    """A record from its plain form; keys it does not know are passed over.

    Raises:
        DocumentError: MP2102 for a missing field, MP2103 or MP2104 for a value that cannot be used.
    """
    if not isinstance(data, dict):
        raise wrong(pointer, "a mapping of keys to values", data)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(record):  # type: ignore[arg-type]
        hint = field_types(record)[field.name]
        if data.get(field.name) is not None:
            values[field.name] = from_plain(hint, data[field.name], f"{pointer}/{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            values[field.name] = _left_out(hint, field.name, pointer)
    return record(**values)


def _left_out(hint: Any, name: str, pointer: str) -> Any:
    """What an absent field without default stands for: unknown or empty where its type has that, else an error."""
    if type(None) in typing.get_args(hint):
        return None
    if hint is Histogram:
        return EMPTY
    if hint is str:
        return ""
    if typing.get_origin(hint) is tuple:
        return ()
    if typing.get_origin(hint) is not None:
        return {}
    raise DocumentError("MP2102", f"the key `{name}` is missing", location=Location(pointer=pointer))


def from_plain(hint: Any, data: Any, pointer: str) -> Any:
    """A value of the type `hint` from its plain form.

    Raises:
        DocumentError: as `record_from_plain`.
    """
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _one_of(typing.get_args(hint), data, pointer)
    if origin is tuple:
        if not isinstance(data, list):
            raise wrong(pointer, "a list", data)
        inner = typing.get_args(hint)[0]
        return tuple(from_plain(inner, one, f"{pointer}/{index}") for index, one in enumerate(data))
    if origin is not None:
        if not isinstance(data, dict):
            raise wrong(pointer, "a mapping of keys to values", data)
        inner = typing.get_args(hint)[1]
        return {key: from_plain(inner, one, f"{pointer}/{escape(key)}") for key, one in data.items()}
    if dataclasses.is_dataclass(hint) and hint is not Histogram:
        return record_from_plain(typing.cast("type[Any]", hint), data, pointer)
    return _scalar(hint, data, pointer)


def _one_of(hints: tuple[Any, ...], data: Any, pointer: str) -> Any:
    if data is None and type(None) in hints:  # only inside a list: elsewhere what is unknown is left out
        return None
    plain = [hint for hint in hints if hint is not type(None)]
    if len(plain) == 1:
        return from_plain(plain[0], data, pointer)
    if isinstance(data, str | bool | int) or (isinstance(data, float) and math.isfinite(data)):
        return data
    raise wrong(pointer, "text, a number, true or false", data)


def _scalar(hint: Any, data: Any, pointer: str) -> Any:
    if hint is Histogram:
        return histogram_from_plain(data, pointer)
    if hint is datetime:
        return time_from_plain(data, pointer)
    if hint is bool:
        if isinstance(data, bool):
            return data
        raise wrong(pointer, "true or false", data)
    if hint is int:
        if isinstance(data, int) and not isinstance(data, bool) and -_BIGGEST <= data < _BIGGEST:
            return data
        raise wrong(pointer, "a whole number of 64 bits", data)
    if hint is float:
        if isinstance(data, int | float) and not isinstance(data, bool) and abs(data) <= sys.float_info.max:
            return float(data)
        raise wrong(pointer, "a finite number", data)
    if isinstance(hint, type) and issubclass(hint, Enum):
        known = [str(one.value) for one in hint]
        if isinstance(data, str) and data in known:
            return hint(data)
        raise wrong(pointer, f"one of {', '.join(known)}", data)
    if isinstance(data, str):
        return data
    raise wrong(pointer, "text", data)


def time_from_plain(data: Any, pointer: str) -> datetime:
    """A time from RFC 3339 text.

    Raises:
        DocumentError: MP2104.
    """
    try:
        value = datetime.fromisoformat(data) if isinstance(data, str) else None
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        raise wrong(pointer, "a time with its zone such as 2026-01-31T12:00:00Z", data)
    return value.astimezone(UTC)


def histogram_from_plain(data: Any, pointer: str) -> Histogram:
    """A histogram from its counters and their counts.

    Raises:
        DocumentError: MP2103 where it is not of our layout, MP2104 where it is no histogram.
    """
    if not isinstance(data, dict):
        raise wrong(pointer, "a mapping of keys to values", data)
    index, count = data.get("index", []), data.get("count", [])
    for name, numbers in (("index", index), ("count", count)):
        if not isinstance(numbers, list) or not all(type(one) is int and 0 <= one < _BIGGEST for one in numbers):
            raise wrong(f"{pointer}/{name}", "a list of whole numbers", numbers)
    if len(index) != len(count):
        raise DocumentError("MP2103", "a histogram needs one count for every index", location=Location(pointer=pointer))
    try:
        return Histogram.from_pairs(zip(index, count, strict=True))
    except ValueError as error:
        raise DocumentError("MP2103", f"not a histogram: {error}", location=Location(pointer=pointer)) from None


def wrong(pointer: str, wanted: str, found: Any) -> DocumentError:
    """A value of the wrong type or form."""
    name = pointer.rpartition("/")[2] or "the document"
    return DocumentError(
        "MP2104", f"`{name}` must be {wanted}, found {show(found)}", location=Location(pointer=pointer)
    )

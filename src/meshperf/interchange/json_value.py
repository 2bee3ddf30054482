"""One value of a tool's document, asked for its content by type, so that a wrong one is an error with its position.

Tools write counts as numbers or, by protobuf's JSON rules, as text; times with nanoseconds; null for what they do not
have. All of it is read here, once. A key that is absent or null is None, never 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from meshperf.errors import DocumentError
from meshperf.spec.document import Document, escape

__all__ = ["Value", "later", "moment"]

_COUNT = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?")
_MOST = 10**18
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?\s?(Z|[-+]\d\d:?\d\d)")


def moment(text: str) -> datetime | None:
    """A point in time with its offset (RFC 3339, more than six digits allowed), in UTC; None for anything else."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    offset = "+00:00" if found[4] == "Z" else found[4]
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{(found[3] or '')[:7]}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def later(begin: datetime | None, seconds: float | None) -> datetime | None:
    """The end of what took `seconds` from `begin` on; None where either is unknown or no calendar has it."""
    if begin is None or not seconds:
        return None
    try:
        return begin + timedelta(seconds=seconds)
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a document and where it stands."""

    document: Document
    data: Any
    pointer: str = ""

    def get(self, *names: str) -> Value | None:
        """The first of the keys that is there and not null."""
        if not isinstance(self.data, dict):
            raise self.broken("must be a mapping of keys to values")
        for name in names:
            if self.data.get(name) is not None:
                return Value(self.document, self.data[name], f"{self.pointer}/{escape(name)}")
        return None

    def need(self, *names: str) -> Value:
        """The first of the keys that is there; MP2402 where none is."""
        found = self.get(*names)
        if found is None:
            raise self.document.error("MP2402", f"the key `{names[0]}` is missing", self.pointer)
        return found

    def each(self) -> Iterator[Value]:
        """The items of a list."""
        if not isinstance(self.data, list):
            raise self.broken("must be a list")
        for number, item in enumerate(self.data):
            yield Value(self.document, item, f"{self.pointer}/{number}")

    def pairs(self) -> Iterator[tuple[str, Value]]:
        """The keys and values of a mapping, those that are null left out."""
        if not isinstance(self.data, dict):
            raise self.broken("must be a mapping of keys to values")
        for key, item in self.data.items():
            if item is not None:
                yield str(key), Value(self.document, item, f"{self.pointer}/{escape(key)}")

    def number(self, *, scale: float = 1.0) -> float:
        """A finite number that is not negative, times `scale`; as text too."""
        data = self.data
        if isinstance(data, str) and _NUMBER.fullmatch(data.strip()):
            data = float(data)
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise self.broken("must be a number")
        if not 0 <= data < math.inf:
            raise self.contradicts("cannot be negative or infinite")
        try:
            value = float(data) * scale
        except OverflowError:
            value = math.inf
        if value == math.inf:
            raise self.contradicts("is larger than any result")
        return value

    def count(self) -> int:
        """A whole number that is not negative; as text too."""
        data = self.data
        if isinstance(data, str) and _COUNT.fullmatch(data.strip()):
            data = int(data)
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            raise self.broken("must be a whole number")
        if not 0 <= data <= _MOST:
            raise self.contradicts("cannot be negative or that large")
        return data

    def text(self) -> str:
        """Text; a number as it would be written."""
        if isinstance(self.data, bool) or not isinstance(self.data, str | int | float):
            raise self.broken("must be text")
        return str(self.data)

    def flag(self) -> bool:
        if not isinstance(self.data, bool):
            raise self.broken("must be true or false")
        return self.data

    def time(self) -> datetime | None:
        """A point in time; None where the text has none that is unambiguous."""
        return moment(self.text())

    def broken(self, what: str) -> DocumentError:
        """MP2402: the value has a wrong type."""
        return self.document.error("MP2402", f"`{self._name()}` {what}, found {_shown(self.data)}", self.pointer)

    def contradicts(self, what: str) -> DocumentError:
        """MP2403: the value cannot be."""
        return self.document.error("MP2403", f"`{self._name()}` {what}, found {_shown(self.data)}", self.pointer)

    def _name(self) -> str:
        return self.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")[:60] or "the document"


def _shown(data: Any) -> str:
    kinds = {dict: "a mapping", list: "a list", type(None): "null", bool: str(data).lower()[:5]}
    if type(data) in kinds:
        return kinds[type(data)]
    if isinstance(data, int) and abs(data) > 10**40:
        return "a number of more than 40 digits"
    text = repr(data)
    return text if len(text) <= 40 else text[:37] + "..."

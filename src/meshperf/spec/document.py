"""A document as it was read: plain data, and where in the file every value stands.

Errors about a document need line and column long after it was parsed, so the positions travel with the data, keyed by
JSON pointer. They are made on demand: a result file holds tens of thousands of values and is seldom wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, Location

__all__ = ["Document", "LimitExceeded", "Mark", "escape", "pointer_of", "raise_all"]


class LimitExceeded(DocumentError):
    """A document nested deeper, or of more values, than any is; an importer has a code of its own for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a value begins, and its key if it has one; lines and columns count from 1. `text`: a scalar as written."""

    line: int
    column: int
    key_line: int | None = None
    key_column: int | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None) and where it came from."""

    path: Path | None
    text: str
    digest: str
    """SHA-256 of the file's bytes, hexadecimal."""
    data: Any
    find_marks: Callable[[], Mapping[str, Mark]]

    @cached_property
    def marks(self) -> Mapping[str, Mark]:
        """Positions by JSON pointer; the root is the empty pointer."""
        return self.find_marks()

    def locate(self, pointer: str, *, key: bool = False) -> Location:
        """The place of a value, or of its key; of the nearest enclosing value where the file has no such place."""
        place = pointer
        while place not in self.marks and place:
            place = place.rpartition("/")[0]
        mark = self.marks.get(place)
        if mark is None:
            return Location(path=self.path, pointer=pointer)
        line, column = mark.line, mark.column
        if key and place == pointer and mark.key_line is not None:
            line, column = mark.key_line, mark.key_column or 1
        return Location(path=self.path, line=line, column=column, pointer=pointer)

    def error(
        self, code: str, message: str, pointer: str = "", *, hint: str | None = None, key: bool = False
    ) -> DocumentError:
        """A `DocumentError` about the value at `pointer`, or about its key."""
        return DocumentError(code, message, location=self.locate(pointer, key=key), hint=hint)


def escape(key: str | int) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return str(key).replace("~", "~0").replace("/", "~1")


def pointer_of(keys: Sequence[str | int]) -> str:
    """A JSON pointer from its keys and indexes."""
    return "".join(f"/{escape(key)}" for key in keys)


def raise_all(problems: Sequence[DocumentError]) -> None:
    """Raise all problems of one document as one error, in the order of the file; nothing if there are none.

    Raises:
        DocumentError: the first problem, the rest as its `others`.
    """
    if not problems:
        return
    far = 2**62
    first, *rest = sorted(problems, key=lambda one: (one.location.line or far, one.location.column or 0))
    raise DocumentError(first.code, first.message, location=first.location, hint=first.hint, others=rest)

"""JSON to plain data, and the position of every value when an error needs it.

The standard decoder is quick but forgets positions, lets a key be given twice and accepts NaN. So it decodes, with
hooks that notice those, and only if something is wrong does a second pass walk the text for positions.
"""

from __future__ import annotations

import json
import math
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in CPython, absent from the stubs
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.spec.document import LimitExceeded, Mark, escape, raise_all

__all__ = ["json_marks", "parse_json"]

MAX_DEPTH = 64
_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"[^\s,\]}]+")


def parse_json(text: str, path: Path | None) -> Any:
    """Decode one JSON document.

    Raises:
        DocumentError: MP2002 for wrong syntax, NaN, infinity or deep nesting; MP2003 for keys given twice.
    """
    twice = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        result = dict(items)
        twice = twice or len(result) != len(items)
        return result

    try:
        data = json.loads(text, object_pairs_hook=pairs, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        place = Location(path=path, line=error.lineno, column=error.colno)
        raise DocumentError("MP2002", f"not valid JSON: {error.msg}", location=place) from None
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:  # the hooks', and the decoder's own refusal of integers with thousands of digits
        message = f"not valid JSON: {error}"
        raise DocumentError("MP2002", message, location=Location(path=path), hint="write null for unknown") from None
    if _deeper_than(data, MAX_DEPTH):
        raise _too_deep(path)
    if twice:
        raise_all(_duplicates(text, path))
    return data


def json_marks(text: str) -> dict[str, Mark]:
    """Positions of all values of valid JSON, by JSON pointer."""
    return _walk(text)[0]


def _duplicates(text: str, path: Path | None) -> list[DocumentError]:
    problems = []
    for pointer, offset, first in _walk(text)[1]:
        line, column = _line_column(text, offset)
        message = f"the key `{pointer.rpartition('/')[2].replace('~1', '/').replace('~0', '~')}` is given twice"
        place = Location(path=path, line=line, column=column, pointer=pointer)
        hint = f"it is given first on line {_line_column(text, first)[0]}; keep one"
        problems.append(DocumentError("MP2003", message, location=place, hint=hint))
    return problems


def _walk(text: str) -> tuple[dict[str, Mark], list[tuple[str, int, int]]]:
    """Marks, and (pointer, offset of the second key, offset of the first) of keys given twice. `text` is valid JSON."""
    marks: dict[str, Mark] = {}
    twice: list[tuple[str, int, int]] = []
    stack: list[tuple[str, dict[str, int] | None]] = []  # pointer; offsets of keys, or None for a list
    indexes: list[int] = []
    breaks = [match.start() for match in re.finditer("\n", text)]
    pointer, key_at, at = "", None, 0

    def place(offset: int) -> tuple[int, int]:
        import bisect

        line = bisect.bisect_left(breaks, offset)
        return line + 1, offset - (breaks[line - 1] if line else -1)

    while (at := _skip(text, at)) < len(text):
        char = text[at]
        if char in "}]":
            stack.pop()
            indexes.pop()
            at += 1
            continue
        if char == ",":
            at += 1
            continue
        if stack:
            parent, keys = stack[-1]
            if keys is None:
                pointer, key_at = f"{parent}/{indexes[-1]}", None
                indexes[-1] += 1
            else:
                name, end = scanstring(text, at + 1, True)
                pointer, key_at = f"{parent}/{escape(name)}", at
                if name in keys:
                    twice.append((pointer, at, keys[name]))
                keys.setdefault(name, at)
                at = _skip(text, _skip(text, end) + 1)
                char = text[at]
        line, column = place(at)
        key_line, key_column = place(key_at) if key_at is not None else (None, None)
        start = at
        if char in "{[":
            stack.append((pointer, {} if char == "{" else None))
            indexes.append(0)
            at += 1
            written = None
        elif char == '"':
            written, at = scanstring(text, at + 1, True)
        else:
            match = _SCALAR.match(text, at)
            at = match.end() if match else at + 1
            written = text[start:at]
        marks[pointer] = Mark(line=line, column=column, key_line=key_line, key_column=key_column, text=written)
    return marks, twice


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _line_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _deeper_than(data: Any, limit: int) -> bool:
    level = [data]
    for _ in range(limit + 1):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _too_deep(path: Path | None) -> DocumentError:
    return LimitExceeded("MP2002", f"nested deeper than {MAX_DEPTH} levels", location=Location(path=path))

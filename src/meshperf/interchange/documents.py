"""Whole files as plain data: one JSON document, several one after another, or YAML, with positions for errors.

Only for forms that are small by nature; what can be of any size (points, samples) is read as a stream by its reader.
Everything that is wrong with such a file gets the code of an import: broken, contradictory, or too large or deep.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.interchange.format import Incoming
from meshperf.spec.document import Document, LimitExceeded, Mark
from meshperf.spec.json_tree import MAX_DEPTH, json_marks, parse_json

__all__ = ["MAX_JSON_BYTES", "MAX_TEXT_BYTES", "numbered", "numbered_documents", "read_json", "read_text", "read_tree"]

MAX_JSON_BYTES = 256 * 2**20
MAX_TEXT_BYTES = 16 * 2**20
"""Of YAML and of the text that a tool prints; no result is larger."""

_CODES = {"MP2002": "MP2402", "MP2003": "MP2403"}
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*")


def read_text(incoming: Incoming, *, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """The whole file as text.

    Raises:
        DocumentError: MP2404 (larger than `max_bytes`), MP2402 (not UTF-8, or it holds null characters).
    """
    with incoming.stream() as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        message = f"the file is larger than {max_bytes / 2**20:g} MiB"
        raise DocumentError("MP2404", message, location=Location(path=incoming.path))
    null = data.find(b"\x00")
    if null >= 0:
        place = Location(path=incoming.path, line=data.count(b"\n", 0, null) + 1)
        raise DocumentError("MP2402", "the file is not text", location=place)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Location(path=incoming.path, line=data.count(b"\n", 0, error.start) + 1)
        raise DocumentError("MP2402", "the file is not UTF-8 text", location=place, hint="save it as UTF-8") from None


def read_json(incoming: Incoming) -> Iterator[Document]:
    """The JSON documents in a file, one after another; usually one.

    Raises:
        DocumentError: MP2402 (broken or cut off), MP2403 (a key given twice), MP2404 (too large or deep).
    """
    yield from _json_documents(read_text(incoming, max_bytes=MAX_JSON_BYTES), incoming.path)


def read_tree(incoming: Incoming, *, mend: Callable[[str], str] | None = None) -> Iterator[Document]:
    """The JSON documents in a file, or its one YAML document. Raises as `read_json`.

    Args:
        mend: makes YAML of what a tool writes that is none; must keep the lines.
    """
    if incoming.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        yield from read_json(incoming)
        return
    from meshperf.spec.yaml_tree import parse_yaml

    text = read_text(incoming)
    text = text if mend is None else mend(text)
    try:
        data, marks = parse_yaml(text, incoming.path)
    except DocumentError as broken:
        raise _as_import(broken, lines=0) from None
    yield _document(text, data, incoming.path, lambda: marks)


def numbered_documents(incoming: Incoming) -> Iterator[tuple[Document, str | None]]:
    """The documents of `read_json`, each with its number where there is more than one. Raises as `read_json`."""
    documents = list(read_json(incoming))
    for number, document in enumerate(documents, start=1):
        yield document, numbered(number, len(documents))


def numbered(number: int, total: int) -> str | None:
    """`#3`, for the third of several results in a file."""
    return f"#{number}" if total > 1 else None


def _json_documents(text: str, path: Path | None) -> Iterator[Document]:
    try:
        data = _parsed(text, path, lines=0)
    except DocumentError:
        ends = _ends(text)
        if len(ends) < 2:
            raise
    else:
        yield _document(text, data, path, partial(json_marks, text))
        return
    begin = lines = 0
    for end in ends:
        part = text[begin:end]
        yield _document(part, _parsed(part, path, lines=lines), path, partial(_marks_below, part, lines))
        begin, lines = end, lines + part.count("\n")


def _ends(text: str) -> list[int]:
    """Where each of several documents ends, the last one perhaps broken; fewer than two where it is only one."""
    decoder = json.JSONDecoder()
    ends: list[int] = []
    at = _skip(text, 0)
    while at < len(text):
        try:
            at = _skip(text, decoder.raw_decode(text, at)[1])
        except (ValueError, RecursionError):
            return [*ends, len(text)]
        ends.append(at)
    return ends


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _parsed(text: str, path: Path | None, *, lines: int) -> Any:
    try:
        return parse_json(text, path)
    except DocumentError as broken:
        raise _as_import(broken, lines=lines, deep=_depth(text) > MAX_DEPTH) from None


def _as_import(broken: DocumentError, *, lines: int, deep: bool = False) -> DocumentError:
    """The same problem under the code of an import, `lines` further down; `deep`: whatever else is wrong with it."""
    place = broken.location
    if place.line is not None:
        place = replace(place, line=place.line + lines)
    code = "MP2404" if deep or isinstance(broken, LimitExceeded) else _CODES.get(broken.code, broken.code)
    return DocumentError(code, broken.message, location=place, hint=broken.hint)


def _marks_below(text: str, lines: int) -> dict[str, Mark]:
    return {
        pointer: replace(mark, line=mark.line + lines, key_line=mark.key_line and mark.key_line + lines)
        for pointer, mark in json_marks(text).items()
    }


def _depth(text: str) -> int:
    """How deep brackets nest outside of strings, at most one more than is allowed; `text` need not be valid."""
    deepest = depth = 0
    for found in _NESTING.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
        if deepest > MAX_DEPTH:
            break
    return deepest


def _document(text: str, data: Any, path: Path | None, find_marks: Callable[[], Mapping[str, Mark]]) -> Document:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Document(path=path, text=text, digest=digest, data=data, find_marks=find_marks)

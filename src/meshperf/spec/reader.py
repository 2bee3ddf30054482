"""Files to documents: bytes to plain data, with every way a file can be bad turned into one clear error."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.spec.document import Document
from meshperf.spec.json_tree import json_marks, parse_json

__all__ = ["MAX_BYTES", "parse_document", "read_document"]

MAX_BYTES = 16 * 2**20
"""A larger file is not one of ours, and reading it would take minutes."""


def read_document(path: Path, *, max_bytes: int | None = None) -> Document:
    """Read a YAML or JSON file. `.json` is JSON; any other name is YAML, or JSON where the text is that.

    Raises:
        DocumentError: MP2001 (cannot be read), MP2002 (not text, not YAML or JSON), MP2003 (a key given twice).
    """
    limit = MAX_BYTES if max_bytes is None else max_bytes
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise _unreadable(path, "there is no such file") from None
    except IsADirectoryError:
        raise _unreadable(path, "it is a directory") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null character in it
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _unreadable(path, (reason or "unknown reason").lower()) from None
    if len(data) > limit:
        raise _unreadable(path, f"it is larger than {limit / 2**20:g} MiB")
    return parse_document(data, path)


def parse_document(data: bytes, path: Path | None = None) -> Document:
    """Read a document from bytes; the name of `path` decides as in `read_document`.

    Raises:
        DocumentError: MP2002 or MP2003.
    """
    text = _decode(data, path)
    if not text.strip():
        raise DocumentError("MP2002", "the file is empty", location=Location(path=path))
    digest = hashlib.sha256(data).hexdigest()
    if path is not None and path.suffix.lower() == ".json":
        return Document(
            path=path, text=text, digest=digest, data=parse_json(text, path), find_marks=partial(json_marks, text)
        )
    from meshperf.spec.yaml_tree import parse_yaml

    if text.lstrip()[0] in "{[":
        as_json = _json_or_none(text, path)
        if as_json is not None:
            return Document(path=path, text=text, digest=digest, data=as_json, find_marks=partial(json_marks, text))
    tree, marks = parse_yaml(text, path)
    return Document(path=path, text=text, digest=digest, data=tree, find_marks=lambda: marks)


def _json_or_none(text: str, path: Path | None) -> Any:
    """JSON where the text is that; YAML's flow style looks alike, and then its own parser has the better message."""
    try:
        return parse_json(text, path)
    except DocumentError as error:
        if error.code == "MP2003" or len(text) > MAX_BYTES:  # YAML of that size would take minutes
            raise
        return None


def _decode(data: bytes, path: Path | None) -> str:
    if b"\x00" in data[:4096]:
        raise DocumentError("MP2002", "the file is not text", location=Location(path=path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        place = Location(path=path, line=line)
        raise DocumentError("MP2002", "the file is not UTF-8 text", location=place, hint="save it as UTF-8") from None


def _unreadable(path: Path, why: str) -> DocumentError:
    return DocumentError("MP2001", f"cannot read {path}: {why}", location=Location(path=path))

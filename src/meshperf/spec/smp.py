"""SMP result documents: a run to a document, a document to a run, and both as files."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, StorageError
from meshperf.spec.document import Document
from meshperf.spec.reader import read_document
from meshperf.spec.records import RunResult
from meshperf.spec.smp_read import is_result, result_from_document, unknown_keys
from meshperf.spec.smp_write import FORMAT, SMP_VERSION, result_to_document

__all__ = [
    "FORMAT",
    "MAX_RESULT_BYTES",
    "SMP_VERSION",
    "is_result",
    "read_result",
    "read_result_document",
    "read_results",
    "result_from_document",
    "result_to_document",
    "unknown_keys",
    "write_result",
]

MAX_RESULT_BYTES = 256 * 2**20
"""A run of several hundred slices stays far below this."""


def read_result(path: Path) -> RunResult:
    """The run in a result file.

    Raises:
        DocumentError: unreadable, not JSON or YAML, or not a result; with line and column.
    """
    return read_result_document(read_document(path, max_bytes=MAX_RESULT_BYTES))


def read_results(path: Path) -> tuple[RunResult, ...]:
    """The runs in a result file: one result, or a list of them as `--json` of several targets prints it.

    Raises:
        DocumentError: as `read_result`; also MP2201 for an empty list.
    """
    document = read_document(path, max_bytes=MAX_RESULT_BYTES)
    if not isinstance(document.data, list):
        return (read_result_document(document),)
    if not document.data:
        raise document.error("MP2201", "this is not a result document: the list is empty")
    runs = []
    for place, data in enumerate(document.data):
        try:
            runs.append(result_from_document(data))
        except DocumentError as error:
            pointer = f"/{place}{error.location.pointer}"
            raise document.error(error.code, error.message, pointer, hint=error.hint) from None
    return tuple(runs)


def read_result_document(document: Document) -> RunResult:
    """The run in a document that was read; its errors get line and column.

    Raises:
        DocumentError: not a result document of this version, or a broken one.
    """
    try:
        return result_from_document(document.data)
    except DocumentError as error:
        raise document.error(error.code, error.message, error.location.pointer, hint=error.hint) from None


def write_result(run: RunResult, path: Path) -> None:
    """Write a run's document: to a new file beside `path` first, so that no reader ever sees half of it.

    Raises:
        StorageError: MP5401 the folder cannot be written, MP5402 no space is left.
    """
    text = to_json(result_to_document(run))
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "free some space; runs written before are kept" if full else "choose a folder you may write to"
        message = f"cannot write {path}: {(error.strerror or 'unknown reason').lower()}"
        raise StorageError("MP5402" if full else "MP5401", message, hint=hint) from error


def to_json(document: dict[str, Any]) -> str:
    """Compact JSON text in the order of the document's keys, ending with a line break; NaN is refused."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"

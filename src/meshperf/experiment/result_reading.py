"""All results under a path, whatever it is: a bundle, a result document, a file of another tool, a folder of all these.

What it decides: a file with documents of meshperf is read as what it is, anything else by its content as `meshperf
import` reads it. In a folder, what is no result at all is passed over and named; a result that is broken is an error
all the same, because leaving it out would make a table that nobody would miss it in.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.experiment.bundle_reading import MANIFEST, open_bundle
from meshperf.interchange.export.frame import ResultFrame
from meshperf.interchange.export.outgoing import Outgoing, of_imported, of_run
from meshperf.interchange.reading import read_file
from meshperf.spec.document import Document
from meshperf.spec.reader import read_document
from meshperf.spec.smp import MAX_RESULT_BYTES, result_from_document
from meshperf.spec.smp_document import Kind
from meshperf.spec.smp_imported import imported_from_document, is_imported
from meshperf.spec.smp_reading import read_smp

__all__ = ["read_results"]

_HEAD_BYTES = 65_536
_OURS = re.compile(rb'"?format"?\s*:\s*"?(result|imported)/')
_UNKNOWN_FORM = "MP2401"


def read_results(*paths: Path | str, form: str | None = None, convert_units: bool = False) -> ResultFrame:
    """The results under some paths, as a table.

    Args:
        paths: bundles (folders or .zip), result documents, other tools' files (packed with gzip or not), folders.
        form: the form of other tools' files, a word of `meshperf import --from`; None detects it by content.
        convert_units: convert figures that were found to be in another unit than their name says.

    Returns:
        A frame with a row for each result: `to_dicts()`, `to_pandas()`, `to_polars()`. Runs of a bundle come without
        the excluded ones.

    Raises:
        DocumentError: a path that cannot be read, holds no result, or a broken one; MP20xx to MP24xx.
        UsageError: MP1001, no such form.
    """
    found: list[Outgoing] = []
    passed_over: list[tuple[Path, str]] = []
    for path in map(Path, paths):
        if path.is_dir() and not (path / MANIFEST).is_file():
            before = len(found)
            for each in _inside(path):
                try:
                    found += _one(each, form, convert_units)
                except DocumentError as error:
                    if error.code != _UNKNOWN_FORM:
                        raise
                    passed_over.append((each, error.message))
            if len(found) == before:
                raise DocumentError("MP2001", "there is no result in this folder", location=Location(path=path))
        else:
            found += _one(path, form, convert_units)
    return ResultFrame(results=tuple(found), passed_over=tuple(passed_over))


def _inside(folder: Path) -> Iterator[Path]:
    """Files and bundles of a folder and the folders in it, in the order of their names; hidden ones left out."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not (path / MANIFEST).is_file():
            if not path.is_symlink():
                yield from _inside(path)
        elif path.is_dir() or path.is_file():
            yield path


def _one(path: Path, form: str | None, convert_units: bool) -> Sequence[Outgoing]:
    if path.is_dir() or (path.is_file() and path.suffix == ".zip" and zipfile.is_zipfile(path)):
        with open_bundle(path) as view:
            return [of_run(run) for run in view.runs()]
    if form is None and _is_ours(path):
        return list(_documents(read_document(path, max_bytes=MAX_RESULT_BYTES)))
    try:
        return [of_imported(record) for record in read_file(path, form=form, convert_units=convert_units)]
    except DocumentError as error:
        ours = _in_a_dialect(path) if form is None and error.code == _UNKNOWN_FORM else ()
        if not ours:
            raise
        return ours


def _is_ours(path: Path) -> bool:
    """Whether the file names the form of one of our documents; the reader of that form says what is wrong with it."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return _OURS.search(file.read(_HEAD_BYTES)) is not None
    except OSError as problem:
        reason = (problem.strerror or "unknown reason").lower()
        raise DocumentError("MP2001", f"cannot read {path}: {reason}", location=Location(path=path)) from None


def _in_a_dialect(path: Path) -> Sequence[Outgoing]:
    """Results of meshperf in a dialect of SMP that says so deep inside: binary, or in a label. Else none."""
    try:
        documents = read_smp(path)
    except DocumentError:  # the reader of other tools' files has said already what the file is not
        return ()
    return [_outgoing(one.data) for one in documents if one.kind is Kind.RESULT and "format" in one.data]


def _documents(document: Document) -> Iterator[Outgoing]:
    listed = isinstance(document.data, list)
    for number, data in enumerate(document.data if listed else [document.data]):
        try:
            yield _outgoing(data)
        except DocumentError as error:
            pointer = f"/{number}{error.location.pointer}" if listed else error.location.pointer
            raise document.error(error.code, error.message, pointer, hint=error.hint) from None


def _outgoing(data: Any) -> Outgoing:
    return of_imported(imported_from_document(data)) if is_imported(data) else of_run(result_from_document(data))

"""Results of other tools from files: detect the form, read it, check what came out, and say where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from meshperf.errors import DocumentError, Location
from meshperf.interchange.checks import checked
from meshperf.interchange.detection import detect
from meshperf.interchange.format import Incoming
from meshperf.interchange.incoming import BROKEN_STREAM, digest_of, open_incoming
from meshperf.interchange.registry import reader as reader_of
from meshperf.spec.imported import Imported

__all__ = ["read_file", "read_files", "read_incoming"]


def read_file(path: Path | str, *, form: str | None = None, convert_units: bool = False) -> Iterator[Imported]:
    """The results in one file, each checked and with the notes that every reader of it must see.

    Args:
        path: a file, packed with gzip or not; `-` is standard input.
        form: a name of `registry.forms()`; None detects it by content.
        convert_units: convert figures that were found to be in another unit than their name says.

    Raises:
        DocumentError: MP2001, MP2401 to MP2405, with file and, where known, line and column.
        UsageError: MP1001, no such form.
    """
    with open_incoming(Path(path), convert_units=convert_units) as incoming:
        yield from read_incoming(incoming, form=form)


def read_files(
    paths: Iterable[Path | str], *, form: str | None = None, convert_units: bool = False
) -> Iterator[Imported]:
    """The results in several files, in their order. Raises as `read_file`, at the first file that cannot be read."""
    for path in paths:
        yield from read_file(path, form=form, convert_units=convert_units)


def read_incoming(incoming: Incoming, *, form: str | None = None) -> Iterator[Imported]:
    """The results in what was opened already. Raises as `read_file`."""
    reader = detect(incoming) if form is None else reader_of(form)
    place = Location(path=incoming.path)
    found = False
    try:
        digest = digest_of(incoming)
        for record in reader.read(incoming):
            found = True
            name = incoming.path.name if incoming.path is not None else None
            source = record.source  # a document of an imported result names the file it came from itself
            source = replace(source, file=source.file or name, digest=source.digest or digest)
            yield checked(replace(record, source=source), place)
    except BROKEN_STREAM as error:
        raise DocumentError("MP2402", f"the file cannot be read to its end: {error}", location=place) from None
    if not found:
        raise DocumentError("MP2402", f"no result of the form {reader.form.name} is in the file", location=place)

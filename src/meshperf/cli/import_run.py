"""What `meshperf import` does: read each file, show its results, keep them, and go on where one cannot be read.

Results go out and into the store a batch at a time, so a thousand files take no more memory than one. vegeta's binary
results are handed to vegeta's own encoder first, because a reader starts no process.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from meshperf.cli.import_progress import ImportProgress
from meshperf.cli.import_table import ImportTable, forms_text
from meshperf.errors import DocumentError, ExitCode, Location, UsageError
from meshperf.interchange.format import Incoming
from meshperf.interchange.incoming import digest_of, open_incoming
from meshperf.interchange.reading import read_incoming
from meshperf.interchange.registry import forms, reader
from meshperf.interchange.vegeta.results import BINARY, is_binary
from meshperf.load.adapters.finding import find
from meshperf.load.adapters.registry import adapter
from meshperf.passing_folders import passing_folder
from meshperf.spec.imported import Imported
from meshperf.spec.smp_enums import MESH_ALIASES, MESH_TYPES
from meshperf.spec.smp_imported import imported_to_document
from meshperf.store import Store

__all__ = ["mesh_name", "parsed_labels", "run", "show_forms"]

_BATCH = 200
_ENCODER_TIMEOUT_S = 600.0
_VEGETA_LINES = "vegeta-results"


def run(
    files: Sequence[str],
    *,
    form: str | None,
    as_json: bool,
    convert_units: bool,
    keep: bool,
    mesh: str | None,
    labels: Mapping[str, str],
) -> int:
    """Import the files; 2 if any could not be read, though the others were.

    Raises:
        UsageError: MP1001, no such form.
        StorageError: MP5402, MP5404; results of earlier batches are kept then.
    """
    if form is not None:
        reader(form)
    output = _Output(as_json=as_json, keep=keep)
    failed = 0
    hints: set[str | None] = set()
    with ImportProgress(len(files)) as progress:
        for name in files:
            try:
                for record in _results(Path(name), form, convert_units, progress):
                    named = record if mesh is None or record.mesh is not None else replace(record, mesh=mesh)
                    output.add(named, _document(named, Path(name), labels))
            except DocumentError as problem:
                failed += 1
                progress.pause()
                _tell(problem, hints)
            progress.done()
    output.close()
    if failed:
        click.echo(f"{failed} of {len(files)} files could not be imported", err=True)
    return ExitCode.USAGE if failed else ExitCode.OK


def _tell(problem: DocumentError, hints: set[str | None]) -> None:
    """The problem of one file; the same hint is not said twice."""
    if problem.hint in hints:
        problem.hint = None
    hints.add(problem.hint)
    click.echo(f"{problem}\n", err=True)


class _Output:
    """Where results go: printed one by one as JSON, or gathered for the table; and into the store by batches."""

    def __init__(self, *, as_json: bool, keep: bool) -> None:
        self._as_json = as_json
        self._store = Store.open() if keep else None
        self._waiting: list[dict[str, Any]] = []
        self._table = ImportTable()
        self._printed = 0

    def add(self, record: Imported, document: dict[str, Any]) -> None:
        if self._as_json:
            text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
            click.echo(("[\n" if not self._printed else ",\n") + text, nl=False)
        else:
            self._table.add(record)
        self._printed += 1
        if self._store is not None:
            self._waiting.append(document)
            if len(self._waiting) >= _BATCH:
                self._keep()

    def close(self) -> None:
        if self._as_json:
            click.echo("\n]" if self._printed else "[]")
        elif self._printed:
            click.echo(self._table.text())
        if self._store is not None:
            self._keep()
            self._store.close()

    def _keep(self) -> None:
        if self._store is not None and self._waiting:
            self._store.save_imported(self._waiting)
            self._waiting = []


def _results(path: Path, form: str | None, convert_units: bool, progress: ImportProgress) -> Iterator[Imported]:
    with open_incoming(path, convert_units=convert_units) as opened:
        incoming = progress.watch(opened)
        with _encoded(incoming, form) as (readable, read_as):
            for record in read_incoming(readable, form=read_as):
                if readable is incoming:
                    yield record
                else:  # the file given is the source, not what was made of it
                    yield replace(record, source=replace(record.source, digest=digest_of(incoming)))


@contextmanager
def _encoded(incoming: Incoming, form: str | None) -> Iterator[tuple[Incoming, str | None]]:
    """The same, or what vegeta makes of its binary form where vegeta is installed."""
    vegeta = find(adapter("vegeta")) if form in (None, BINARY) and is_binary(incoming) else None
    if vegeta is None:
        yield incoming, form
        return
    with passing_folder("import") as folder:
        binary, lines = folder / "results.bin", folder / "results.ndjson"
        with incoming.stream() as source, binary.open("wb") as target:
            shutil.copyfileobj(source, target)
        line = [str(vegeta), "encode", "--to", "json", "--output", str(lines), str(binary)]
        try:
            subprocess.run(line, check=True, capture_output=True, timeout=_ENCODER_TIMEOUT_S, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError) as problem:
            said = getattr(problem, "stderr", None) or b""
            reason = said.decode(errors="replace").strip()[-200:] or str(problem)[:200]
            what = f"`vegeta encode` could not read the file: {reason}"
            raise DocumentError("MP2402", what, location=Location(path=incoming.path)) from None
        with open_incoming(lines) as readable:
            yield replace(readable, path=incoming.path), _VEGETA_LINES


def _document(record: Imported, path: Path, labels: Mapping[str, str]) -> dict[str, Any]:
    try:
        document = imported_to_document(record)
    except ValueError as problem:
        raise DocumentError("MP2403", str(problem), location=Location(path=path)) from None
    if labels:
        document["labels"] = {**document.get("labels", {}), **labels}
    return document


def mesh_name(given: str | None) -> str | None:
    """A name of SMP's enum of meshes, in whatever case. Raises UsageError MP1001."""
    if given is None:
        return None
    word = given.strip().upper().replace("-", "_").replace(" ", "_")
    word = MESH_ALIASES.get(word, word)
    known = sorted(name for number, name in MESH_TYPES.items() if number)
    if word not in known:
        raise UsageError("MP1001", f"there is no mesh {given[:60]!r} in SMP", hint=f"known: {', '.join(known)}")
    return word


def parsed_labels(given: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` pairs. Raises UsageError MP1001."""
    labels: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError("MP1001", f"a label is KEY=VALUE, found {text[:60]!r}", hint="for example cluster=lab")
        labels[key.strip()] = value
    return labels


def show_forms(*, as_json: bool) -> int:
    """All forms."""
    if as_json:
        click.echo(json.dumps([asdict(one) for one in forms()], indent=1, ensure_ascii=False))
    else:
        click.echo(forms_text(forms()))
    return ExitCode.OK

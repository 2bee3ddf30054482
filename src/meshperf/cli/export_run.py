"""The body of `meshperf export`: read the sources, write the format, say what was left out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from meshperf import __version__
from meshperf.analysis import comparison_from_document
from meshperf.cli.kept_imported import imported_documents
from meshperf.cli.kept_results import KeptExperiment, find
from meshperf.cli.outside_bundles import refuse_bundle
from meshperf.errors import DocumentError, Location, UsageError
from meshperf.experiment.bundle_reading import EXPERIMENT
from meshperf.experiment.durable import storage_errors, write_whole
from meshperf.experiment.result_reading import read_results
from meshperf.interchange.export.form import Writer
from meshperf.interchange.export.outgoing import Outgoing, names_of, of_imported, of_run
from meshperf.interchange.export.registry import writers
from meshperf.report import findings
from meshperf.report.junit import junit
from meshperf.report.sarif import sarif
from meshperf.report.summary import summary
from meshperf.spec.smp_imported import imported_from_document

__all__ = ["JUDGED", "formats", "run"]

JUDGED = {
    "junit": ("JUnit XML: objectives, comparability and validity as test cases", ".xml"),
    "sarif": ("SARIF 2.1.0: the same, with verdicts and warnings", ".sarif"),
    "markdown": ("a summary in Markdown: the answer, verdicts, objectives, warnings", ".md"),
}
"""Formats that tell what came of a result: title and suffix."""
_MOST_TOLD = 12


def formats() -> Iterator[tuple[str, str]]:
    """Name and title of every format."""
    for writer in writers():
        yield writer.form.name, writer.form.title
    for name, (title, _) in JUDGED.items():
        yield name, title


def run(
    sources: Sequence[str], *, form: str, out: str | None, lossy: bool, read_as: str | None, convert_units: bool
) -> int:
    """Write the results under `sources` in `form`, to `out` or stdout, and return the exit code."""
    if out is not None:
        refuse_bundle(Path(out) if _is_folder(out) else Path(out).parent)
    if form in JUDGED:
        if lossy or convert_units or read_as is not None:
            what = "--lossy, --from and --convert-units have no meaning for it"
            raise UsageError("MP1002", f"{form} tells what came of results of meshperf; {what}")
        content = _judged(sources, form)
        _put(content, out, f"results{JUDGED[form][1]}")
        return 0
    writer = next(one for one in writers() if one.form.name == form)
    results = list(_results(sources, read_as, convert_units))
    kept = _fit(writer, results, lossy)
    if writer.form.one_a_file and out is not None and _is_folder(out):
        for result, name in zip(kept, names_of(kept), strict=True):
            _put(writer.write([result], lossy=lossy), out, f"{name}{writer.form.suffix}")
    else:
        content = writer.write(kept, lossy=lossy)
        if writer.form.binary and out is None and sys.stdout.isatty():
            raise UsageError("MP1002", f"{form} is no text for a terminal", hint="name a file with --out")
        _put(content, out, f"results{writer.form.suffix}")
    _tell(writer, kept)
    return 0


def _results(sources: Sequence[str], read_as: str | None, convert_units: bool) -> Iterator[Outgoing]:
    for source in sources:
        if _is_id(source):
            stored = imported_documents(source)
            yield from (of_imported(imported_from_document(one)) for one in stored)
            yield from (of_run(one) for one in (find(source).runs if not stored else ()))
            continue
        frame = read_results(source, form=read_as, convert_units=convert_units)
        for path, reason in frame.passed_over:
            click.echo(f"passed over {path}: {reason}", err=True)
        yield from frame.results


def _is_id(source: str) -> bool:
    """Whether it can only be the id of something stored: no file, and not spelled like one."""
    path = Path(source)
    return source != "-" and not path.exists() and "/" not in source and not path.suffix


def _fit(writer: Writer, results: Sequence[Outgoing], lossy: bool) -> list[Outgoing]:
    """The results that the format can hold at all.

    Raises:
        DocumentError: MP2203, one cannot be held and `lossy` does not allow to leave it out, or none is left.
    """
    kept = []
    for result in results:
        lacking = writer.lacks(result)
        if lacking is None:
            kept.append(result)
            continue
        message = f"{writer.form.name} needs {lacking}, which {result.title} does not have"
        if not lossy:
            hint = "`--lossy` leaves such results out"
            raise DocumentError("MP2203", message, location=_place(result), hint=hint)
        click.echo(f"left out: {message}", err=True)
    if not kept:
        raise DocumentError("MP2203", f"no result can be written as {writer.form.name}", location=Location())
    return kept


def _place(result: Outgoing) -> Location:
    file = result.record.source.file
    return Location(path=None if file is None else Path(file))


def _judged(sources: Sequence[str], form: str) -> bytes:
    experiments = [find(source) for source in sources]
    if form == "markdown":
        parts = [
            summary([comparison_from_document(one) for one in kept.comparisons], kept.runs) for kept in experiments
        ]
        return "\n".join(parts).encode("utf-8", "replace")
    found = [one for kept in experiments for one in _findings(kept)]
    if form == "junit":
        return junit(found).encode("utf-8", "replace")
    return sarif(found, artifact=_artifact(sources[0]), version=__version__).encode("utf-8", "replace")


def _findings(kept: KeptExperiment) -> Iterable[findings.Finding]:
    if not kept.comparisons and not kept.single:
        raise UsageError(
            "MP1001",
            f"nothing was asked of {kept.name} yet: it was not judged ({kept.state})",
            hint="finish it with `meshperf run FILE --resume DIR`",
        )
    for document in kept.comparisons:
        yield from findings.of_comparison(comparison_from_document(document))
    if kept.single:
        for one in kept.runs:
            yield from findings.of_run(one)


def _artifact(source: str) -> str:
    """The file that findings are shown at: the experiment of a bundle, or the result itself."""
    path = Path(source)
    if not path.exists():
        return EXPERIMENT
    shown = path / EXPERIMENT if path.is_dir() else path
    return shown.name if shown.is_absolute() else shown.as_posix()


def _is_folder(out: str) -> bool:
    return out.endswith("/") or Path(out).is_dir()


def _put(content: bytes, out: str | None, name: str) -> None:
    """To stdout, to the file, or under `name` into the folder; a file whole or not at all, its path told."""
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    path = Path(out) / name if _is_folder(out) else Path(out)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    click.echo(f"wrote {path}", err=True)


def _tell(writer: Writer, results: Sequence[Outgoing]) -> None:
    lost = writer.lost(results)
    if lost:
        more = f"; and {len(lost) - _MOST_TOLD} more" if len(lost) > _MOST_TOLD else ""
        click.echo(f"{writer.form.name} has no place for: {'; '.join(lost[:_MOST_TOLD])}{more}", err=True)
    if writer.form.note:
        click.echo(f"note: {writer.form.note}", err=True)

"""`meshperf report`: write the report of one experiment again, anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

__all__ = ["command"]

Writer = Callable[[Path], tuple[Path, ...]]
"""Writes all files of a report into a folder."""


@click.command(name="report")
@click.argument("reference", metavar="ID|BUNDLE|RESULT")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder to write into; default: <experiment>-report here.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md"]),
    help="Only this form: html is one file, md is report.md and its charts. Default: all, with data as CSV and JSON.",
)
def command(reference: str, out: Path | None, form: str | None) -> int:
    """Write the report of a stored experiment or result, of a bundle, or of a result document.

    ID is an id of `meshperf list`, or the beginning of one; BUNDLE is a folder or a .zip that `meshperf run` wrote;
    RESULT is a file with what `meshperf load --json` or `meshperf import --json` printed.
    The paths written are printed, the main one first.

    \b
    Examples:
      meshperf report 3f9a
      meshperf report results/sidecar-cost --out public --format html
    """
    from meshperf.cli.kept_imported import imported_documents
    from meshperf.cli.outside_bundles import refuse_bundle

    imported = imported_documents(reference)
    name, into = _of_imported(imported) if imported else _of_kept(reference)
    folder = Path(f"{_file_name(name)}-report") if out is None else out
    refuse_bundle(folder)
    for path in _write(into, folder, form):
        click.echo(str(path))
    return 0


def _of_imported(documents: list[dict[str, Any]]) -> tuple[str, Writer]:
    from meshperf.report import write_imported
    from meshperf.spec.smp_imported import imported_from_document

    results = [imported_from_document(document) for document in documents]
    name = f"{results[0].source.tool}-{results[0].source.file or 'result'}"
    return name, lambda out: write_imported(results, documents, out=out)


def _of_kept(reference: str) -> tuple[str, Writer]:
    from meshperf.analysis import comparison_from_document
    from meshperf.cli.kept_results import find
    from meshperf.errors import UsageError
    from meshperf.report import write, write_runs

    kept = find(reference)
    if not kept.comparisons and not kept.single:
        raise UsageError(
            "MP1001",
            f"there is nothing to report on: {kept.name} was not judged yet ({kept.state})",
            hint="finish it with `meshperf run FILE --resume DIR`",
        )

    def into(out: Path) -> tuple[Path, ...]:
        if kept.single:
            return write_runs(kept.runs, out=out, command=kept.command, experiment_text=kept.experiment_text)
        return write(
            [comparison_from_document(document) for document in kept.comparisons],
            [*kept.runs, *kept.excluded],
            out=out,
            experiment_text=kept.experiment_text,
            command=kept.command,
            facts=kept.facts,
        )

    return kept.name, into


def _write(into: Writer, folder: Path, form: str | None) -> list[Path]:
    from meshperf.passing_folders import passing_folder

    if form is None:
        return list(into(folder))
    with passing_folder("report") as scratch:
        names = [path.relative_to(scratch) for path in into(scratch)]
        return _copy(scratch, folder, [name for name in names if _belongs(name, form)])


def _belongs(name: Path, form: str) -> bool:
    return name.name == f"report.{form}" or (form == "md" and name.parts[0] == "charts")


def _copy(source: Path, folder: Path, names: Iterable[Path]) -> list[Path]:
    from meshperf.experiment.durable import storage_errors, write_whole

    copied = []
    for name in names:
        target = folder / name
        with storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, (source / name).read_bytes())
        copied.append(target)
    return copied


def _file_name(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-.")
    return kept[:80] or "experiment"

"""`meshperf validate`: whether files can be read, and every problem of those that cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshperf.errors import DocumentError, ExitCode

if TYPE_CHECKING:
    from meshperf.spec.document import Document

__all__ = ["command"]

_WIDEST = 160


@click.command(
    "validate",
    epilog="Examples:  meshperf validate examples/quickstart.yaml   ·   meshperf validate results/*.json --json",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(files: tuple[Path, ...], as_json: bool) -> int:
    """Check experiment files, SMP test files and result documents; exit 2 if any is wrong."""
    findings = [_check(path) for path in files]
    if as_json:
        click.echo(json.dumps([finding for finding, _ in findings], indent=2, ensure_ascii=False))
    else:
        for finding, text in findings:
            if finding["ok"]:
                click.echo(f"ok  {finding['file']}  {finding['kind']}")
            else:
                click.echo(text, err=True)
    return ExitCode.OK if all(finding["ok"] for finding, _ in findings) else ExitCode.USAGE


def _check(path: Path) -> tuple[dict[str, Any], str]:
    """The finding on one file, as data and as text."""
    from meshperf.spec.reader import read_document
    from meshperf.spec.smp import MAX_RESULT_BYTES

    document = None
    try:
        document = read_document(path, max_bytes=MAX_RESULT_BYTES if path.suffix.lower() == ".json" else None)
        kind = _kind(document)
    except DocumentError as error:
        problems = [error, *error.others]
        text = "\n\n".join(_told(problem, document, path) for problem in problems)
        return {"file": str(path), "ok": False, "problems": [_as_data(problem) for problem in problems]}, text
    return {"file": str(path), "ok": True, "kind": kind, "problems": []}, ""


def _kind(document: Document) -> str:
    from meshperf.spec.experiment_reading import experiment_from_document
    from meshperf.spec.smp import is_result, read_result_document

    if is_result(document.data):
        run = read_result_document(document)
        return f"result of {run.resident}, round {run.round}"
    experiment = experiment_from_document(document)
    if experiment.is_smp_test:
        return f"SMP test `{experiment.name}`, {len(experiment.targets)} target(s)"
    return f"experiment `{experiment.name}`, {len(experiment.arms)} arm(s), {experiment.rounds} round(s)"


def _told(problem: DocumentError, document: Document | None, path: Path) -> str:
    """One problem with the line it is on and a caret under its place."""
    place = problem.location
    alone = DocumentError(problem.code, problem.message, location=place)
    lines = [str(alone)]
    text = document.text if document is not None else _text_of(path)
    if place.line is not None and text is not None:
        rows = text.split("\n")
        if place.line <= len(rows):
            row, column = rows[place.line - 1].rstrip("\r").replace("\t", " "), place.column or 1
            start = max(0, column - _WIDEST // 2)
            shown = "".join(char if char.isprintable() else "?" for char in row[start : start + _WIDEST])
            margin = " " * len(str(place.line))
            lines += [f"{margin} |", f"{place.line} | {shown}", f"{margin} | {' ' * (column - 1 - start)}^"]
    if problem.hint:
        lines += ["", f"hint: {problem.hint}"]
    return "\n".join(lines)


def _text_of(path: Path) -> str | None:
    """The text of a file whose syntax is wrong; it was read just before, so it is of a bearable size."""
    try:
        return path.read_bytes()[: 2**24].decode("utf-8-sig", errors="replace")
    except OSError:
        return None


def _as_data(problem: DocumentError) -> dict[str, Any]:
    return {
        "code": problem.code,
        "message": problem.message,
        "line": problem.location.line,
        "column": problem.location.column,
        "pointer": problem.location.pointer,
        "hint": problem.hint,
    }

"""`meshperf validate`: whether files can be read, and every problem of those that cannot; the conformance cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshperf.errors import DocumentError, ExitCode, UsageError

if TYPE_CHECKING:
    from meshperf.spec.document import Document
    from meshperf.spec.smp_document import SmpDocument

__all__ = ["command"]

_WIDEST = 160


_BUILT_IN = "built-in"


@click.command(
    "validate",
    epilog="Examples:  meshperf validate examples/quickstart.yaml   ·   meshperf validate results/*.json --json"
    "   ·   meshperf validate --suite",
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--suite",
    metavar="[DIR]",
    is_flag=False,
    flag_value=_BUILT_IN,
    help="Run the SMP conformance cases, or those in DIR, instead of checking files.",
)
@click.option(
    "--writer-output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="With --suite: judge the files that another implementation wrote of the cases.",
)
def command(files: tuple[Path, ...], as_json: bool, suite: str | None, writer_output: Path | None) -> int:
    """Check experiments, workload graphs, gates, rules of comparability, SMP documents of any dialect and results.

    Exit code 2 if any is wrong.
    """
    if suite is not None:
        from meshperf.cli.validate_suite import run_suite

        if files:
            raise UsageError("MP1002", "`--suite` takes no files beside the folder of its cases")
        return run_suite(None if suite == _BUILT_IN else Path(suite), writer_output, as_json=as_json)
    if writer_output is not None:
        raise UsageError("MP1002", "`--writer-output` needs `--suite`", hint="write `--suite --writer-output DIR`")
    if not files:
        raise UsageError("MP1001", "which files are to be checked?", hint="name them, or write `--suite`")
    findings = [_check(path) for path in files]
    if as_json:
        click.echo(json.dumps([finding for finding, _ in findings], indent=2, ensure_ascii=False))
    else:
        for finding, text in findings:
            if finding["ok"]:
                click.echo(f"ok  {finding['file']}  {finding['kind']}")
                for note in finding["notes"]:
                    click.echo(f"    note: {note}")
            else:
                click.echo(text, err=True)
    return ExitCode.OK if all(finding["ok"] for finding, _ in findings) else ExitCode.USAGE


def _check(path: Path) -> tuple[dict[str, Any], str]:
    """The finding on one file, as data and as text."""
    from meshperf.spec.propagation_reading import is_propagation
    from meshperf.spec.reader import read_document
    from meshperf.spec.smp import MAX_RESULT_BYTES

    document = None
    try:
        binary = _binary(path)
        if binary is not None:
            kind, notes = _smp_words(binary)
        else:
            document = read_document(path, max_bytes=MAX_RESULT_BYTES if path.suffix.lower() == ".json" else None)
            kind, notes = (_study(path), []) if is_propagation(document.data) else _kind(document)
    except DocumentError as error:
        problems = [error, *error.others]
        text = "\n\n".join(_told(problem, document, path) for problem in problems)
        finding = {"file": str(path), "ok": False, "problems": [_as_data(problem) for problem in problems], "notes": []}
        return finding, text
    return {"file": str(path), "ok": True, "kind": kind, "problems": [], "notes": notes}, ""


def _study(path: Path) -> str:
    """What a study of control planes is, in words.

    Raises:
        DocumentError: every problem it has.
    """
    from meshperf.spec.propagation_reading import read_propagation

    study = read_propagation(path)
    return f"study of control planes `{study.name}`, {len(study.arms)} arm(s), {study.rounds} round(s)"


def _binary(path: Path) -> tuple[SmpDocument, ...] | None:
    """The documents of a file that is not text; None for text, and for what cannot be opened, which is told later."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
            if not any(byte < 32 and byte not in b"\t\n\r\f" for byte in head):
                return None
            from meshperf.spec.smp_reading import MAX_SMP_BYTES, is_binary, parse_smp

            data = head + file.read(MAX_SMP_BYTES)
    except (OSError, ValueError):
        return None
    return parse_smp(data, path) if is_binary(data) else None


def _kind(document: Document) -> tuple[str, list[str]]:
    """What a document is, and what a reader of it must know.

    Raises:
        DocumentError: every problem it has.
    """
    from meshperf.analysis import is_prediction, is_rules, laid_over
    from meshperf.spec.envelope import is_envelope
    from meshperf.spec.experiment_reading import experiment_from_document
    from meshperf.spec.gate_reading import gate_from_document, is_gate
    from meshperf.spec.graph_reading import graph_from_document, is_graph
    from meshperf.spec.graph_shape import calls_per_request
    from meshperf.spec.smp import is_result, read_result_document
    from meshperf.spec.smp_imported import imported_from_document, is_imported

    data = document.data
    if is_graph(data):
        graph = graph_from_document(document)
        calls = calls_per_request(graph)
        return f"workload graph `{graph.name}`, {len(graph.services)} service(s), {calls:.4g} call(s) a request", []
    if is_gate(data):
        gate = gate_from_document(document)
        return f"gate `{gate.name}`, {len(gate.objectives)} objective(s), {len(gate.margins)} margin(s)", []
    if is_rules(data):
        rules = laid_over(document)
        own = len(data.get("fields", ()))
        return f"rules of comparability `{rules.name}`, {own} rule(s)", [f"loosens {one}" for one in rules.loosened]
    if is_prediction(data):
        from meshperf.cli.kept_prediction import prediction_words

        return prediction_words(document), []
    if is_imported(data):
        try:
            imported = imported_from_document(data)
        except DocumentError as error:
            raise document.error(error.code, error.message, error.location.pointer, hint=error.hint) from None
        return f"imported result of {imported.source.tool}", [note.text for note in imported.notes]
    if is_result(data) and "format" in data:
        run = read_result_document(document)
        return f"result of {run.resident}, round {run.round}", []
    if is_envelope(data) and not _is_foreign_envelope(document):
        experiment = experiment_from_document(document)
        return f"SMP test `{experiment.name}`, {len(experiment.targets)} target(s)", []
    if isinstance(data, dict | list) and not (isinstance(data, dict) and "experiment" in data) and _is_smp(data):
        from meshperf.spec.smp_reading import smp_from_document

        return _smp_words(smp_from_document(document))
    experiment = experiment_from_document(document)
    rounds = f"{'at most ' if experiment.resolution else ''}{experiment.rounds} round(s)"
    return f"experiment `{experiment.name}`, {len(experiment.arms)} arm(s), {rounds}", []


def _is_smp(data: Any) -> bool:
    from meshperf.spec.smp_generations import modern
    from meshperf.spec.smp_messages import kind_of

    if isinstance(data, list):
        return bool(data) and all(isinstance(one, dict) and _is_smp(one) for one in data)
    return kind_of(modern(data).data) is not None


def _is_foreign_envelope(document: Document) -> bool:
    """Whether a test file is in names that only a reader of all dialects knows."""
    from meshperf.spec.smp_document import Dialect, Generation
    from meshperf.spec.smp_reading import smp_from_document

    try:
        (found,) = smp_from_document(document)
    except DocumentError:
        return False  # the experiment's own reader explains what is wrong with a test
    return found.dialect in (Dialect.PROTOJSON, Dialect.STRICT) or found.generation is not Generation.G2


def _smp_words(documents: tuple[SmpDocument, ...]) -> tuple[str, list[str]]:
    first = documents[0]
    words = f"SMP {first.kind}, {first.dialect}"
    if first.generation != "G2":
        words += f", generation {first.generation}"
    if len(documents) > 1:
        words = f"{len(documents)} documents, the first: {words}"
    return words, [note.text for document in documents for note in document.notes]


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

"""`meshperf verify`: believe no bundle, derive its figures again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from meshperf.experiment.verification import VerificationReport

__all__ = ["command"]


@click.command(name="verify")
@click.argument("bundles", metavar="BUNDLE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="A JSON array with one report a bundle.")
def command(bundles: tuple[Path, ...], as_json: bool) -> int:
    """Check each BUNDLE's digests and derive its figures again.

    Every file is held against its digest, every run's figures against its slices, and the comparison is made again from
    the runs. A prediction of `meshperf predict` is held against its digest. Exit code 0: all of it agrees; 2: something
    does not, or a bundle cannot be read.

    \b
    Examples:
      meshperf verify results/sidecar-cost
      meshperf verify *.zip --json
    """
    from meshperf.errors import DocumentError, ExitCode
    from meshperf.experiment.verification import verify

    reports, unreadable = [], False
    for bundle in bundles:
        try:
            words = _prediction(bundle)
            if words is not None:
                click.echo(f"ok  {bundle}: {words}", err=as_json)
                continue
            report = verify(bundle)
        except DocumentError as error:  # the other bundles are still to be checked
            click.echo(str(error), err=True)
            unreadable = True
            continue
        reports.append(report)
        if not as_json:
            click.echo(_text(report))
    if as_json:
        import json

        click.echo(json.dumps([_document(report) for report in reports], indent=1, ensure_ascii=False))
    return ExitCode.USAGE if unreadable or any(not report.ok for report in reports) else ExitCode.OK


def _prediction(path: Path) -> str | None:
    """What a prediction is, in words; None for anything else.

    Raises:
        DocumentError: it is not the one of its digest.
    """
    from meshperf.analysis import is_prediction
    from meshperf.cli.kept_prediction import prediction_words
    from meshperf.spec.reader import read_document

    if not path.is_file() or path.suffix.lower() != ".json":
        return None
    document = read_document(path)
    return prediction_words(document) if is_prediction(document.data) else None


def _text(report: VerificationReport) -> str:
    head = (
        f"{'ok' if report.ok else 'WRONG'}  {report.path} ({report.state or 'state unknown'}): {report.files} digests, "
        f"{report.runs} runs and {report.comparisons} comparisons checked"
    )
    lines = [head]
    for problem in report.problems:
        place = f" {problem.place}" if problem.place else ""
        lines.append(f"  {problem.code} {problem.file}{place}: {problem.message}")
    return "\n".join([*lines, *(f"  note: {note}" for note in report.notes)])


def _document(report: VerificationReport) -> dict[str, Any]:
    return {
        "bundle": str(report.path),
        "ok": report.ok,
        "experiment": report.experiment,
        "experiment_id": report.experiment_id,
        "state": report.state,
        "files": report.files,
        "runs": report.runs,
        "comparisons": report.comparisons,
        "problems": [
            {"code": each.code, "file": each.file, "place": each.place, "message": each.message}
            for each in report.problems
        ],
        "notes": list(report.notes),
    }

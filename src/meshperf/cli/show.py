"""`meshperf show`: the verdict of one experiment, or what single runs measured, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from meshperf.cli.kept_results import KeptExperiment
    from meshperf.spec.records import RunResult

__all__ = ["command"]


@click.command(name="show")
@click.argument("reference", metavar="ID|BUNDLE|RESULT")
@click.option(
    "--json", "as_json", is_flag=True, help="The comparisons and the figures of every run, as one JSON object."
)
def command(reference: str, as_json: bool) -> int:
    """The verdict table of a stored experiment or of a bundle; a result document in full.

    ID is an id of `meshperf list`, or the beginning of one; BUNDLE is a folder or a .zip that `meshperf run` wrote;
    RESULT is a file with what `meshperf load --json` or `meshperf import --json` printed.

    \b
    Examples:
      meshperf show 3f9a
      meshperf show results/sidecar-cost
      meshperf load http://127.0.0.1:8080/ --json > run.json; meshperf show run.json
      meshperf show sidecar-cost.zip --json | jq '.comparisons[0].metrics'
    """
    from meshperf.cli.kept_imported import imported_documents
    from meshperf.cli.kept_results import find

    imported = imported_documents(reference)
    if imported:
        click.echo(_imported(imported, as_json=as_json))
        return 0
    kept = find(reference)
    if as_json:
        import json

        click.echo(json.dumps(_document(kept), indent=1, ensure_ascii=False, allow_nan=False))
        return 0
    if kept.single:
        click.echo(_singles(kept), nl=False)
        return 0
    if not kept.comparisons:
        click.echo(f"{kept.name}: {len(kept.runs)} runs, not judged yet ({kept.state})", err=True)
        return 0
    click.echo(_verdicts(kept), nl=False)
    if kept.state in ("running", "interrupted"):
        click.echo(f"this bundle is {kept.state}: rounds are missing", err=True)
    return 0


def _imported(documents: list[dict[str, Any]], *, as_json: bool) -> str:
    """Results of other tools; as JSON their documents, one alone or a list."""
    if as_json:
        import json

        return json.dumps(documents[0] if len(documents) == 1 else documents, indent=1, ensure_ascii=False)
    from meshperf.cli.import_table import imported_text
    from meshperf.spec.smp_imported import imported_from_document

    return "\n\n".join(imported_text(imported_from_document(document)) for document in documents)


def _singles(kept: KeptExperiment) -> str:
    from rich.console import Console

    from meshperf.report import terminal_run

    console = Console()
    with console.capture() as captured:
        for number, run in enumerate(kept.runs):
            if number:
                console.print()
            terminal_run(run, console)
    return captured.get()


def _verdicts(kept: KeptExperiment) -> str:
    from rich.console import Console

    from meshperf.analysis import comparison_from_document
    from meshperf.report import terminal

    console = Console()
    # Captured and printed by click: rich would end the program by itself, with exit code 1, when a pipe breaks.
    with console.capture() as captured:
        for number, document in enumerate(kept.comparisons):
            if number:
                console.print()
            terminal(comparison_from_document(document), console)
    return captured.get()


def _document(kept: KeptExperiment) -> dict[str, Any]:
    return {
        "experiment_id": kept.experiment_id,
        "experiment": kept.name,
        "state": kept.state,
        "bundle": None if kept.bundle is None else str(kept.bundle),
        "command": kept.command,
        "comparisons": list(kept.comparisons),
        "runs": [_run(run, excluded=False) for run in kept.runs] + [_run(run, excluded=True) for run in kept.excluded],
    }


def _run(run: RunResult, *, excluded: bool) -> dict[str, Any]:
    """A run in figures; the slices stay in its document."""
    p50, p90, p99 = (float(value) for value in run.response.quantile([0.5, 0.9, 0.99]))
    figures = {
        "p50_s": p50,
        "p90_s": p90,
        "p99_s": p99,
        "mean_s": run.response.mean(),
        "achieved_rps": run.achieved_rps,
    }
    return {
        "run_id": run.run_id,
        "resident": run.resident,
        "round": run.round,
        "load_point": run.load_point,
        "attempt": run.attempt,
        "start_time": run.start_time.isoformat(),
        "measured_s": run.measured_s,
        "offered_rps": run.offered_rps,
        **{name: _known(value) for name, value in figures.items()},
        "ok": run.counts.ok,
        "offered": run.counts.offered,
        "receive_clock": run.generator.receive_clock,
        "late_read_p99_s": _known(float(run.generator.late_read.quantile(0.99))),
        "dispersion_1ms": run.generator.dispersion_1ms,
        "censored": run.counts.unanswered + run.counts.not_sent,
        "kind": None if run.kind is None else run.kind.kind.value,
        "validity": run.validity.state.value,
        "validity_reasons": list(run.validity.reasons),
        "excluded": excluded,
    }


def _known(value: float) -> float | None:
    import math

    return value if math.isfinite(value) else None

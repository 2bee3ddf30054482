"""`meshperf list`: what the store holds, last saved first; experiments and loads, then results of other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from meshperf.store import ExperimentRow, ImportedRow

__all__ = ["command"]

_HEADINGS = ("ID", "SAVED (UTC)", "EXPERIMENT", "ROUNDS", "ARMS", "BUNDLE")
_IMPORTED = ("ID", "SAVED (UTC)", "TOOL", "DATE (UTC)", "RATE", "P50", "P99", "ERRORS", "GRADE", "FILE")


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of a table.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Of each kind at most the N saved last.")
def command(as_json: bool, limit: int | None) -> int:
    """Stored experiments, load tests and results of other tools, last saved first.

    The store is the file named by MESHPERF_STORE, or else meshperf.sqlite in your data folder.

    \b
    Examples:
      meshperf list
      meshperf list --limit 5
      meshperf list --json | jq -r '.[0].experiment_id'
    """
    from meshperf.store import Store

    with Store.open() as store:
        rows = store.experiments(limit=limit)
        imported = store.imported(limit=limit)
    if as_json:
        import json

        documents = [*(_document(row) for row in rows), *(_imported_document(row) for row in imported)]
        click.echo(json.dumps(documents, indent=1, ensure_ascii=False))
    elif rows or imported:
        from meshperf.cli.import_table import table_text

        tables = [[_HEADINGS, *(_cells(row) for row in rows)], [_IMPORTED, *(_imported_cells(row) for row in imported)]]
        click.echo("\n\n".join(table_text(table) for table in tables if len(table) > 1))
    else:
        click.echo(
            "nothing is stored yet; `meshperf run`, `meshperf load` and `meshperf import` keep results here", err=True
        )
    return 0


def _document(row: ExperimentRow) -> dict[str, Any]:
    def iso(moment: Any) -> str | None:
        return None if moment is None else moment.isoformat()

    return {
        "experiment_id": row.experiment_id,
        "experiment": row.name,
        "experiment_digest": row.digest,
        "saved": iso(row.saved),
        "start_time": iso(row.start_time),
        "end_time": iso(row.end_time),
        "rounds": row.rounds,
        "arms": list(row.arms),
        "bundle": None if row.bundle is None else str(row.bundle),
        "command": row.command,
        "meshperf": row.meshperf,
    }


def _cells(row: ExperimentRow) -> tuple[str, ...]:
    saved = row.saved.strftime("%Y-%m-%d %H:%M")
    bundle = "-" if row.bundle is None else str(row.bundle)
    cells = (row.experiment_id, saved, row.name, str(row.rounds), ", ".join(row.arms), bundle)
    return tuple("".join(c if c.isprintable() else "?" for c in cell) for cell in cells)  # names come from files


def _imported_document(row: ImportedRow) -> dict[str, Any]:
    from dataclasses import asdict
    from datetime import datetime

    plain = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(row).items()}
    return {**plain, "notes": list(row.notes)}


def _imported_cells(row: ImportedRow) -> tuple[str, ...]:
    from meshperf.units import Unit, format_quantity

    unknown = "not known"
    version = f" {row.tool_version}" if row.tool_version else ""
    of = "" if row.requests is None else f" of {row.requests}"
    failed = row.ok == 0 and bool(row.errors)
    times = (unknown if value is None else format_quantity(value, Unit.SECONDS) for value in (row.p50_s, row.p99_s))
    p50, p99 = ("all failed", "all failed") if failed else times
    cells = (
        row.imported_id,
        row.saved.strftime("%Y-%m-%d %H:%M"),
        f"{row.tool}{version}",
        unknown if row.start_time is None else row.start_time.strftime("%Y-%m-%d %H:%M"),
        unknown if row.achieved_rps is None else f"{row.achieved_rps:.6g}/s",
        p50,
        p99,
        unknown if row.errors is None else f"{row.errors}{of}",
        row.completeness,
        (row.file or "standard input") + (f" {row.place}" if row.place else ""),
    )
    return tuple("".join(c if c.isprintable() else "?" for c in cell) for cell in cells)

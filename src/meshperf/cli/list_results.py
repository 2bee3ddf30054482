"""`meshperf list`: what the store holds, last saved first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from meshperf.store import ExperimentRow

__all__ = ["command"]

_HEADINGS = ("ID", "SAVED (UTC)", "EXPERIMENT", "ROUNDS", "ARMS", "BUNDLE")


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of a table.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most the N that were saved last.")
def command(as_json: bool, limit: int | None) -> int:
    """Stored experiments, last saved first.

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
    if as_json:
        import json

        click.echo(json.dumps([_document(row) for row in rows], indent=1, ensure_ascii=False))
    elif rows:
        click.echo(_table([_HEADINGS, *(_cells(row) for row in rows)]))
    else:
        click.echo("nothing is stored yet; `meshperf run FILE` keeps its results here", err=True)
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
        "bundle": str(row.bundle),
        "command": row.command,
        "meshperf": row.meshperf,
    }


def _cells(row: ExperimentRow) -> tuple[str, ...]:
    saved = row.saved.strftime("%Y-%m-%d %H:%M")
    cells = (row.experiment_id, saved, row.name, str(row.rounds), ", ".join(row.arms), str(row.bundle))
    return tuple("".join(c if c.isprintable() else "?" for c in cell) for cell in cells)  # names come from files


def _table(rows: list[tuple[str, ...]]) -> str:
    """Columns as wide as their longest cell, never cut: what is piped on must be whole."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)

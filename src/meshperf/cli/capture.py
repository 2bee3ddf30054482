"""`meshperf capture`: the facts of this machine, as a table for people or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from meshperf.spec.records import Fact

__all__ = ["command"]


@click.command(
    "capture",
    epilog="Examples:  meshperf capture   ·   meshperf capture --out machine.json   ·   meshperf capture --json",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the JSON to FILE instead.")
def command(as_json: bool, out: Path | None) -> None:
    """Show the facts of this machine that decide whether results compare.

    Host name and addresses are digests, and environment variables are never read.
    """
    from meshperf.environments.host_facts import HostReader

    groups = HostReader().groups()
    if out is not None:
        _write(out, _document(groups))
    elif as_json:
        click.echo(_document(groups))
    else:
        _print(groups)


def _document(groups: Mapping[str, Mapping[str, Fact]]) -> str:
    import json
    from datetime import UTC, datetime

    from meshperf import __version__

    facts: dict[str, dict[str, Any]] = {}
    for group in groups.values():
        for path, fact in group.items():
            facts[path] = {"value": fact.value, "source": fact.source}
            if not fact.known:
                facts[path]["unavailable"] = fact.unavailable
    document = {
        "kind": "capture",
        "meshperf": __version__,
        "captured_at": datetime.now(UTC).isoformat(),
        "facts": facts,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _write(out: Path, document: str) -> None:
    from meshperf.experiment.durable import storage_errors, write_whole

    data = f"{document}\n".encode()
    if out.exists() and not out.is_file():
        with storage_errors(out):
            out.write_bytes(data)  # a pipe or a device must not be replaced by a file
    else:
        write_whole(out, data)
    click.echo(f"wrote {out}", err=True)


def _print(groups: Mapping[str, Mapping[str, Fact]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("fact", no_wrap=True)
    table.add_column("value", overflow="fold")
    for number, (heading, facts) in enumerate(groups.items()):
        if number:
            table.add_row()
        table.add_row(Text(heading, style="bold"))
        for path, fact in facts.items():
            # Text, not markup: a value with brackets is data.
            known = Text(_shown(path, fact)) if fact.known else Text(f"unavailable: {fact.unavailable}", style="dim")
            table.add_row(f"  {path.removeprefix('host.')}", known)
    Console(soft_wrap=False).print(table)


def _shown(path: str, fact: Fact) -> str:
    from meshperf.units import Unit, format_quantity

    if isinstance(fact.value, bool):
        return "yes" if fact.value else "no"
    if isinstance(fact.value, int) and "_bytes" in path and "mtu" not in path:
        return format_quantity(fact.value, Unit.BYTES)
    return str(fact.value)

"""`meshperf schema`: the JSON Schema of a document."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(
    "schema",
    epilog="Examples:  meshperf schema > experiment.schema.json   ·   meshperf schema result",
)
@click.argument("name", type=click.Choice(["experiment", "result"]), default="experiment")
def command(name: str) -> None:
    """Print the JSON Schema (2020-12) of experiment files or of result documents."""
    from meshperf.spec.schemas import schema_text

    click.echo(schema_text(name), nl=False)

"""`meshperf schema`: the JSON Schema of a document."""

from __future__ import annotations

import click

__all__ = ["command"]

NAMES = (
    "experiment", "graph", "prices", "result",
    "smp-test-file", "smp-test", "smp-result", "smp-mesh-config", "smp-environment", "smp-mesh",
)  # fmt: skip
"""Those of `spec.schemas`, here again because help must stay quick; a test compares them."""


@click.command(
    "schema",
    epilog="Examples:  meshperf schema > experiment.schema.json   ·   meshperf schema result",
)
@click.argument("name", type=click.Choice(NAMES), default="experiment")
def command(name: str) -> None:
    """Print the JSON Schema (2020-12) of experiment files, workload graphs, results or SMP documents."""
    from meshperf.spec.schemas import schema_text

    click.echo(schema_text(name), nl=False)

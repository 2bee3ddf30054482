"""`meshperf schema`: the JSON Schema of a document."""

from __future__ import annotations

import click

__all__ = ["command"]

PREDICTION = "prediction"
NAMES = (
    "experiment", "gate", "graph", "plan", "prices", "result", "rules",
    "smp-test-file", "smp-test", "smp-result", "smp-mesh-config", "smp-environment", "smp-mesh",
    PREDICTION,
)  # fmt: skip
"""Those of `spec.schemas` and the prediction's, here again because help must stay quick; a test compares them."""


@click.command(
    "schema",
    epilog="Examples:  meshperf schema > experiment.schema.json   ·   meshperf schema result",
)
@click.argument("name", type=click.Choice(NAMES), default="experiment")
def command(name: str) -> None:
    """Print the JSON Schema (2020-12) of files that you write, of results, predictions or SMP documents."""
    if name == PREDICTION:
        from meshperf.analysis.prediction_schema import prediction_schema_text

        click.echo(prediction_schema_text(), nl=False)
        return
    from meshperf.spec.schemas import schema_text

    click.echo(schema_text(name), nl=False)

"""`meshperf cost`: money per million requests, and what an arm would add to a fleet."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command(name="cost")
@click.argument("reference", metavar="ID|BUNDLE")
@click.option(
    "--prices", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Prices, as examples/prices.yaml."
)
@click.option("--node", metavar="TYPE", help="Node type of the price file; default: its `default`.")
@click.option("--pods", type=click.IntRange(min=1), metavar="N", help="A fleet of so many pods; with --rate.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), metavar="R", help="Requests a second that each pod answers."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write the report into this folder too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the tables.")
def command(
    reference: str,
    prices: Path,
    node: str | None,
    pods: int | None,
    rate: float | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Money per million successful requests of every arm, and of a fleet.

    ID is an id of `meshperf list`, or the beginning of one; BUNDLE is a folder or a .zip that `meshperf run` wrote.
    With several rates in the experiment, CPU time is told apart into a share by request and one at rest.

    \b
    Examples:
      meshperf cost results/sidecar-cost --prices examples/prices.yaml
      meshperf cost results/sidecar-cost --prices prices.yaml --pods 400 --rate 50
      meshperf cost 3f9a --prices prices.yaml --node memory --json
    """
    from meshperf.cli.cost_run import run_cost

    return run_cost(reference, prices, node=node, pods=pods, rate=rate, out=out, as_json=as_json)

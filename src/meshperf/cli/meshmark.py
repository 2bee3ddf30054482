"""`meshperf meshmark`: the index of an experiment's arms, with the vector it is made of."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command(name="meshmark")
@click.argument("references", metavar="ID|BUNDLE…", nargs=-1, required=True)
@click.option(
    "--capacity",
    "capacities",
    multiple=True,
    metavar="ARM=R",
    help="Highest rate at which an arm holds the objectives, where the experiment's ladder does not tell; repeat it.",
)
@click.option(
    "--weight",
    "weights",
    multiple=True,
    metavar="NAME=P%",
    help="Adjust a class (compute, memory, network, latency, capacity, reliability) or an efficiency (p99) by -50% to "
    "+50%; repeat it.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write the report into this folder too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the tables.")
def command(
    references: tuple[str, ...], capacities: tuple[str, ...], weights: tuple[str, ...], out: Path | None, as_json: bool
) -> int:
    """MeshMark-R 1.0 of every arm against its baseline: a score up to 100, never without its vector.

    It needs load points at 25, 50 and 75 % of the least capacity among the arms, and five rounds. Where there is no
    score the reasons are told and the exit code is 4. Scores of several experiments are compared where they may be.

    \b
    Examples:
      meshperf meshmark results/ladder
      meshperf meshmark results/ladder --capacity baseline=4000 --capacity envoy=2000
      meshperf meshmark 3f9a 77c0 --weight latency=+50% --json
    """
    from meshperf.cli.meshmark_run import run_meshmark

    return run_meshmark(references, capacities=capacities, weights=weights, out=out, as_json=as_json)

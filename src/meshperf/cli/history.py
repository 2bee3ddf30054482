"""`meshperf history`: stored results of one experiment over time, and where a figure changed."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command(name="history")
@click.argument("references", metavar="NAME|ID|BUNDLE…", nargs=-1, required=True)
@click.option("--arm", "arms", multiple=True, metavar="ARM", help="Only this arm; repeat it.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="METRIC",
    help="p50, p90, p99, mean, cpu_per_request or memory; repeat it. Default: p50, p90 and cpu_per_request.",
)
@click.option("--absolute", is_flag=True, help="Candidates in absolute figures, not as ratios to the baseline.")
@click.option(
    "--alpha",
    type=click.FloatRange(min=0.0001, max=0.5),
    default=0.05,
    show_default=True,
    metavar="A",
    help="Chance of seeing a change where there is none, of all figures together.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, metavar="N", help="Of the shuffles.")
@click.option("--fail-on-change", is_flag=True, help="Exit 1 when the latest change of a figure made it larger.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write the report into this folder too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the tables.")
def command(
    references: tuple[str, ...],
    arms: tuple[str, ...],
    metrics: tuple[str, ...],
    absolute: bool,
    alpha: float,
    seed: int,
    fail_on_change: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Since when, and by how much, did a figure of an experiment change?

    NAME is an experiment in the store, with all its results; an ID stands for the name of its experiment. BUNDLES are
    taken as they are, two or more of one experiment.

    \b
    Examples:
      meshperf history what-does-a-sidecar-cost
      meshperf history 3f9a --metric p99 --arm envoy --json
      meshperf history results/v1 results/v2 results/v3 --out history
    """
    from meshperf.cli.history_run import run_history

    return run_history(
        references,
        arms=arms,
        metrics=metrics,
        absolute=absolute,
        alpha=alpha,
        seed=seed,
        fail_on_change=fail_on_change,
        out=out,
        as_json=as_json,
    )

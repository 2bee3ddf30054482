"""`meshperf predict`: what a mesh will add to a call graph, from a price list; and whether it did."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command(name="predict")
@click.argument("reference", metavar="ID|BUNDLE")
@click.option(
    "--graph",
    metavar="NAME|FILE",
    help="What to foretell for: a graph of the package, a graph's file, or the experiment that will measure it.",
)
@click.option(
    "--steps",
    metavar="STEP,STEP…",
    help="Steps of the price list that make up the arm, those that lead to them included; default: those that its "
    "settings ask for, where FILE has it.",
)
@click.option("--arm", metavar="NAME", help="The candidate arm; needed where the experiment has several.")
@click.option(
    "--load-point",
    type=click.IntRange(min=1),
    metavar="N",
    help="Load point of the bundle, from 1; default: the first one.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The prediction's file, new; default: prediction.json.",
)
@click.option(
    "--check",
    type=click.Path(path_type=Path),
    metavar="PREDICTION",
    help="Hold this prediction against the graph's measurement, which BUNDLE then is.",
)
@click.option("--report", type=click.Path(path_type=Path), metavar="DIR", help="Write a report into this folder too.")
@click.option("--digest", metavar="SHA256", help="With --check: the digest that was kept from before measuring.")
@click.option("--json", "as_json", is_flag=True, help="The document on stdout instead of the tables.")
def command(
    reference: str,
    graph: str | None,
    steps: str | None,
    arm: str | None,
    load_point: int | None,
    out: Path | None,
    check: Path | None,
    report: Path | None,
    digest: str | None,
    as_json: bool,
) -> int:
    """Foretell what a mesh adds to a call graph, from a price list; with --check, whether it did.

    The price of a hop is the sum of the steps that the arm is made of; response times grow by the hops on the critical
    path, CPU time by all calls. The prediction is a document with its time and its digest, written before the graph is
    measured: what was measured earlier is refused, and nothing is fitted afterwards. It is never written over another.

    \b
    Examples:
      meshperf predict results/price-list --graph examples/prediction-chain.yaml
      meshperf predict results/price-list --graph chain --steps mtls --out chain.json
      meshperf predict --check prediction.json results/chain
      meshperf predict --check prediction.json results/chain --arm envoy --digest 3f9a… --json
    """
    from meshperf.cli.predict_run import run_check, run_predict
    from meshperf.errors import UsageError

    if check is not None:
        if graph is not None or steps is not None or out is not None:
            raise UsageError(
                "MP1002",
                "a prediction that is checked has its graph and steps, and nothing is written",
                hint="leave out --graph, --steps and --out",
            )
        return run_check(
            reference, check, arm=arm, load_point=load_point, digest=digest, report=report, as_json=as_json
        )
    if graph is None:
        raise UsageError(
            "MP1001",
            "which graph is to be foretold?",
            hint="write --graph with a graph of the package, a graph's file or the experiment that will measure it",
        )
    if digest is not None:
        raise UsageError("MP1002", "`--digest` belongs to `--check`", hint="leave it out: it is printed")
    return run_predict(
        reference,
        graph,
        steps=steps,
        arm=arm,
        load_point=load_point,
        out=out or Path("prediction.json"),
        report=report,
        as_json=as_json,
    )

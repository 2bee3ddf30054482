"""Pages with the charts that need more than one clean comparison: mixed classes, slices, money, a history."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import sample
from test_matrix import KERNEL, TURBO, pair
from test_over_time import sliced

from history_sample import entries, levels, template
from ladder_sample import ladder
from meshperf.analysis.cost import arm_costs
from meshperf.analysis.history import history
from meshperf.analysis.records import Comparison
from meshperf.report.cost import CostReport, assemble_cost
from meshperf.report.history import assemble_history
from meshperf.spec.prices_reading import read_prices
from meshperf.spec.records import RunResult

PRICES = Path(__file__).parents[2] / "examples" / "prices.yaml"


def mixed() -> tuple[Comparison, list[RunResult]]:
    """Pairs of every class, and runs that were slow for a while."""
    comparison, runs = sample.clean()
    pairs = (
        pair("A", "envoy"),
        pair("X", "client-library", violations=(KERNEL,)),
        pair("D", "client-library", "envoy", unknowns=(TURBO,)),
        pair("B", "istio"),
        pair("C", "istio", "envoy"),
    )
    slow = {("envoy", 1): range(8, 20), ("baseline", 3): range(4), ("envoy", 3): range(4)}
    pieces = {
        (run.arm, run.round): sliced(run.arm, run.round, slow=slow.get((run.arm, run.round), range(0))).slices
        for run in runs
        if run.twin == 0
    }
    return replace(comparison, pairs=pairs), [replace(run, slices=pieces.get((run.arm, run.round), ())) for run in runs]


def costs(name: str = "money") -> CostReport:
    """Two arms at four rates, at the prices of the example."""
    runs, prices = ladder(noise=0.02), read_prices(PRICES)
    return CostReport(
        experiment=name,
        baseline="baseline",
        prices=prices,
        node=prices.default,
        costs=arm_costs(runs, baseline="baseline", prices=prices, node=prices.default),
    )


def cost() -> dict[str, bytes]:
    return assemble_cost(costs())


def history_of_two_changes() -> dict[str, bytes]:
    """24 results with a step up and a step down."""
    found = history("steps", entries(template(), levels(24, [9, 17], [1.25, 0.9], noise=0.02, seed=6)), seed=1)
    return assemble_history(found, command="meshperf history steps")

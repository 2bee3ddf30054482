"""The phases of `meshperf cost`: find the experiment, read the prices, reckon, show."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from meshperf.analysis import (
    arm_costs,
    arm_energies,
    cpu_line,
    fleet_cost,
    main_ladder,
    objective_rate,
    own_runs,
    use_of,
    why_no_energy,
)
from meshperf.cli.judged_bundle import JudgedCell, judged_cells, judged_experiment, write_report
from meshperf.cli.kept_results import KeptExperiment
from meshperf.cli.output import page
from meshperf.errors import ComparisonError, ExitCode, UsageError
from meshperf.report.cost import CostReport, assemble_cost, cost_document, show_cost
from meshperf.spec.prices import PriceList
from meshperf.spec.prices_reading import read_prices

__all__ = ["run_cost"]

_COUNTED_ROLES = ("app", "sidecar", "generator")


def run_cost(
    reference: str,
    prices_file: Path,
    *,
    node: str | None,
    pods: int | None,
    rate: float | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Reckon and show what the arms of an experiment cost.

    Raises:
        UsageError: MP1001, no judged experiment or no such node type; MP1002, only one of --pods and --rate.
        DocumentError: the price file, or the bundle.
        ComparisonError: MP4002, no arm has a comparable run.
    """
    if (pods is None) != (rate is None):
        raise UsageError("MP1002", "a fleet needs both its pods and their rate", hint="write --pods 400 --rate 50")
    prices = read_prices(prices_file)
    chosen = prices.default if node is None else node
    if chosen not in prices.nodes:
        raise UsageError(
            "MP1001", f"the price file has no node type {chosen!r}", hint=f"it has: {', '.join(prices.nodes)}"
        )
    kept = judged_experiment(reference)
    command = shlex.join(
        [
            "meshperf", "cost", reference, "--prices", str(prices_file), "--node", chosen,
            *(["--pods", str(pods), "--rate", f"{rate:g}"] if rate is not None else []),
        ]
    )  # fmt: skip
    reports = [
        _report(kept, cell, prices=prices, node=chosen, pods=pods, rate=rate, command=command)
        for cell in judged_cells(kept)
    ]
    if not any(report.costs for report in reports):
        raise ComparisonError("MP4002", f"no arm of {kept.name} has a run that may be compared, so nothing has a cost")
    if out is not None:
        for report in reports:
            folder = out / report.experiment if len(reports) > 1 else out
            click.echo(f"the report is {write_report(assemble_cost(report), folder)}", err=True)
    if as_json:
        documents = [cost_document(report) for report in reports]
        click.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=1, allow_nan=False))
        return ExitCode.OK
    with page() as to_show:
        for number, report in enumerate(reports):
            if number:
                to_show.print()
            show_cost(report, to_show)
    return ExitCode.OK


def _report(
    kept: KeptExperiment,
    cell: JudgedCell,
    *,
    prices: PriceList,
    node: str,
    pods: int | None,
    rate: float | None,
    command: str,
) -> CostReport:
    runs = [run for run in kept.runs if run.arm in cell.arms]
    ladder = main_ladder(runs)
    lines = [cpu_line(arm, [use_of(run) for run in own_runs(ladder, arm)]) for arm in cell.arms]
    tried = [objective_rate(arm, ladder, cell.objectives) for arm in cell.arms]
    fleet = []
    if pods is not None and rate is not None:
        fleet = [
            fleet_cost(ladder, arm=arm, baseline=cell.baseline, pods=pods, rate_rps=rate, prices=prices, node=node)
            for arm in cell.arms[1:]
        ]
    for arm, estimate in zip(cell.arms[1:], fleet, strict=False):
        if estimate is None:
            click.echo(f"{arm}: no estimate for a fleet, no round has both arms with everything measured", err=True)
    others = dict.fromkeys(use.role for run in runs for use in run.resources if use.role not in _COUNTED_ROLES)
    return CostReport(
        experiment=f"{kept.name}, {cell.name}" if cell.name else kept.name,
        baseline=cell.baseline,
        prices=prices,
        node=node,
        costs=arm_costs(runs, baseline=cell.baseline, prices=prices, node=node),
        fleet=tuple(each for each in fleet if each is not None),
        lines=tuple(line for line in lines if line is not None),
        throughput=tuple(each for each in tried if each is not None and len(each.held) > 1),
        energy=arm_energies(runs, baseline=cell.baseline, arms=cell.arms),
        no_energy=why_no_energy(kept.facts),
        not_in_it=tuple(others),
        command=command,
    )

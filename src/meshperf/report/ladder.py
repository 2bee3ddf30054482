"""The price list in a report: what each step adds, and the sum of the steps against the measured whole.

The order of the steps is read from the experiment's own text, so a report that is written again years later prices the
same steps as the run did. What cannot be read any more is compared arm by arm and has no price list.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence

from meshperf.analysis.ladder import LADDER_METRICS, Ladder, LadderSum, StepPrice, price_ladder
from meshperf.analysis.ladder_order import LadderOrder, LadderStep, ladder_orders
from meshperf.analysis.records import Comparison, Estimate
from meshperf.errors import DocumentError
from meshperf.report import context, naming, wording
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, cells
from meshperf.spec.records import RunResult

__all__ = ["ladder_csv", "ladder_of", "orders_in", "section"]

_KEPT_NARROW = ("p50", "cpu_per_request")
"""Metrics whose interval is shown even where there is little room."""
_METHOD = (
    "A price is what an arm adds to the arm that its step begins at: the mean over rounds with a t interval. "
    "Arms of one group are held against each other, arms of different groups through the baseline beside each of them."
)
_ADDITIVE = (
    "Means, CPU time and memory add up where functions leave one another alone; quantiles need not. "
    "Nothing is fitted: what is left over stays as it was measured."
)


def orders_in(experiment_text: str) -> Mapping[str, LadderOrder]:
    """The steps of an experiment by cell; none where the text is empty, is not readable or is no price list."""
    if not experiment_text.strip():
        return {}
    from meshperf.spec.experiment_reading import experiment_from_document
    from meshperf.spec.reader import parse_document

    try:
        experiment = experiment_from_document(parse_document(experiment_text.encode()), files_beside=False)
    except DocumentError:
        return {}
    return ladder_orders(experiment)


def ladder_of(comparison: Comparison, runs: Sequence[RunResult], orders: Mapping[str, LadderOrder]) -> Ladder | None:
    """The price list of one comparison; None where its cell is none. Names are those of the experiment."""
    own = context.own_runs(comparison, runs)
    order = orders.get(comparison.cell)
    return price_ladder(own, order, subject=comparison.subject) if order is not None and own else None


def section(ladder: Ladder, runs: Sequence[RunResult]) -> Section:
    """The section of a report; `runs` tell which arms carry a label."""
    labels = naming.labels(runs)
    names = {name: f"{name} ({label})" for name, label in labels.items()}
    tables = (Exhibit(table=_prices(ladder, names)), Exhibit(table=_sums(ladder), chart="waterfall"))
    notes = [_METHOD, _ADDITIVE]
    if ladder.pilot:
        notes.insert(0, "A pilot: prices are shown without intervals and decide nothing.")
    if ladder.order.chained:
        notes.append("The steps lead one after the other to the whole: their sum is the whole, whatever they cost.")
    if ladder.order.unpriced:
        unpriced = wording.listing(list(ladder.order.unpriced))
        notes.append(f"No step prices {unpriced}: what that costs is in the residual.")
    missing = dict.fromkeys(
        f"{_name(price.step, names)}: no price of {wording.metric_name(price.metric)}, {wording.clean(price.missing)}"
        for price in ladder.prices
        if price.missing
    )
    said = (_said(ladder, metric, names) for metric in _KEPT_NARROW)
    return Section(
        key="price-list",
        title="The price list",
        sentences=tuple(notes),
        points=(*filter(None, said), *missing),
        exhibits=tables,
    )


def ladder_csv(ladders: Sequence[tuple[str, Ladder]]) -> str:
    """A row for every round of every price; `ladders` come with their cells."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("load_point", "cell", "metric", "unit", "before", "after", "direct", "grade", "round", "price"))
    for cell, ladder in ladders:
        steps = {step.name: step for step in ladder.order.steps}
        for price in ladder.prices:
            step = steps[price.step]
            head = (ladder.load_point, cell, price.metric, price.unit.value, step.before, step.after)
            for number, amount in price.rounds:
                writer.writerow((*head, price.direct, price.grade, number, amount))
    return out.getvalue()


def _prices(ladder: Ladder, names: Mapping[str, str]) -> Table:
    rows = [
        cells(
            Cell(text=_name(step.name, names), detail=_changes(step, names)),
            "yes" if step.name in ladder.order.summed else "",
            *(_price(ladder.price(step.name, metric)) for metric in LADDER_METRICS),
        )
        for step in ladder.order.steps
    ]
    columns = (
        Column(title="step", aside=True),
        Column(title="summed"),
        *(
            Column(title=wording.metric_name(metric), figures=True, aside=metric not in _KEPT_NARROW)
            for metric in LADDER_METRICS
        ),
    )
    note = "Below a price its interval over rounds; beside a step what it sets, and the arm that it begins at."
    return Table(caption="What each step adds", columns=columns, rows=tuple(rows), note=note)


def _sums(ladder: Ladder) -> Table:
    rows = [
        cells(
            wording.metric_name(one.metric),
            _amount(one.whole),
            _amount(one.total),
            _amount(one.residual),
            wording.share(one.share, sign=True),
            str(len(one.rounds)),
        )
        for one in ladder.sums
    ]
    heads = ("metric", "whole", "sum of the steps", "residual", "of the whole", "rounds")
    columns = tuple(Column(title=head, figures=head != "metric") for head in heads)
    note = "The residual is the whole less the sum, formed in every round that has all of them."
    return Table(caption="The steps against the whole", columns=columns, rows=tuple(rows), note=note)


def _said(ladder: Ladder, metric: str, names: Mapping[str, str]) -> str:
    """What a reader takes away of one metric; empty where nothing is known."""
    one: LadderSum = ladder.sum(metric)
    if not (math.isfinite(one.residual.value) and math.isfinite(one.whole.value)):
        return ""
    whole, total = wording.added(one.whole), wording.added(one.total)
    left = f"{wording.added(one.residual)} ({wording.interval(one.residual)})"
    return (
        f"{wording.metric_name(metric)}: {_name(ladder.order.whole, names)} adds {whole} to the baseline, its "
        f"{len(ladder.order.summed)} steps together {total}; left over: {left}."
    )


def _price(of: StepPrice) -> Cell:
    return Cell(text=wording.UNKNOWN) if of.missing else _amount(of.price)


def _amount(of: Estimate) -> Cell:
    if not math.isfinite(of.value):
        return Cell(text=wording.UNKNOWN)
    return Cell(text=wording.added(of), detail=wording.interval(of))


def _changes(step: LadderStep, names: Mapping[str, str]) -> str:
    changes = ", ".join(f"{key.removeprefix('functions.')}: {value}" for key, value in step.changes.items())
    return wording.clean(f"{changes}, on {_name(step.before, names)}")


def _name(arm: str, names: Mapping[str, str]) -> str:
    return wording.clean(names.get(arm, arm))

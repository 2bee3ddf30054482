"""Efficiency and power in a report: what the load points of an experiment say together.

One section for each cell of an experiment; none where there is nothing to say. The lead says which arm is more
efficient and which more powerful, the tables hold what that rests on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshperf.analysis.documents import plain
from meshperf.analysis.efficiency_study import ConcurrencyLadder, EfficiencyStudy, RateLadder, efficiency_study
from meshperf.analysis.rate_bounds import BRACKET, RateBounds
from meshperf.analysis.records import Comparison, Estimate
from meshperf.report import naming, wording
from meshperf.report.charts.drawing import Drawing
from meshperf.report.efficiency_lead import lead, power, rate_range
from meshperf.report.efficiency_use import energy_table, node_table, wire_table
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, cells
from meshperf.spec.experiment import Objective
from meshperf.spec.objectives import parse_objective
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["as_plain", "drawings", "power_of", "section", "shown_name", "studies_of"]

Named = Callable[[str], str]


def studies_of(comparisons: Sequence[Comparison], runs: Sequence[RunResult]) -> tuple[EfficiencyStudy, ...]:
    """A study of each cell that has anything to say; names are those of the experiment."""
    cells_of: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        cells_of.setdefault(comparison.cell, []).append(comparison)
    found = []
    for cell, own in cells_of.items():
        texts = dict.fromkeys(tried.objective for one in own for tried in one.objectives)
        study = efficiency_study(
            runs,
            baseline=own[0].baseline,
            arms=tuple(dict.fromkeys(arm.arm for one in own for arm in one.arms)),
            objectives=_objectives(tuple(texts)),
            cell=cell,
        )
        if study.telling:
            found.append(study)
    return tuple(found)


def _objectives(texts: Sequence[str]) -> tuple[Objective, ...]:
    """The objectives of a stored comparison; none where one cannot be read: the others alone would promise more."""
    try:
        return tuple(parse_objective(text) for text in texts)
    except ValueError:
        return ()


def shown_name(runs: Sequence[RunResult]) -> Named:
    """How an arm is named to readers: with its label where it carries one."""
    labels = naming.labels(runs)
    return lambda arm: wording.clean(f"{arm} ({labels[arm]})" if arm in labels else arm)


def power_of(study: EfficiencyStudy, comparisons: Sequence[Comparison], runs: Sequence[RunResult]) -> tuple[str, ...]:
    """Which arm is more powerful, in the sentences of the section; none where no ladder of rates was measured."""
    return power(study, [one for one in comparisons if one.cell == study.cell], shown_name(runs))


def drawings(study: EfficiencyStudy, runs: Sequence[RunResult], *, prefix: str = "") -> tuple[Drawing, ...]:
    """A chart for each ladder of rates; needs the chart libraries."""
    from meshperf.report.charts.curve import curve_drawing

    drawn = [
        curve_drawing(
            ladder.curves,
            study.arms,
            name=_chart_name(number),
            file=f"{prefix}{_chart_name(number)}",
            label=wording.clean(ladder.family.label),
            named=shown_name(runs),
        )
        for number, ladder in enumerate(study.rates)
    ]
    return tuple(one for one in drawn if one is not None)


def as_plain(study: EfficiencyStudy) -> dict[str, Any]:
    """The study as JSON types, as it stands in `data.json`."""
    document: dict[str, Any] = plain(study)
    for ladder in document["rates"]:
        for line in ladder["lines"]:
            line["rounds"] = len(line["rounds"])
        for one in ladder["throughput"]:
            one["held"] = [
                {"offered_rps": float(rate), "held": held, "rounds": rounds}
                for rate, (held, rounds) in one["held"].items()
            ]
    return document


def _chart_name(number: int) -> str:
    return f"curve-{number + 1}"


def section(study: EfficiencyStudy, comparisons: Sequence[Comparison], runs: Sequence[RunResult]) -> Section:
    """The section of one cell. `comparisons`: those of the experiment."""
    named = shown_name(runs)
    own = [one for one in comparisons if one.cell == study.cell]
    exhibits: list[Exhibit] = []
    points: list[str] = []
    for number, ladder in enumerate(study.rates):
        exhibits.append(Exhibit(table=_curves(ladder, named), chart=_chart_name(number)))
        exhibits.append(Exhibit(table=_rates(ladder, named)))
        if ladder.lines:
            exhibits.append(Exhibit(table=_lines(ladder, named)))
        points += [
            f"{named(line.arm)}: a load point lies {wording.share(line.worst)} off its line; CPU per request and cores "
            "at rest describe it badly."
            for line in ladder.lines
            if not line.linear
        ]
    for closed in study.concurrencies:
        if closed.laws:
            exhibits += [Exhibit(table=_laws(closed, named)), Exhibit(table=_residuals(closed, named), folded=True)]
        points += [f"{named(one.arm)}: no law of scalability, {wording.clean(one.reason)}." for one in closed.refused]
    if study.wire:
        exhibits.append(Exhibit(table=wire_table(study, named), folded=True))
    if any(one.node is not None for one in study.node):
        exhibits.append(Exhibit(table=node_table(study, named), folded=True))
    elif study.node:
        why = next((one.unavailable for one in study.node if one.unavailable), "")
        points.append(f"CPU of the whole machine: not known, {wording.clean(why)}.")
    if study.energy:
        exhibits.append(Exhibit(table=energy_table(study, named)))
    else:
        points.append(f"Energy: {wording.clean(study.no_energy)}.")
    title = f"Efficiency and power, {wording.clean(study.cell)}" if study.cell else "Efficiency and power"
    return Section(
        key="efficiency",
        title=title,
        sentences=lead(study, own, named),
        points=tuple(points),
        exhibits=tuple(exhibits),
    )


def _curves(ladder: RateLadder, named: Named) -> Table:
    rows = [
        cells(
            named(curve.arm),
            f"{point.offered_rps:g}/s",
            Cell(text=_rate(point.achieved.value), detail=_rate_bounds(point.achieved)),
            *(_time(point.quantiles[name]) for name in ("p50", "p90", "p99")),
            f"{point.sustained} of {point.rounds}",
        )
        for curve in ladder.curves
        for point in curve.points
    ]
    heads = ("arm", "offered", "achieved", "p50", "p90", "p99", "rounds that kept up")
    columns = tuple(Column(title=head, figures=head != "arm", aside=head == "achieved") for head in heads)
    note = (
        "Below a figure its 95 % interval over rounds; a p99 of fewer than 10 000 requests a round is of all rounds "
        "together and has none. Rounds in which an arm did not keep up are in the figures: read those as lower bounds."
    )
    return Table(
        caption=f"Response time against rate: {wording.clean(ladder.family.label)}",
        columns=columns,
        rows=tuple(rows),
        note=note,
    )


def _rates(ladder: RateLadder, named: Named) -> Table:
    tried = {one.arm: one for one in ladder.throughput}
    rows = []
    for curve in ladder.curves:
        knee, held = curve.knee, tried.get(curve.arm)
        rows.append(
            cells(
                named(curve.arm),
                "not known" if knee is None else _between(knee.bounds),
                "no objectives" if held is None or held.bounds is None else _between(held.bounds),
                "" if held is None else _mixed(held.held),
            )
        )
    metric = next((curve.knee.metric for curve in ladder.curves if curve.knee is not None), "p90")
    heads = ("arm", f"knee of {metric}", "objectives hold up to", "in some rounds only")
    columns = tuple(Column(title=head) for head in heads)
    bounds = [f"Objectives: {wording.listing(list(one.objectives))}." for one in ladder.throughput[:1]]
    rule = next((curve.knee.rule for curve in ladder.curves if curve.knee is not None), "")
    note = " ".join(
        (
            *bounds,
            *([f"Knee: {wording.clean(rule)}."] if rule else []),
            "A bracket: all rounds agree on the neighbouring rates between which it lies. Bounds: of the 95 % "
            "intervals over the rounds' lower and upper ends. Only the rates of the load points were tried.",
        )
    )
    return Table(caption=f"Knee and throughput, {rate_range(ladder)}", columns=columns, rows=tuple(rows), note=note)


def _lines(ladder: RateLadder, named: Named) -> Table:
    differences = {one.arm: one for one in ladder.differences}
    rows = []
    for line in ladder.lines:
        against = differences.get(line.arm)
        each = line.slope.value
        rows.append(
            cells(
                named(line.arm),
                Cell(text=wording.quantity(each, Unit.CPU_SECONDS_PER_REQUEST), detail=wording.interval(line.slope)),
                wording.count(1 / each) if each > 0 else wording.UNKNOWN,
                Cell(text=wording.quantity(line.intercept.value, Unit.CORES), detail=wording.interval(line.intercept)),
                ""
                if against is None
                else Cell(text=wording.estimate(against.slope), detail=wording.interval(against.slope)),
                wording.share(line.worst),
            )
        )
    heads = (
        "arm", "CPU per successful request", "requests per CPU second", "cores at rest", "per request, to baseline",
        "worst off the line",
    )  # fmt: skip
    columns = tuple(Column(title=head, figures=head != "arm", aside=head == "cores at rest") for head in heads)
    note = "cores = cores at rest + CPU per request x rate, fitted for each round; mean and t interval over rounds."
    return Table(caption="CPU by request and at rest", columns=columns, rows=tuple(rows), note=note)


def _laws(closed: ConcurrencyLadder, named: Named) -> Table:
    rows = [
        cells(
            named(law.arm),
            Cell(text=_rate(law.rate_of_one.value), detail=_rate_bounds(law.rate_of_one)),
            Cell(text=f"{law.contention.value:.3g}", detail=_plain_bounds(law.contention)),
            Cell(text=f"{law.coherency.value:.3g}", detail=_plain_bounds(law.coherency)),
            f"beyond {2 * law.concurrencies[-1]:g} in {law.peak_beyond} of {law.rounds} rounds"
            if law.peak is None
            else Cell(text=f"{law.peak.value:.3g}", detail=_plain_bounds(law.peak)),
            "" if law.peak_rps is None else Cell(text=_rate(law.peak_rps.value), detail=_rate_bounds(law.peak_rps)),
            wording.share(law.worst),
        )
        for law in closed.laws
    ]
    heads = ("arm", "one alone", "contention", "coherency", "most at", "throughput there", "worst off the law")
    columns = tuple(Column(title=head, figures=head not in ("arm", "most at")) for head in heads)
    note = (
        "Universal Scalability Law: X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)), fitted for each round "
        "over N requests in flight. It describes what was measured and proves no cause."
    )
    return Table(
        caption=f"Throughput against concurrency: {wording.clean(closed.family.label)}",
        columns=columns,
        rows=tuple(rows),
        note=note,
    )


def _residuals(closed: ConcurrencyLadder, named: Named) -> Table:
    rows = [
        cells(
            named(law.arm),
            f"{n:g}",
            Cell(text=_rate(achieved.value), detail=_rate_bounds(achieved)),
            wording.share(residual, sign=True),
        )
        for law in closed.laws
        for n, achieved, residual in zip(law.concurrencies, law.achieved, law.residuals, strict=True)
    ]
    columns = tuple(
        Column(title=head, figures=head != "arm") for head in ("arm", "in flight", "achieved", "measured over law")
    )
    return Table(caption="What the law leaves over", columns=columns, rows=tuple(rows))


def _between(of: RateBounds) -> Cell:
    how = "bracket" if of.basis == BRACKET else f"{of.confidence:.0%} bounds over {of.rounds} rounds"
    if of.low is not None and of.high is not None:
        return Cell(text=f"{of.low:.4g} to {of.high:.4g}/s", detail=how)
    if of.low is not None:
        return Cell(text=f"at least {of.low:.4g}/s", detail=_open(of.open_above, of.rounds, "beyond the rates tried"))
    if of.high is not None:
        return Cell(text=f"below {of.high:.4g}/s", detail=_open(of.open_below, of.rounds, "below the rates tried"))
    return Cell(text=wording.UNKNOWN)


def _open(count: int, rounds: int, what: str) -> str:
    return f"{what} in {count} of {rounds} rounds"


def _mixed(held: Mapping[float, tuple[int, int]]) -> str:
    return ", ".join(f"{rate:g}/s: {good} of {n}" for rate, (good, n) in held.items() if 0 < good < n) or "none"


def _time(of: Estimate) -> Cell:
    detail = "all rounds together" if of.method.startswith("pooled") else wording.interval(of)
    return Cell(text=wording.quantity(of.value, Unit.SECONDS), detail=detail)


def _rate(figure: float) -> str:
    return f"{figure:.4g}/s" if math.isfinite(figure) else wording.UNKNOWN


def _rate_bounds(of: Estimate) -> str:
    return f"{of.low:.4g} to {of.high:.4g}/s" if math.isfinite(of.low) else "no interval"


def _plain_bounds(of: Estimate) -> str:
    return f"{of.low:.3g} to {of.high:.3g}" if math.isfinite(of.low) else "no interval"

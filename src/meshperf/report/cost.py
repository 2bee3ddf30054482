"""The report of what arms cost: the fleet first, then money per million requests, then what it was reckoned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from meshperf.analysis.cost import ArmCost
from meshperf.analysis.documents import plain
from meshperf.analysis.efficiency import CpuLine, ObjectiveRate
from meshperf.analysis.energy import ArmEnergy
from meshperf.analysis.fleet import LADDER, FleetCost
from meshperf.analysis.records import Estimate
from meshperf.report import console as terminal
from meshperf.report import wording
from meshperf.report.efficiency_use import energy_rows
from meshperf.report.money import money, money_interval
from meshperf.report.pages import pages
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, cells
from meshperf.spec.prices import PriceList
from meshperf.units import Unit

__all__ = ["CostReport", "assemble_cost", "cost_document", "sections", "show_cost"]

Row = tuple[Cell, ...]
_APART = 3
"""So many arms are told one by one."""
_SCOPE = (
    "CPU time and memory of application and proxies as they were used, at the prices given; in brackets the 95 % "
    "interval over rounds. This is money for what was measured on this machine, and no verdict on whether the arms may "
    "be compared: the comparison has that."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """All that was reckoned of one experiment."""

    experiment: str
    baseline: str
    prices: PriceList
    node: str
    costs: tuple[ArmCost, ...]
    fleet: tuple[FleetCost, ...] = ()
    lines: tuple[CpuLine, ...] = ()
    throughput: tuple[ObjectiveRate, ...] = ()
    energy: tuple[ArmEnergy, ...] = ()
    no_energy: str = ""
    """Why there is none; said only then."""
    not_in_it: tuple[str, ...] = ()
    """Roles of processes that were there and are not in the figures."""
    command: str = ""


def sections(of: CostReport) -> tuple[Section, ...]:
    """All sections, in order."""
    made = [Section(key="short", title="In plain words", sentences=_in_short(of))]
    if of.fleet:
        made.append(
            Section(
                key="fleet",
                title="What it adds to your fleet",
                sentences=tuple(_fleet_sentence(each, of) for each in of.fleet),
                points=tuple(
                    f"{wording.clean(each.arm)}: {wording.clean(note)}." for each in of.fleet for note in each.notes
                ),
                exhibits=(Exhibit(table=_fleet(of)),),
            )
        )
    made.append(
        Section(
            key="money",
            title="Money per million successful requests",
            exhibits=(Exhibit(table=_money(of), chart="money"),),
        )
    )
    if of.lines:
        bent = [line for line in of.lines if not line.linear]
        points = tuple(
            f"{wording.clean(line.arm)}: a load point lies {wording.share(line.worst)} off its line; "
            "slope and intercept describe it badly."
            for line in bent
        )
        made.append(
            Section(
                key="efficiency",
                title="CPU time by request and at rest",
                points=points,
                exhibits=(Exhibit(table=_lines(of.lines)),),
            )
        )
    if of.throughput:
        made.append(
            Section(
                key="throughput",
                title="Throughput at the objectives",
                exhibits=(Exhibit(table=_throughput(of.throughput)),),
            )
        )
    if of.energy:
        made.append(
            Section(
                key="energy",
                title="Energy of a million successful requests",
                exhibits=(Exhibit(table=energy_rows(of.energy, wording.clean)),),
            )
        )
    made.append(Section(key="basis", title="What is in it", points=_basis(of)))
    if of.command:
        made.append(Section(key="about", title="How it was reckoned", verbatim=(("Command", of.command),)))
    return tuple(made)


def show_cost(of: CostReport, console: Console) -> None:
    """Print the tables."""
    terminal.show_sections(wording.clean(of.experiment), sections(of), console)


def cost_document(of: CostReport) -> dict[str, Any]:
    """The report as JSON types."""
    document = plain(of)
    for line in document["lines"]:
        line["rounds"] = len(line["rounds"])
    for each in document["throughput"]:
        each["held"] = [
            {"offered_rps": float(rate), "held": held, "rounds": rounds}
            for rate, (held, rounds) in each["held"].items()
        ]
    return {"kind": "meshperf-cost", "version": 1, **document}


def assemble_cost(of: CostReport) -> dict[str, bytes]:
    """Every file of the report, by relative path."""
    from meshperf.report.charts.bars import money_bars

    return pages(
        of.experiment,
        sections(of),
        data=cost_document(of),
        about="what it costs in money",
        charts=lambda: money_bars(of.costs, of.prices.currency),
    )


def _in_short(of: CostReport) -> tuple[str, ...]:
    """What each candidate adds to the money for a million requests, and how sure that is."""
    points = sorted({each.load_point for each in of.costs})
    said = [sentence for point in points for sentence in _added(of, point)]
    return (*said, _SCOPE) if said else ("No arm was measured beside its baseline, so no added cost is told.",)


def _added(of: CostReport, point: int) -> list[str]:
    """The candidates at one load point, one by one or over all of them."""
    own = [each for each in of.costs if each.load_point == point and each.added is not None]
    known = [each for each in own if each.added is not None and math.isfinite(each.added.value)]
    if not known:
        return []
    by_amount = sorted(known, key=_added_value)
    told = by_amount if len(known) <= _APART else [by_amount[0], by_amount[-1]]
    listed = "; ".join(_one_added(each, of) for each in told)
    listed = f"W{listed[1:]}" if listed.startswith("whether ") and len(known) <= _APART else listed
    return [listed + "."] if len(known) <= _APART else [f"Of {len(known)} arms, from the least to the most: {listed}."]


def _one_added(each: ArmCost, of: CostReport) -> str:
    added = each.added
    assert added is not None
    currency, arm, against = of.prices.currency, wording.clean(each.arm), wording.clean(of.baseline)
    bracket = f"{money_interval(added)}, {added.n} {'round' if added.n == 1 else 'rounds'}"
    at = f"a million successful requests at {wording.count(each.rate_rps)}/s"
    if not (math.isfinite(added.low) and math.isfinite(added.high)):
        return f"{arm}: {money(added.value, currency, sign=True)} for {at}, with no interval, so nothing is decided"
    if added.low > 0:
        return f"{arm} costs {money(added.value, currency)} more than {against} for {at} ({bracket})"
    if added.high < 0:
        return f"{arm} costs {money(-added.value, currency)} less than {against} for {at} ({bracket})"
    return f"whether {arm} costs more or less than {against} for {at} is not decided ({bracket})"


def _added_value(of: ArmCost) -> float:
    return of.added.value if of.added is not None else math.nan


def _fleet_sentence(of: FleetCost, report: CostReport) -> str:
    currency = report.prices.currency
    return (
        f"{wording.clean(of.arm)} instead of {wording.clean(of.against)}, {wording.count(of.pods)} pods at "
        f"{of.rate_rps:g}/s each: {_signed_cores(of.cores.value)} ({_cores_bounds(of.cores)}), "
        f"{wording.quantity(of.memory.value, Unit.BYTES, sign=True)} ({wording.interval(of.memory)}), "
        f"{money(of.monthly.value, currency, sign=True)} a month ({money_interval(of.monthly)})"
        + (
            f"; {money(of.reserved_monthly, currency)} a month where its proxies' reservations are paid for"
            if of.reserved_monthly is not None
            else ""
        )
        + "."
    )


def _fleet(of: CostReport) -> Table:
    currency = of.prices.currency
    rows = [
        cells(
            wording.clean(each.arm),
            Cell(text=_signed_cores(each.cores.value), detail=_cores_bounds(each.cores)),
            Cell(text=wording.quantity(each.memory.value, Unit.BYTES, sign=True), detail=wording.interval(each.memory)),
            Cell(text=money(each.monthly.value, currency, sign=True), detail=money_interval(each.monthly)),
            "not given" if each.reserved_monthly is None else money(each.reserved_monthly, currency),
            f"slope and intercept over {len(each.measured_rps)} rates" if each.basis == LADDER else each.basis,
        )
        for each in of.fleet
    ]
    titles = ("arm", "cores", "memory", "a month, used", "a month, reserved", "from")
    return _table("Added to the fleet", titles, rows, aside=True)


def _money(of: CostReport) -> Table:
    currency = of.prices.currency
    rows = [
        cells(
            wording.clean(each.arm),
            f"{wording.count(each.rate_rps)}/s",
            Cell(text=money(each.used.value, currency), detail=money_interval(each.used)),
            money(each.cpu.value, currency),
            money(each.memory.value, currency),
            ""
            if each.added is None
            else Cell(text=money(each.added.value, currency, sign=True), detail=money_interval(each.added)),
            "not given" if each.reserved is None else money(each.reserved, currency),
        )
        for each in of.costs
    ]
    titles = ("arm", "successful", "used", "of it CPU", "of it memory", "added to baseline", "proxies, reserved")
    note = (
        f"Prices: {wording.clean(of.prices.name)}, node type {wording.clean(of.node)}. Below a figure its 95 % "
        "interval over rounds. Memory and reservations are paid by the hour: at a lower rate a request bears more."
    )
    return _table("Application and proxies, each arm", titles, rows, note=note)


def _lines(lines: Sequence[CpuLine]) -> Table:
    rows = [
        cells(
            wording.clean(line.arm),
            Cell(
                text=wording.quantity(line.slope.value, Unit.CPU_SECONDS_PER_REQUEST),
                detail=wording.interval(line.slope),
            ),
            Cell(text=_cores(line.intercept.value), detail=_cores_bounds(line.intercept)),
            ", ".join(f"{rate:.4g}" for rate in line.rates_rps),
            wording.share(line.worst),
            wording.count(line.slope.n),
        )
        for line in lines
    ]
    titles = ("arm", "CPU per successful request", "cores at rest", "rates, 1/s", "worst off the line", "rounds")
    note = "cores = cores at rest + CPU per request x rate, fitted for each round; mean and t interval over rounds."
    return _table("Slope and intercept", titles, rows, note=note)


def _throughput(found: Sequence[ObjectiveRate]) -> Table:
    rows = []
    for each in found:
        low = "below the lowest rate" if each.low_rps is None else f"{wording.count(each.low_rps)}/s"
        high = "not reached" if each.high_rps is None else f"{wording.count(each.high_rps)}/s"
        mixed = [f"{rate:g}/s: {held} of {n}" for rate, (held, n) in each.held.items() if 0 < held < n]
        rows.append(cells(wording.clean(each.arm), low, high, ", ".join(mixed) or "none"))
    bounds = wording.listing(list(found[0].objectives))
    titles = ("arm", "held in every round up to", "broken in every round at", "held in some rounds")
    note = f"Objectives: {bounds}. The true rate lies between the two; only the rates of the load points were tried."
    return _table("Highest rate that holds", titles, rows, note=note)


def _basis(of: CostReport) -> tuple[str, ...]:
    others = wording.listing(list(of.not_in_it)) if of.not_in_it else ""
    apart = f"; there were also: {others}" if others else ""
    said = [
        f"CPU time and memory of the application and its proxies; not the load generator, networks and disks{apart}.",
        "Energy: estimated from the counters of the whole machine, in joules; no money is reckoned from it."
        if of.energy
        else f"Energy: {wording.clean(of.no_energy)}.",
    ]
    if of.fleet:
        said.append(
            "A request at a pod costs what one did in the experiment, both ends of the hop counted; idle CPU and "
            "memory are there once for each pod's proxy."
        )
    return tuple(said)


def _signed_cores(cores: float) -> str:
    return wording.quantity(cores, Unit.CORES, sign=True)


def _cores(cores: float) -> str:
    return wording.quantity(cores, Unit.CORES)


def _cores_bounds(of: Estimate) -> str:
    return wording.interval(of)


def _table(caption: str, titles: Sequence[str], rows: Sequence[Row], *, note: str = "", aside: bool = False) -> Table:
    plain_titles = ("arm", "from", "rates, 1/s", "held in some rounds")
    columns = tuple(Column(title=title, figures=title not in plain_titles, aside=aside) for title in titles)
    return Table(caption=caption, columns=columns, rows=tuple(rows), note=note)

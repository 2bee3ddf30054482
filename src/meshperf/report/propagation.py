"""The report of a control plane study: how long changes take by share of the proxies, and what the planes cost.

The terminal, Markdown and the page show the same sections. Times are upper bounds by the probe's period, which stands
beside them; where a lower bound differs noticeably both are shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from meshperf.analysis.propagation import SHARES, Convergence, PlaneCost, convergences, plane_costs
from meshperf.analysis.records import Estimate
from meshperf.report import charts as drawing
from meshperf.report import console as terminal
from meshperf.report import naming, wording
from meshperf.report.charts.ecdf import ecdf_charts
from meshperf.report.html import Part, html
from meshperf.report.markdown import markdown
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, cells
from meshperf.spec.propagation import ENDPOINT, ROUTE, PropagationRun
from meshperf.spec.propagation_writing import run_document
from meshperf.units import Unit

__all__ = ["assemble_propagation", "sections", "show_propagation"]

_WORDS = {ROUTE: "a route's answer", ENDPOINT: "a service's endpoint"}
_STRETCHES = {"rest": "at rest", "configuring": "taking in the services", "churn": "one change after another"}


def sections(runs: Sequence[PropagationRun], *, command: str = "", text: str = "") -> tuple[Section, ...]:
    """All sections, in order."""
    found = convergences(runs)
    broken = tuple(
        f"{wording.clean(run.arm)}, {run.proxies} proxies, {run.services} services, round {run.round}: "
        f"{wording.clean(run.note)}"
        for run in runs
        if run.note
    )
    made = [
        Section(
            key="convergence",
            title="How long a change takes",
            sentences=tuple(_sentences(found)),
            points=broken,
            exhibits=tuple(
                Exhibit(table=_times(found, kind), chart=f"ecdf-{kind}")
                for kind in (ROUTE, ENDPOINT)
                if any(one.kind == kind for one in found)
            ),
        ),
        Section(
            key="start",
            title="Until the first answer",
            sentences=("From the start of the first process until every proxy answered as configured.",),
            exhibits=(Exhibit(table=_starts(runs)),),
        ),
    ]
    costs = plane_costs(runs)
    if costs:
        made.append(Section(key="cost", title="What the control plane costs", exhibits=(Exhibit(table=_costs(costs)),)))
    kept = tuple((title, body) for title, body in (("Command", command), ("Study", text)) if body)
    if kept:
        made.append(Section(key="about", title="How it was measured", sentences=_method(), verbatim=kept))
    return tuple(made)


def assemble_propagation(name: str, runs: Sequence[PropagationRun], *, command: str, text: str) -> dict[str, bytes]:
    """Every file of the report, by relative path."""
    named = naming.labelled_study(runs)
    shown = sections(named, command=command, text=text)
    drawn = drawing.available()
    note = " ".join(filter(None, ("" if drawn else drawing.MISSING, naming.footnote(runs))))
    drawings = ecdf_charts(named) if drawn else ()
    title = wording.clean(name) or "unnamed study"
    data: dict[str, Any] = {"command": command, "runs": [run_document(run) for run in runs]}
    document = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    part = Part(heading=None, prefix="", sections=shown, drawings={each.name: each for each in drawings})
    pictures = {f"0/{each.name}": f"charts/{each.file}.svg" for each in drawings}
    files: dict[str, bytes] = {
        "report.html": html(title, [part], note=note, data=document, about="how fast it takes changes").encode(),
        "report.md": markdown(title, [(None, shown)], charts=pictures, note=note).encode(),
        "data.json": (document + "\n").encode(),
    }
    for each in drawings:
        files[f"charts/{each.file}.svg"] = each.svg.encode()
        files[f"charts/{each.file}.png"] = each.png()
    return files


def show_propagation(name: str, runs: Sequence[PropagationRun], console: Console) -> None:
    """Print the tables."""
    terminal.show_sections(name, sections(naming.labelled_study(runs)), console)


def _method() -> tuple[str, ...]:
    return (
        "Requests go through every proxy at a fixed period. A change has reached a proxy between the sending of the "
        "last request that was answered the old way and the arrival of the first new answer; tables show the latter.",
        "A figure is the mean over fresh deployments of the median change of each, with a t interval over deployments.",
    )


def _sentences(found: Sequence[Convergence]) -> list[str]:
    """What a reader takes away, one sentence a kind and arm: the largest number of proxies without further services."""
    said = []
    for arm, kind in dict.fromkeys((one.arm, one.kind) for one in found):
        own = [one for one in found if (one.arm, one.kind) == (arm, kind) and one.services == 0]
        if not own:
            continue
        most = max(own, key=lambda one: one.proxies)
        reached = most.shares["99 %"]
        who = f"{most.proxies} proxies" if most.proxies > 1 else "one proxy"
        said.append(
            f"{wording.clean(arm)}: a change of {_WORDS[kind]} has reached 99 % of {who} after "
            f"{_time(most, '99 %').text} ({wording.interval(reached)})."
        )
    return said


def _times(found: Sequence[Convergence], kind: str) -> Table:
    heads = ("arm", "proxies", "services", *SHARES, "accepted in", "probed every", "changes")
    rows = []
    for one in (item for item in found if item.kind == kind):
        late = f", {one.incomplete} incomplete" if one.incomplete else ""
        rows.append(
            cells(
                wording.clean(one.arm),
                wording.count(one.proxies),
                wording.count(one.services),
                *(_time(one, share) for share in SHARES),
                wording.quantity(one.handed_in_s, Unit.SECONDS),
                wording.quantity(one.period_s, Unit.SECONDS),
                f"{one.changes} in {one.rounds}{late}",
            )
        )
    columns = tuple(Column(title=head, figures=head != "arm", aside=head in SHARES) for head in heads)
    note = "Time until so many of the proxies had the change; below it the interval over deployments."
    return Table(caption=f"A change of {_WORDS[kind]}", columns=columns, rows=tuple(rows), note=note)


def _time(one: Convergence, share: str) -> Cell:
    """`1.8 to 2.9 ms` where the two bounds differ by more than a tenth: more digits would claim what nobody saw."""
    upper, lower = one.shares[share], one.lower[share]
    text = wording.quantity(upper.value, Unit.SECONDS)
    if math.isfinite(lower) and upper.value - lower > 0.1 * upper.value:
        text = f"{wording.quantity(lower, Unit.SECONDS)} to {text}"
    return Cell(text=text, detail=wording.interval(upper))


def _starts(runs: Sequence[PropagationRun]) -> Table:
    rows = []
    for key in dict.fromkeys((run.arm, run.proxies, run.services) for run in _ordered(runs)):
        own = [run for run in runs if (run.arm, run.proxies, run.services) == key]
        configured = [run.configured_s for run in own if run.configured_s is not None]
        rows.append(
            cells(
                wording.clean(key[0]),
                wording.count(key[1]),
                wording.count(key[2]),
                wording.quantity(sum(run.first_answer_s for run in own) / len(own), Unit.SECONDS),
                wording.quantity(sum(configured) / len(configured), Unit.SECONDS) if configured else "",
            )
        )
    heads = ("arm", "proxies", "services", "first answer", "services taken in")
    columns = tuple(Column(title=head, figures=head != "arm") for head in heads)
    return Table(caption="Mean over deployments", columns=columns, rows=tuple(rows))


def _costs(costs: Sequence[PlaneCost]) -> Table:
    rows = [
        cells(
            wording.clean(one.arm),
            wording.clean(one.component),
            wording.count(one.proxies),
            wording.count(one.services),
            _STRETCHES[one.stretch],
            _cores(one.cores),
            wording.quantity(one.cpu_per_change_s, Unit.SECONDS),
            wording.quantity(one.private_bytes, Unit.BYTES),
        )
        for one in costs
    ]
    heads = ("arm", "component", "proxies", "services", "while", "cores", "CPU per change", "private memory")
    plain = ("arm", "component", "while")
    columns = tuple(Column(title=head, figures=head not in plain) for head in heads)
    return Table(caption="CPU and memory of the control plane's processes", columns=columns, rows=tuple(rows))


def _cores(of: Estimate | None) -> Cell:
    if of is None:
        return Cell(text=wording.UNKNOWN)
    return Cell(text=wording.quantity(of.value, Unit.CORES), detail=wording.interval(of))


def _ordered(runs: Sequence[PropagationRun]) -> list[PropagationRun]:
    return sorted(runs, key=lambda one: (one.arm, one.proxies, one.services, one.round))

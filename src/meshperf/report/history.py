"""The report of an experiment's history: since when, by how much, and what else differs since then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console

from meshperf.analysis.changepoints import FEWEST
from meshperf.analysis.documents import plain
from meshperf.analysis.history import History, HistoryChange, HistorySeries
from meshperf.report import console as terminal
from meshperf.report import wording
from meshperf.report.pages import pages
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, Tone, cells

__all__ = ["assemble_history", "history_document", "sections", "series_name", "show_history"]


def sections(of: History, *, command: str = "") -> tuple[Section, ...]:
    """All sections, in order."""
    made = [
        Section(
            key="changes",
            title="Since when, and by how much",
            sentences=_sentences(of),
            points=tuple(
                f"{series_name(each)} since {_date(change.first_after)}, also since then: "
                f"{wording.clean('; '.join(change.differing))}."
                for each in of.series
                for change in each.changes
                if change.differing
            ),
            exhibits=(Exhibit(table=_changes(of)),) if of.changed else (),
        ),
        Section(
            key="series",
            title="The results",
            points=tuple(
                f"{series_name(each)}, left out: {wording.clean(why)}" for each in of.series for why in each.left_out
            ),
            exhibits=(
                Exhibit(table=_levels(of)),
                *(
                    Exhibit(table=_points(each), chart=f"history-{number}", folded=True)
                    for number, each in enumerate(of.series)
                    if each.points
                ),
            ),
        ),
    ]
    if command:
        made.append(Section(key="about", title="How it was reckoned", verbatim=(("Command", command),)))
    return tuple(made)


def show_history(of: History, console: Console) -> None:
    """Print the tables."""
    terminal.show_sections(wording.clean(of.experiment), sections(of), console)


def history_document(of: History, command: str) -> dict[str, Any]:
    """The report as JSON types; times in ISO form."""
    return {"kind": "meshperf-history", "version": 1, "command": command, **_dated(plain(of))}


def assemble_history(of: History, *, command: str) -> dict[str, bytes]:
    """Every file of the report, by relative path."""
    from meshperf.report.charts.levels import level_charts

    return pages(
        of.experiment,
        sections(of, command=command),
        data=history_document(of, command),
        about="its history",
        charts=lambda: level_charts(of.series, [series_name(each) for each in of.series]),
    )


def series_name(of: HistorySeries) -> str:
    """Which figure of what: `envoy by baseline, p50`."""
    arm = f"{wording.clean(of.arm)} by {wording.clean(of.against)}" if of.against else wording.clean(of.arm)
    point = f", load point {of.load_point + 1}" if of.load_point else ""
    return f"{arm}, {wording.metric_name(of.metric)}{point}" + (f", {wording.clean(of.cell)}" if of.cell else "")


def _sentences(of: History) -> tuple[str, ...]:
    count = len(of.series)
    rate = f"With no change at all, one would be seen in at most {wording.share(of.alpha)} of such histories"
    basis = f"{rate} ({count} figures together, {of.permutations} shuffles, seed {of.seed})."
    longest = max((len(each.points) for each in of.series), default=0)
    if longest < 2 * FEWEST:
        return (f"{longest} results are too few to see a change: six are the least, ten and more are useful.",)
    if not of.changed:
        return (f"No change of level was found in {of.results} results.", basis)
    return (*(_told(each, change) for each in of.series for change in each.changes), basis)


def _told(of: HistorySeries, change: HistoryChange) -> str:
    ratio = change.ratio
    return (
        f"{series_name(of)}: {wording.share(ratio.value - 1, sign=True)} ({_bounds(change)}) since "
        f"{_date(change.first_after)} (the last result before is of {_date(change.last_before)}{_unsure(change)})."
    )


def _unsure(change: HistoryChange) -> str:
    """The dates between which the new level began, where more than one is possible."""
    if change.earliest == change.latest:
        return ""
    return f"; the new level began from {_date(change.earliest)} to {_date(change.latest)}, at 95 %"


def _bounds(change: HistoryChange) -> str:
    low, high = change.ratio.low, change.ratio.high
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    return f"{wording.share(low - 1, sign=True)} to {wording.share(high - 1, sign=True)}"


def _changes(of: History) -> Table:
    rows = [
        cells(
            series_name(each),
            Cell(text=_date(change.first_after), detail=f"{_date(change.earliest)} to {_date(change.latest)}"),
            wording.quantity(change.before, each.unit),
            wording.quantity(change.after, each.unit),
            Cell(
                text=wording.share(change.ratio.value - 1, sign=True),
                detail=_bounds(change),
                tone=Tone.BAD if change.ratio.value > 1 else Tone.GOOD,
            ),
            f"{change.p:.4f}",
            wording.clean(change.first_after_id),
        )
        for each in of.series
        for change in each.changes
    ]
    titles = ("figure", "first result after", "before", "after", "change", "p", "its id")
    note = (
        "Below a date between which results the change lies, below a change its size, both at 95 %. The place was "
        "chosen by the same figures, so a change that was barely found is smaller than it looks."
    )
    return _table("Changes of level", titles, rows, note)


def _levels(of: History) -> Table:
    rows = []
    for each in of.series:
        if each.points:
            last = each.points[-1]
            rows.append(
                cells(
                    series_name(each),
                    wording.count(len(each.points)),
                    _date(each.points[0].time),
                    _date(last.time),
                    wording.quantity(last.value, each.unit),
                    wording.count(len(each.changes)),
                )
            )
    titles = ("figure", "results", "first", "last", "last figure", "changes")
    return _table("Figures that were followed", titles, rows, "")


def _points(of: HistorySeries) -> Table:
    new = {change.first_after_id for change in of.changes}
    rows = [
        cells(
            _date(point.time),
            wording.clean(point.experiment_id),
            wording.quantity(point.value, of.unit),
            " to ".join(wording.quantity(end, of.unit) for end in (point.low, point.high))
            if math.isfinite(point.low) and math.isfinite(point.high)
            else "no interval",
            "new level" if point.experiment_id in new else "",
        )
        for point in of.points
    ]
    return _table(series_name(of), ("result of", "id", "value", "interval", ""), rows, "")


def _date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def _dated(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _dated(each) for key, each in value.items()}
    return [_dated(each) for each in value] if isinstance(value, list) else value


def _table(caption: str, titles: Sequence[str], rows: Sequence[tuple[Cell, ...]], note: str) -> Table:
    words = ("figure", "first result after", "its id", "first", "last", "result of", "id", "")
    columns = tuple(Column(title=title, figures=title not in words) for title in titles)
    return Table(caption=caption, columns=columns, rows=tuple(rows), note=note)

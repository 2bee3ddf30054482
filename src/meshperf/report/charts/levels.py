"""A figure of one experiment over its stored results: each with its interval, the levels as lines, changes marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from meshperf.analysis.history import HistoryChange, HistorySeries
from meshperf.report.charts.drawing import Drawing, draw
from meshperf.report.charts.theme import BAND, GRID, INK, MUTED, WIDTH
from meshperf.report.wording import share
from meshperf.units import Unit

__all__ = ["level_charts"]

_DESCRIPTION = (
    "The figure of each stored result in order of time with its interval; a line for each level, and for each change a "
    "band from the earliest to the latest result that it may have begun with, with its size and interval."
)
_CHANGE = "#d55e00"


def level_charts(series: Sequence[HistorySeries], names: Sequence[str]) -> tuple[Drawing, ...]:
    """One chart for each series that has a point."""
    return tuple(
        draw(
            _chart(each, name), name=f"history-{number}", file=f"history-{number}", title=name, description=_DESCRIPTION
        )
        for number, (each, name) in enumerate(zip(series, names, strict=True))
        if each.points
    )


def _chart(of: HistorySeries, name: str) -> Any:
    import altair as alt

    from meshperf.report.charts.scale import unit_step
    from meshperf.report.charts.source import rows_of

    step, unit = unit_step([point.value for point in of.points], of.unit) if of.unit is not Unit.RATIO else (1.0, "")
    rows: list[dict[str, Any]] = [
        {
            "time": point.time.isoformat(),
            "value": point.value / step,
            "low": (point.low if math.isfinite(point.low) else point.value) / step,
            "high": (point.high if math.isfinite(point.high) else point.value) / step,
        }
        for point in of.points
    ]
    borders = [of.points[0].time, *(change.first_after for change in of.changes)]
    ends = [*(change.last_before for change in of.changes), of.points[-1].time]
    levels = []
    for begin, end in zip(borders, ends, strict=True):
        logs = [math.log(point.value) for point in of.points if begin <= point.time <= end]
        mean = math.exp(math.fsum(logs) / len(logs)) / step
        levels.append({"time": begin.isoformat(), "end": end.isoformat(), "value": mean})
    title = f"{name} [{unit}]" if unit else name
    axis = alt.Axis(format="%Y-%m-%d", labelOverlap=True, tickCount=8)
    x = alt.X("time:T", title="time of the result (UTC)", scale=alt.Scale(type="utc"), axis=axis)
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    bounds = alt.Chart(rows_of(rows)).mark_rule(color=MUTED).encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q")
    dots = alt.Chart(rows_of(rows)).mark_point(color=INK, filled=True, size=42).encode(x=x, y=y)
    lines = alt.Chart(rows_of(levels)).mark_rule(color=_CHANGE, strokeWidth=2.4).encode(x=x, x2="end:T", y=y)
    layers = [bounds, lines, dots]
    if of.changes:
        marks = [
            {
                "earliest": change.earliest.isoformat(),
                "latest": change.latest.isoformat(),
                "begin": change.first_after.isoformat(),
                "words": _size(change),
            }
            for change in of.changes
        ]
        at = alt.X("begin:T", title="time of the result (UTC)", scale=alt.Scale(type="utc"), axis=axis)
        bands = alt.Chart(rows_of(marks)).mark_rect(color=BAND, stroke=GRID)
        begins = alt.Chart(rows_of(marks)).mark_rule(color=_CHANGE, strokeDash=[4, 3])
        words = alt.Chart(rows_of(marks)).mark_text(color=INK, baseline="bottom", dy=-4)
        layers = [
            bands.encode(x=alt.X("earliest:T", title="time of the result (UTC)", axis=axis), x2="latest:T"),
            begins.encode(x=at),
            *layers,
            words.encode(x=at, y=alt.value(0), text="words:N"),
        ]
    return alt.layer(*layers).properties(width=WIDTH, height=240)


def _size(of: HistoryChange) -> str:
    """`+12 % (8 to 16 %)`, above the place of the change."""
    low, high = of.ratio.low, of.ratio.high
    bounds = ""
    if math.isfinite(low) and math.isfinite(high):
        bounds = f" ({share(low - 1, sign=True)} to {share(high - 1, sign=True)})"
    return f"{share(of.ratio.value - 1, sign=True)}{bounds}"

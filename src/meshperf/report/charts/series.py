"""A run over time: rates, response times and failures in three panels on one axis of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from meshperf.report.charts.scale import log_domain, log_ticks, unit_step
from meshperf.report.charts.source import rows_of
from meshperf.report.charts.theme import INK, PARTS, WIDTH
from meshperf.spec.records import RunResult, RunSeries
from meshperf.units import Unit

__all__ = ["series"]

_NAMES = {"offered": "due", "ok": "answered", "failed": "failed", "p50": "p50", "p90": "p90", "p99": "p99"}
_DASHES = ([1, 0], [9, 3], [3, 2])


def series(run: RunResult) -> Any | None:
    """The chart, or None where the run has no figures over time."""
    counted = [one for one in run.series if one.unit == "1" and one.step_s > 0]
    times = [one for one in run.series if one.unit == "s" and one.step_s > 0]
    if not any(value is not None for one in (*counted, *times) for value in one.values):
        return None
    end = max(one.begin_s + one.step_s * len(one.values) for one in run.series)
    x = alt.X("t:Q", title="seconds since the first counted request", scale=alt.Scale(domain=[0, end], nice=False))
    whole = _last_is_whole(run, end)
    panels = [
        _panel(_rows(counted, ("offered", "ok"), per_second=True, whole=whole), x, "requests a second", zero=True),
        _times(times, x),
        _panel(_rows(counted, ("failed",), per_second=True, whole=whole), x, "failures a second", zero=True),
    ]
    drawn = [panel for panel in panels if panel is not None]
    return alt.vconcat(*drawn, spacing=16).resolve_scale(color="independent", strokeDash="independent")


def _last_is_whole(run: RunResult, end: float) -> bool:
    """Whether the last interval was counted to its end; one that was cut short has no rate."""
    return run.measured_s >= end - 1e-6


def _rows(
    of: Sequence[RunSeries], names: Sequence[str], *, per_second: bool = False, whole: bool = True
) -> list[dict[str, Any]]:
    """A point for each interval, at its middle. A gap in the figures is a gap in the line."""
    rows: list[dict[str, Any]] = []
    for number, one in enumerate(of):
        if one.metric not in names:
            continue
        values = one.values if whole else one.values[:-1]
        for place, value in enumerate(values):
            figure = None if value is None else value / one.step_s if per_second else value
            rows.append(
                {
                    "t": round(one.begin_s + (place + 0.5) * one.step_s, 4),
                    "figure": None if figure is None else float(f"{figure:.5g}"),
                    "what": _NAMES[one.metric],
                    "line": number,
                }
            )
    return rows


def _times(of: Sequence[RunSeries], x: Any) -> Any | None:
    rows = [row for row in _rows(of, ("p50", "p90", "p99")) if row["figure"] is None or row["figure"] > 0]
    figures = [row["figure"] for row in rows if row["figure"] is not None]
    if not figures:
        return None
    step, unit = unit_step(figures, Unit.SECONDS)
    scaled = [{**row, "figure": None if row["figure"] is None else row["figure"] / step} for row in rows]
    low, high = log_domain([figure / step for figure in figures], pad=0.1)
    y = alt.Y(
        "figure:Q",
        title=f"response time [{unit}], log scale",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(values=log_ticks(low, high), format="~g"),
    )
    return _lines(scaled, x, y, height=170)


def _panel(rows: list[dict[str, Any]], x: Any, title: str, *, zero: bool) -> Any | None:
    figures = [row["figure"] for row in rows if row["figure"] is not None]
    if not figures:
        return None
    scale = alt.Scale(zero=zero, domain=[0, max(*figures, 1.0) * 1.08], nice=False)
    y = alt.Y("figure:Q", title=title, scale=scale, axis=alt.Axis(tickCount=4, format="~s"))
    return _lines(rows, x, y, height=110)


def _lines(rows: list[dict[str, Any]], x: Any, y: Any, *, height: int) -> Any:
    names = list(dict.fromkeys(row["what"] for row in rows))
    colours = [INK, PARTS[1], PARTS[5]][: len(names)]
    legend = alt.Legend(symbolType="stroke", symbolSize=400, symbolStrokeWidth=2.2)
    mark = {"strokeWidth": 1.8, "point": {"size": 14, "filled": True}} if len(rows) < 200 else {"strokeWidth": 1.6}
    return (
        alt.Chart(rows_of(rows))
        .mark_line(**mark)
        .encode(
            x=x,
            y=y,
            detail="line:N",
            color=alt.Color("what:N", scale=alt.Scale(domain=names, range=colours), legend=legend),
            strokeDash=alt.StrokeDash(
                "what:N", scale=alt.Scale(domain=names, range=list(_DASHES[: len(names)])), legend=legend
            ),
        )
        .properties(width=WIDTH, height=height)
    )

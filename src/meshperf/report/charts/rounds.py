"""Every round as dots in order, one panel a metric; a line joins the arms of a round, excluded rounds are hollow."""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from meshperf.analysis.records import Comparison
from meshperf.report.charts.scale import log_domain, log_ticks, unit_step
from meshperf.report.charts.source import rows_of
from meshperf.report.charts.theme import MUTED, WIDTH, ArmStyle
from meshperf.report.wording import clean, metric_name

__all__ = ["rounds"]

_LOG_FROM = 3.0
"""Above this spread of the figures a panel's axis is logarithmic, so that both arms' scatter stays visible."""

_MANY = 6
"""With more arms a panel takes the whole width, and no line joins a round's arms: there would be too many."""


def rounds(comparison: Comparison, style: ArmStyle) -> Any | None:
    """The chart, or None when no round has a figure."""
    metrics = dict.fromkeys(m.metric for m in comparison.metrics if m.against == comparison.baseline)
    numbers = [r.round for m in comparison.metrics for r in m.rounds] or [0]
    span = (min(numbers), max(numbers))
    panels = [panel for metric in metrics if (panel := _panel(metric, comparison, style, span)) is not None]
    columns = 1 if len(style.arms) > _MANY else 2
    return alt.concat(*panels, columns=columns, spacing={"row": 26, "column": 40}) if panels else None


def _panel(metric: str, comparison: Comparison, style: ArmStyle, span: tuple[int, int]) -> Any | None:
    dots: dict[tuple[object, ...], dict[str, Any]] = {}
    pairs = []
    width = 0.5 / max(1, len(style.arms) - 1)
    of_metric = [m for m in comparison.metrics if m.metric == metric and m.against == comparison.baseline]
    for number, m in enumerate(of_metric):
        for r in m.rounds:
            for arm, figure in ((clean(m.against), r.baseline), (clean(m.arm), r.candidate)):
                if not (math.isfinite(figure) and figure > 0) or arm not in style.arms:
                    continue
                place = r.round - 0.25 + width * style.arms.index(arm)
                dot = {"arm": arm, "place": round(place, 3), "figure": figure, "counted": r.excluded is None}
                dots[(arm, r.round, figure)] = dot
                pairs.append({**dot, "pair": f"{number}/{r.round}"})
    if not dots:
        return None
    figures = [dot["figure"] for dot in dots.values()]
    step, unit = unit_step(figures, of_metric[0].unit)
    for entry in (*dots.values(), *pairs):
        entry["figure"] = float(f"{entry['figure'] / step:.5g}")
    ticked: dict[str, Any] = {"tickCount": 4}
    log = max(figures) / min(figures) > _LOG_FROM
    if log:
        low, high = log_domain([figure / step for figure in figures])
        scale, ticked = alt.Scale(type="log", domain=[low, high], nice=False), {"values": log_ticks(low, high)}
    else:
        scale, ticked = alt.Scale(zero=False, nice=True, padding=8), {"tickCount": 4}
    first, last = span
    ticks = list(range(first, last + 1, max(1, math.ceil((last - first) / 12))))
    x = alt.X(
        "place:Q",
        title="round",
        scale=alt.Scale(domain=[first - 0.5, last + 0.5], nice=False),
        axis=alt.Axis(values=ticks, grid=False, format="d"),
    )
    y = alt.Y("figure:Q", title=None, scale=scale, axis=alt.Axis(format="~f", **ticked))
    legend = alt.Legend(**style.legend)
    colour = alt.Color("arm:N", scale=alt.Scale(domain=style.arms, range=style.colours), legend=legend)
    shape = alt.Shape("arm:N", scale=alt.Scale(domain=style.arms, range=style.shapes), legend=legend)
    layers = []
    if len(style.arms) <= _MANY:
        joined = alt.Chart(rows_of(pairs)).mark_line(color=MUTED, strokeWidth=1, opacity=0.55)
        layers.append(joined.encode(x=x, y=y, detail="pair:N"))
    for counted in (True, False):
        chosen = [dot for dot in dots.values() if dot["counted"] is counted]
        if chosen:
            chart = alt.Chart(rows_of(chosen)).mark_point(filled=counted, size=52, opacity=1, strokeWidth=1.6)
            layers.append(chart.encode(x=x, y=y, color=colour, shape=shape))
    title = f"{metric_name(metric)} [{unit}]{', log scale' if log else ''}"
    return alt.layer(*layers).properties(
        width=WIDTH // 2 - 40 if len(style.arms) <= _MANY else WIDTH, height=130, title=title
    )

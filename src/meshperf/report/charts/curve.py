"""Response time against rate: a panel a quantile, a line an arm, intervals as rules, and where p90 turns up.

A point is hollow where the arm did not keep up with the rate in some round: its response time is a lower bound then.
The shaded stretch of a panel is where the knee of an arm lies; the tables name it in figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from meshperf.analysis.curves import Curve
from meshperf.report.charts.drawing import Drawing, draw
from meshperf.report.charts.theme import WIDTH, ArmStyle

__all__ = ["curve_chart", "curve_drawing"]

_QUANTILES = ("p50", "p90", "p99")
_RATE = "format(datum.value, '~r')"
"""As it was offered: an axis' own format rounds to the distance of its ticks, which makes 750 an 800."""
_LOG_FROM = 8.0
"""Above this ratio of the highest to the lowest rate the axis of rates is logarithmic."""
_DESCRIPTION = (
    "Response time against offered rate for each arm, one panel for p50, p90 and p99, with intervals over rounds; "
    "hollow points where an arm did not keep up; shaded where the knee lies."
)


def curve_drawing(
    curves: Sequence[Curve], arms: Sequence[str], *, name: str, file: str, label: str, named: Callable[[str], str]
) -> Drawing | None:
    """The drawn chart; None where there is nothing to draw.

    Args:
        arms: of the experiment, the baseline first, as `named` gives them to readers.
        label: what the load points share.
    """
    chart = curve_chart(curves, arms, named)
    if chart is None:
        return None
    return draw(chart, name=name, file=file, title=f"Response time against rate: {label}", description=_DESCRIPTION)


def curve_chart(curves: Sequence[Curve], arms: Sequence[str], named: Callable[[str], str]) -> Any | None:
    """The chart as Altair makes it; None without a single figure."""
    import altair as alt

    rows = [row for one in curves for row in _rows(one, named)]
    if not rows:
        return None
    style = ArmStyle([named(arm) for arm in arms])
    rates = [row["rate"] for row in rows]
    across = _across(alt, rates)
    panels = []
    for quantile in _QUANTILES:
        own = [row for row in rows if row["quantile"] == quantile]
        if own:
            knees = [knee for one in curves for knee in _knee(one, quantile, named)]
            panels.append(_panel(alt, quantile, own, knees, across, style))
    return alt.vconcat(*panels, spacing=18) if panels else None


def _rows(of: Curve, named: Callable[[str], str]) -> list[dict[str, Any]]:
    rows = []
    for point in of.points:
        for quantile in _QUANTILES:
            found = point.quantiles[quantile]
            if math.isfinite(found.value) and found.value > 0:
                bounded = math.isfinite(found.low) and found.low > 0
                rows.append(
                    {
                        "arm": named(of.arm),
                        "rate": point.offered_rps,
                        "quantile": quantile,
                        "time": found.value,
                        "low": found.low if bounded else None,
                        "high": found.high if bounded else None,
                        "whole": point.sustained == point.rounds,
                    }
                )
    return rows


def _knee(of: Curve, quantile: str, named: Callable[[str], str]) -> list[dict[str, Any]]:
    knee = of.knee
    if knee is None or knee.metric != quantile or knee.bounds.low is None or knee.bounds.high is None:
        return []
    return [{"arm": named(of.arm), "from": knee.bounds.low, "to": knee.bounds.high}]


def _across(alt: Any, rates: Sequence[float]) -> dict[str, Any]:
    """The axis of rates, the same in every panel."""
    from meshperf.report.charts.scale import log_domain

    title = "offered rate [1/s]"
    ticks = sorted(set(rates))
    if max(rates) / min(rates) > _LOG_FROM:
        scale = alt.Scale(type="log", domain=log_domain(rates, pad=0.04), nice=False)
        return {"title": f"{title}, log scale", "scale": scale, "axis": alt.Axis(values=ticks, labelExpr=_RATE)}
    scale = alt.Scale(domain=[0, max(rates) * 1.04], nice=False)
    axis = alt.Axis(values=[0, *ticks], labelExpr=_RATE, labelOverlap=True)
    return {"title": title, "scale": scale, "axis": axis}


def _panel(
    alt: Any,
    quantile: str,
    rows: list[dict[str, Any]],
    knees: list[dict[str, Any]],
    across: dict[str, Any],
    style: ArmStyle,
) -> Any:
    from meshperf.report.charts.scale import log_domain, log_ticks, unit_step
    from meshperf.report.charts.source import rows_of
    from meshperf.units import Unit

    x = alt.X("rate:Q", **across)
    step, unit = unit_step([row["time"] for row in rows], Unit.SECONDS)
    for row in rows:
        for key in ("time", "low", "high"):
            row[key] = None if row[key] is None else float(f"{row[key] / step:.5g}")
    drawn = [row[key] for row in rows for key in ("time", "low", "high") if row[key] is not None]
    low, high = log_domain(drawn, pad=0.08)
    vertical = {
        "title": f"{quantile} [{unit}], log scale",
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": alt.Axis(values=log_ticks(low, high), format="~g"),
    }
    y = alt.Y("time:Q", **vertical)
    colours = alt.Scale(domain=style.arms, range=style.colours)
    colour = alt.Color("arm:N", scale=colours, legend=alt.Legend(**style.legend))
    dash = alt.StrokeDash("arm:N", scale=alt.Scale(domain=style.arms, range=style.dashes), legend=None)
    shape = alt.Shape("arm:N", scale=alt.Scale(domain=style.arms, range=style.shapes), legend=None)
    layers = []
    if knees:
        band = alt.Chart(rows_of(knees)).mark_rect(opacity=0.13)
        layers.append(band.encode(x=alt.X("from:Q", **across), x2="to:Q", color=colour))
    bounded = [row for row in rows if row["low"] is not None]
    if bounded:
        layers.append(
            alt.Chart(rows_of(bounded))
            .mark_rule(strokeWidth=1.4)
            .encode(x=x, y=alt.Y("low:Q", **vertical), y2="high:Q", color=colour)
        )
    layers.append(alt.Chart(rows_of(rows)).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, strokeDash=dash))
    for whole in (True, False):
        chosen = [row for row in rows if row["whole"] is whole]
        if chosen:
            dots = alt.Chart(rows_of(chosen)).mark_point(filled=whole, size=56, opacity=1, strokeWidth=1.6)
            layers.append(dots.encode(x=x, y=y, color=colour, shape=shape))
    return alt.layer(*layers).properties(width=WIDTH, height=150)

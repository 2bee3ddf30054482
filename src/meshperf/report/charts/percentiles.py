"""Response times on an axis of nines: a thin line a run, a thick line an arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from meshperf.report.charts.scale import log_domain, log_ticks
from meshperf.report.charts.source import rows_of
from meshperf.report.charts.theme import WIDTH, ArmStyle
from meshperf.report.quantiles import curve, nines, pooled
from meshperf.report.wording import clean
from meshperf.spec.records import RunResult

__all__ = ["percentiles"]

_NINES = "datum.value == 0 ? '0 %' : format(100 * (1 - pow(10, -datum.value)), '.7~g') + ' %'"
_THIN = 2400
"""Points of all thin lines together: where there are hundreds of runs, each of them is drawn more coarsely."""
_MANY = 8
_TIME = (
    "datum.value >= 1e6 ? format(datum.value / 1e6, '~g') + ' s' : "
    "datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' ms' : format(datum.value, '~g') + ' µs'"
)


def percentiles(runs: Sequence[RunResult], style: ArmStyle) -> Any | None:
    """The chart, or None when no valid run holds enough requests for a line."""
    thin, thick = [], []
    single = min(48, max(24, _THIN // max(1, len(runs))))
    for number, run in enumerate(runs):
        if run.twin == 0 and run.validity.ok:
            thin += _points(clean(run.arm), f"run {number}", curve(run.response, points=single))
    for arm, histogram in pooled(runs).items():
        thick += _points(clean(arm), "all", curve(histogram, points=120 if len(style.arms) <= _MANY else 60))
    if not thick:
        return None
    low, high = log_domain(point["time_us"] for point in (*thin, *thick))
    deepest = max(point["nines"] for point in thick)
    x = alt.X(
        "nines:Q",
        title="share of requests that were at least this fast",
        scale=alt.Scale(domain=[0, deepest], nice=False),
        axis=alt.Axis(values=[n for n in (0, float(nines(0.5)), 1, 2, 3, 4, 5, 6) if n <= deepest], labelExpr=_NINES),
    )
    y = alt.Y(
        "time_us:Q",
        title="response time (log scale)",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(values=log_ticks(low, high), labelExpr=_TIME),
    )
    legend = alt.Legend(symbolOpacity=1, symbolStrokeWidth=2.6, symbolSize=500, symbolType="stroke", **style.legend)
    colour = alt.Color("arm:N", scale=alt.Scale(domain=style.arms, range=style.colours), legend=legend)
    dash = alt.StrokeDash("arm:N", scale=alt.Scale(domain=style.arms, range=style.dashes), legend=legend)
    runs_layer = (
        alt.Chart(rows_of(thin or thick))
        .mark_line(strokeWidth=1, opacity=0.35)
        .encode(x=x, y=y, color=colour, detail="run:N")
    )
    arms_layer = alt.Chart(rows_of(thick)).mark_line(strokeWidth=2.6).encode(x=x, y=y, color=colour, strokeDash=dash)
    return (runs_layer + arms_layer).properties(width=WIDTH, height=320)


def _points(arm: str, run: str, points: list[tuple[float, float]]) -> list[dict[str, Any]]:
    return [{"arm": arm, "run": run, "nines": x, "time_us": round(y * 1e6, 3)} for x, y in points if y > 0]

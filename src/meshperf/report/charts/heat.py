"""Response times over time as a heat map: a row an arm, a column a stretch of a round, slower and faster than usual.

Colour is laid on by opacity, so that a usual stretch is as light or as dark as the page; the table has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from meshperf.report.charts.source import rows_of
from meshperf.report.charts.theme import GRID, INK, WIDTH
from meshperf.report.over_time import Stretch
from meshperf.report.wording import clean

__all__ = ["heat"]

_FULL = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Ratios from which on a cell may have its full colour: the least that one stretch in fifty goes beyond at most."""
_NEAR = 1.02
_ROOM = 200
_SLOWER, _FASTER = "slower than usual", "faster than usual"


def heat(found: Sequence[Stretch]) -> Any | None:
    """The chart, or None where there is no stretch."""
    if not found:
        return None
    arms = list(dict.fromkeys(clean(each.arm) for each in found))
    rounds = sorted({each.round for each in found})
    strays = sorted(abs(math.log(each.by_median)) for each in found if each.by_median > 0)
    usual = strays[int(len(strays) * 0.98) - 1 if len(strays) > 1 else 0]
    full = next((ratio for ratio in _FULL if math.log(ratio * _NEAR) >= usual), _FULL[-1])
    cells: list[dict[str, Any]] = [
        {
            "arm": clean(each.arm),
            "begin": round(rounds.index(each.round) + 0.02 + 0.96 * each.begin, 4),
            "end": round(rounds.index(each.round) + 0.02 + 0.96 * each.end, 4),
            "which": _SLOWER if each.by_median >= 1 else _FASTER,
            "depth": round(min(1.0, abs(math.log(each.by_median)) / math.log(full)), 2),
        }
        for each in found
        if each.by_median > 0
    ]
    x = alt.X(
        "begin:Q",
        title="round, each from its begin to its end",
        scale=alt.Scale(domain=[0, len(rounds)], nice=False),
        axis=alt.Axis(
            values=[n + 0.5 for n in range(len(rounds))],
            labelExpr=f"{rounds}[floor(datum.value)]",
            grid=False,
            ticks=False,
        ),
    )
    y = alt.Y(
        "arm:N",
        sort=arms,
        title=None,
        axis=alt.Axis(labelColor=INK, labelFontSize=12, labelLimit=_ROOM - 10, ticks=False, domain=False),
    )
    colours = alt.Scale(domain=[_FASTER, _SLOWER], range=["#0072b2", "#d55e00"])
    title = f"{found[0].quantile} by the arm's own median; full colour from ×{full:g} and ÷{full:g} on"
    legend = alt.Legend(symbolType="square", title=title, titleLimit=WIDTH)
    reach: dict[tuple[str, int], list[float]] = {}
    for each in found:
        place = rounds.index(each.round) + 0.02
        reach.setdefault((clean(each.arm), each.round), []).extend(place + 0.96 * end for end in (each.begin, each.end))
    frames = [{"arm": arm, "begin": min(ends), "end": max(ends)} for (arm, _), ends in reach.items()]
    framed = alt.Chart(rows_of(frames)).mark_bar(filled=False, stroke=GRID, strokeWidth=1, height=20)
    drawn = alt.Chart(rows_of([cell for cell in cells if cell["depth"] >= 0.02])).mark_bar(height=20)
    return alt.layer(
        framed.encode(x=x, x2="end:Q", y=y),
        drawn.encode(
            x=x,
            x2="end:Q",
            y=y,
            fill=alt.Fill("which:N", scale=colours, legend=legend),
            fillOpacity=alt.FillOpacity("depth:Q", scale=None, legend=None),
        ),
    ).properties(width=WIDTH - _ROOM, height=alt.Step(24))

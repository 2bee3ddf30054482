"""The comparability of arms as a grid: a class for each pair, by letter and by colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshperf.report.charts.drawing import Drawing, draw
from meshperf.report.charts.theme import INK
from meshperf.report.matrix import CLASSES, PairClass
from meshperf.report.wording import clean

__all__ = ["matrix_chart"]

_COLOURS = ("#009e73", "#56b4e9", "#e69f00", "#cc79a7", "#d55e00")
_CELL = 34
"""Side of a cell [px]."""
_DESCRIPTION = (
    "The class of comparability of each pair of arms that was judged: a row for the one, a column for the other, "
    "the class as a letter in a coloured cell."
)


def matrix_chart(pairs: Sequence[PairClass], *, file: str = "matrix") -> Drawing | None:
    """The grid; None where there is no pair."""
    if not pairs:
        return None
    import altair as alt

    from meshperf.report.charts.source import rows_of

    rows = [{"arm": clean(p.arm), "against": clean(p.against), "class": clean(p.grade)} for p in pairs]
    down, across = (list(dict.fromkeys(row[key] for row in rows)) for key in ("arm", "against"))
    shown = [name for name in CLASSES if any(row["class"] == name for row in rows)]
    axis: dict[str, Any] = {
        "labelColor": INK, "labelFontSize": 12, "labelLimit": 260, "ticks": False, "domain": False, "grid": False,
    }  # fmt: skip
    x = alt.X("against:N", sort=across, title=None, axis=alt.Axis(orient="top", labelAngle=-40, **axis))
    y = alt.Y("arm:N", sort=down, title=None, axis=alt.Axis(**axis))
    colours = alt.Scale(domain=shown, range=[_COLOURS[CLASSES.index(name)] for name in shown])
    legend = alt.Legend(title="class", orient="right", direction="vertical", symbolType="square")
    cells = (
        alt.Chart(rows_of(rows))
        .mark_rect(fillOpacity=0.28, strokeWidth=2)
        .encode(
            x=x,
            y=y,
            fill=alt.Fill("class:N", scale=colours, legend=legend),
            stroke=alt.Stroke("class:N", scale=colours, legend=None),
        )
    )
    letters = alt.Chart(rows_of(rows)).mark_text(color=INK, fontSize=14, fontWeight="bold")
    chart = (cells + letters.encode(x=x, y=y, text="class:N")).properties(
        width=alt.Step(_CELL + 8), height=alt.Step(_CELL)
    )
    return draw(chart, name="matrix", file=file, title="Which arms may be compared", description=_DESCRIPTION)

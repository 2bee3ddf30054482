"""Bars of money from zero: what CPU time and memory of a million requests cost, arm by arm, with the interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from meshperf.analysis.cost import ArmCost
from meshperf.report.charts.drawing import Drawing, draw
from meshperf.report.charts.theme import INK, PARTS, WIDTH
from meshperf.report.wording import clean

__all__ = ["money_bars"]

_NAME = "money"
_DESCRIPTION = "Money per million requests of each arm, CPU time and memory stacked from zero, with the interval."


def money_bars(costs: Sequence[ArmCost], currency: str) -> tuple[Drawing, ...]:
    """The chart; none where no arm's cost is known."""
    known = [each for each in costs if math.isfinite(each.used.value) and each.used.value >= 0]
    if not known:
        return ()
    chart = _chart(known, currency)
    return (draw(chart, name=_NAME, file=_NAME, title="Money per million requests", description=_DESCRIPTION),)


def _chart(costs: Sequence[ArmCost], currency: str) -> Any:
    import altair as alt

    from meshperf.report.charts.source import rows_of

    several = len({each.load_point for each in costs}) > 1
    labels = [clean(each.arm) + (f" at {each.rate_rps:.0f}/s" if several else "") for each in costs]
    parts = ("CPU time", "memory")
    rows = [
        {"arm": label, "part": part, "money": figure.value, "place": place}
        for label, each in zip(labels, costs, strict=True)
        for place, (part, figure) in enumerate(zip(parts, (each.cpu, each.memory), strict=True))
    ]
    bounds = [
        {"arm": label, "low": max(each.used.low, 0.0), "high": each.used.high}
        for label, each in zip(labels, costs, strict=True)
        if math.isfinite(each.used.low) and math.isfinite(each.used.high)
    ]
    top = max([each.used.value for each in costs] + [row["high"] for row in bounds if isinstance(row["high"], float)])
    scale = alt.Scale(domain=[0, top * 1.02 or 1.0], nice=False)
    arm = alt.Y("arm:N", sort=labels, title=None)
    stacked = (
        alt.Chart(rows_of(rows))
        .mark_bar(size=18)
        .encode(
            y=arm,
            x=alt.X("money:Q", title=f"{currency} per million successful requests", scale=scale),
            color=alt.Color("part:N", scale=alt.Scale(domain=list(parts), range=list(PARTS[:2]))),
            order=alt.Order("place:Q"),
        )
    )
    ranges = (
        alt.Chart(rows_of(bounds))
        .mark_rule(color=INK, strokeWidth=1.6)
        .encode(y=arm, x=alt.X("low:Q", scale=scale), x2="high:Q")
    )
    return (stacked + ranges).properties(width=WIDTH, height=26 * len(labels) + 10)

"""The steps of a price list as a waterfall: each bar begins where the one before it ends, the last is the whole.

The axis begins at zero, which is the baseline arm. A rule is the interval of a step's own price, set around the end of
its bar. Bars stand for the means over the rounds that have all steps, so that they meet; a residual closes the gap.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from meshperf.analysis.ladder import Ladder
from meshperf.report import wording
from meshperf.report.charts.scale import unit_step
from meshperf.report.charts.source import rows_of
from meshperf.report.charts.theme import INK, MUTED, PARTS, WIDTH

__all__ = ["waterfall"]

_METRICS = ("p50", "cpu_per_request")
_KINDS = ("step", "residual", "whole")
_ROOM = 250
"""Width for the names before the plotted part [px]."""


def waterfall(ladder: Ladder, names: Mapping[str, str] | None = None) -> Any | None:
    """One panel a metric; None where no metric has all its steps. `names`: of arms that are shown by another name."""
    panels = [panel for metric in _METRICS if (panel := _panel(ladder, metric, names or {})) is not None]
    return alt.vconcat(*panels, spacing=26) if panels else None


def _panel(ladder: Ladder, metric: str, names: Mapping[str, str]) -> Any | None:
    bars = _bars(ladder, metric, names)
    if not bars:
        return None
    step, unit = unit_step([bar["end"] for bar in bars], ladder.sum(metric).unit)
    for bar in bars:
        for key in ("begin", "end", "low", "high"):
            if bar[key] is not None:
                bar[key] = float(f"{bar[key] / step:.6g}")
    labels = [bar["label"] for bar in bars]
    reach = [0.0, *(bar[key] for bar in bars for key in ("begin", "end", "low", "high") if bar[key] is not None)]
    room = (max(reach) - min(reach) or 1.0) * 0.03
    domain = [min(reach) - (room if min(reach) < 0 else 0.0), max(reach) + room]
    scale = alt.Scale(domain=domain, nice=False)
    y = alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=_ROOM, labelColor=INK, ticks=False))
    x = alt.X("begin:Q", scale=scale, title=f"added to the baseline [{unit}]", axis=alt.Axis(tickCount=6))
    colours = alt.Scale(domain=list(_KINDS), range=[PARTS[0], PARTS[2], MUTED])
    drawn = (
        alt.Chart(rows_of(bars))
        .mark_bar(size=16)
        .encode(y=y, x=x, x2="end:Q", color=alt.Color("kind:N", scale=colours))
    )
    bounded = [bar for bar in bars if bar["low"] is not None]
    layers = [drawn]
    if bounded:
        rules = alt.Chart(rows_of(bounded)).mark_rule(color=INK, strokeWidth=1.6)
        layers.append(rules.encode(y=y, x=alt.X("low:Q", scale=scale), x2="high:Q"))
    title = wording.metric_name(metric)
    return alt.layer(*layers).properties(width=WIDTH - _ROOM, height=22 * len(bars) + 10, title=title)


def _bars(ladder: Ladder, metric: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Begin, end and bounds in the metric's unit; none where a step is missing."""
    found = ladder.sum(metric)
    if found.missing or not found.rounds:
        return []
    counted, at, bars = set(found.rounds), 0.0, []
    for price in ladder.prices:
        if price.metric != metric or price.step not in ladder.order.summed:
            continue
        amount = statistics.fmean(value for number, value in price.rounds if number in counted)
        bounds = (price.price.low - price.price.value, price.price.high - price.price.value)
        bars.append(_bar(names.get(price.step, price.step), "step", at, at + amount, bounds))
        at += amount
    residual, whole, last = found.residual, found.whole, ladder.order.whole
    bounds = (residual.low - residual.value, residual.high - residual.value)
    bars.append(_bar("residual", "residual", at, at + residual.value, bounds))
    bars.append(
        _bar(names.get(last, last), "whole", 0.0, whole.value, (whole.low - whole.value, whole.high - whole.value))
    )
    return bars


def _bar(label: str, kind: str, begin: float, end: float, bounds: Sequence[float]) -> dict[str, Any]:
    known = all(map(math.isfinite, bounds))
    return {
        "label": f"= {wording.clean(label)}" if kind == "whole" else wording.clean(label),
        "kind": kind,
        "begin": begin,
        "end": end,
        "low": end + bounds[0] if known else None,
        "high": end + bounds[1] if known else None,
    }

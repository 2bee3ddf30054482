"""Stacked bars from zero: CPU time per request and memory of every component, the generator in a panel of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import altair as alt

from meshperf.analysis.records import Comparison, ComponentCost, Estimate
from meshperf.report.charts.scale import unit_step
from meshperf.report.charts.source import rows_of
from meshperf.report.charts.theme import INK, PAPER, PARTS, WIDTH
from meshperf.report.usage import GENERATOR, parts
from meshperf.report.wording import clean, quantity
from meshperf.units import Unit

__all__ = ["cpu", "memory"]


def cpu(comparison: Comparison) -> Any | None:
    """CPU time per request; None when no component's is known."""
    return _stacked(
        comparison, lambda part: part.cpu_s_per_request, Unit.CPU_SECONDS_PER_REQUEST, "CPU time per request"
    )


def memory(comparison: Comparison) -> Any | None:
    """Private memory at the end of a round; None when no component's is known."""
    return _stacked(comparison, lambda part: part.private_bytes, Unit.BYTES, "private memory")


def _stacked(comparison: Comparison, figure: Callable[[ComponentCost], Estimate], unit: Unit, title: str) -> Any | None:
    segments = [
        {
            "arm": clean(arm.resident),
            "component": clean(part.component),
            "figure": figure(part).value,
            "place": place,
            "apart": part.role == GENERATOR,
        }
        for arm in comparison.arms
        if arm.resident == arm.arm
        for place, part in enumerate(parts(arm))
        if math.isfinite(figure(part).value) and figure(part).value >= 0
    ]
    own = [s for s in segments if not s["apart"]]
    if not own:
        return None
    step, name = unit_step(_sums(segments).values(), unit)
    longest = max(_sums(own).values())
    generator = [s for s in segments if s["apart"]]
    longest = max(longest, *_sums(generator).values()) if generator else longest
    scale = alt.Scale(domain=[0, longest / step * 1.02], nice=False)
    names = list(dict.fromkeys(str(s["component"]) for s in (*own, *generator)))
    panels = [_bars(own, names, step, scale, unit, f"{title} [{name}]", "the arm's own components")]
    if generator:
        panels.append(_bars(generator, names, step, scale, unit, f"{title} [{name}]", "the generator, part of no arm"))
    return alt.vconcat(*panels, spacing=22)


def _sums(segments: list[dict[str, Any]]) -> dict[str, float]:
    arms = dict.fromkeys(s["arm"] for s in segments)
    return {arm: math.fsum(s["figure"] for s in segments if s["arm"] == arm) for arm in arms}


def _bars(
    segments: list[dict[str, Any]], names: list[str], step: float, scale: Any, unit: Unit, axis: str, title: str
) -> Any:
    sums = _sums(segments)
    y = alt.Y(
        "arm:N", sort=list(sums), title=None, axis=alt.Axis(labelColor=INK, labelFontSize=12, ticks=False, domain=False)
    )
    values = [{**s, "figure": float(f"{s['figure'] / step:.5g}")} for s in segments]
    colours = [PARTS[n % len(PARTS)] for n in range(len(names))]
    bars = (
        alt.Chart(rows_of(values))
        .mark_bar(stroke=PAPER, strokeWidth=1)
        .encode(
            x=alt.X("figure:Q", stack="zero", title=axis, scale=scale, axis=alt.Axis(tickCount=6)),
            y=y,
            color=alt.Color("component:N", scale=alt.Scale(domain=names, range=colours), legend=alt.Legend(columns=4)),
            order="place:Q",
        )
    )
    totals = [{"arm": arm, "end": s / step, "words": quantity(s, unit)} for arm, s in sums.items()]
    words = alt.Chart(rows_of(totals)).mark_text(align="left", dx=6, color=INK)
    text = words.encode(x=alt.X("end:Q", scale=scale), y=y, text="words:N")
    return (bars + text).properties(width=WIDTH - 190, height=alt.Step(28), title=title)

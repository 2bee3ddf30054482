"""Points with intervals on a logarithmic axis, a band around 1 and words beside: ratios and noise floors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from meshperf.analysis.records import Comparison, Estimate
from meshperf.report import wording
from meshperf.report.charts.scale import log_domain, log_ticks
from meshperf.report.charts.source import rows_of
from meshperf.report.charts.theme import BAND, INK, MUTED, WIDTH, ArmStyle
from meshperf.report.prose import related
from meshperf.report.verdicts import verdict

__all__ = ["noise", "ratios"]

_MANY = 48
"""With more ratios than these only those of the primary metrics are drawn; the table has all of them."""
_PLOT = WIDTH - 330
"""Width of the plotted part [px]; names stand before it, words behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    label: str
    arm: str
    ratio: Estimate
    band: float | None
    words: str
    open: bool


def ratios(comparison: Comparison, style: ArmStyle) -> Any | None:
    """Every metric's ratio with its interval, margin band and verdict; None when no ratio may be shown."""
    rows = []
    known = [metric for metric in comparison.metrics if related(comparison, metric)]
    chosen = [metric for metric in known if metric.primary and not metric.pooled] if len(known) > _MANY else known
    for metric in chosen:
        against = "" if metric.against == comparison.baseline else f" / {wording.clean(metric.against)}"
        rows.append(
            _Row(
                label=f"{wording.clean(metric.arm)}{against}: {wording.metric_name(metric.metric)}",
                arm=wording.clean(metric.arm),
                ratio=metric.ratio,
                band=None if metric.pooled else metric.margin,
                words=f"{wording.estimate(metric.ratio)}, {verdict(metric, comparison).text}",
                open=metric.pooled,
            )
        )
    left_out = "; primary metrics only" if len(chosen) < len(known) else ""
    return _plot(rows, style, title=f"ratio to the baseline (log scale), with interval over rounds{left_out}")


def noise(comparison: Comparison, style: ArmStyle) -> Any | None:
    """Every arm against its own copy, with the noise floor as the band; None when there is none."""
    rows = [
        _Row(
            label=f"{wording.clean(floor.arm)}: {wording.metric_name(floor.metric)}",
            arm=wording.clean(floor.arm),
            ratio=floor.ratio,
            band=floor.floor if math.isfinite(floor.floor) else None,
            words=f"floor {wording.share(floor.floor)}{'' if floor.holds else ', the copies differ'}",
            open=not floor.holds,
        )
        for floor in comparison.noise_floors
    ]
    return _plot(rows, style, title="ratio of two copies of the same arm (log scale)")


def _plot(rows: Sequence[_Row], style: ArmStyle, *, title: str) -> Any | None:
    drawn = [row for row in rows if math.isfinite(row.ratio.value) and row.ratio.value > 0]
    if not drawn:
        return None
    labels = list(dict.fromkeys(row.label for row in drawn))
    bounded = [row for row in drawn if _bounded(row.ratio)]
    banded = [row for row in drawn if row.band is not None]
    extent = [1.0, *(row.ratio.value for row in drawn)]
    extent += [bound for row in bounded for bound in (row.ratio.low, row.ratio.high)]
    extent += [edge for row in banded for edge in (1 / (1 + (row.band or 0)), 1 + (row.band or 0))]
    domain = log_domain(extent)
    scale = alt.Scale(type="log", domain=domain, nice=False)
    ticks = log_ticks(*domain)
    ticked = {"values": ticks} if len(ticks) > 2 else {"tickCount": 6}
    axis = alt.Axis(labelExpr="'×' + format(datum.value, '~r')", labelOverlap="greedy", labelSeparation=8, **ticked)
    y = alt.Y("row:N", sort=labels, title=None, scale=alt.Scale(domain=labels, paddingInner=0.3), axis=_rows_axis())
    colour = alt.Color("arm:N", legend=None, scale=alt.Scale(domain=style.arms, range=style.colours))
    layers = [
        alt.Chart(rows_of([_band(row) for row in banded]))
        .mark_bar(color=BAND, height=alt.RelativeBandSize(1.0))
        .encode(x=alt.X("low:Q", scale=scale, title=title, axis=axis), x2="high:Q", y=y)
    ] * bool(banded)
    layers.append(
        alt.Chart(rows_of([{"one": 1}])).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=alt.X("one:Q", scale=scale))
    )
    x = alt.X("value:Q", scale=scale, title=title, axis=axis)
    if bounded:
        lines = [{"row": r.label, "arm": r.arm, "value": r.ratio.low, "high": r.ratio.high} for r in bounded]
        layers.append(alt.Chart(rows_of(lines)).mark_rule(strokeWidth=2.5).encode(x=x, x2="high:Q", y=y, color=colour))
    for hollow in (False, True):
        dots = [{"row": r.label, "arm": r.arm, "value": r.ratio.value} for r in drawn if r.open is hollow]
        if dots:
            chart = alt.Chart(rows_of(dots))
            marked = chart.mark_point(filled=not hollow, size=70, opacity=1, strokeWidth=2)
            layers.append(marked.encode(x=x, y=y, color=colour))
    words = alt.Chart(rows_of([{"row": r.label, "words": r.words} for r in drawn]))
    layers.append(words.mark_text(align="left", color=INK, dx=12).encode(x=alt.value(_PLOT), y=y, text="words:N"))
    return alt.layer(*layers).properties(width=_PLOT, height=alt.Step(26))


def _rows_axis() -> Any:
    return alt.Axis(labelColor=INK, labelFontSize=12, labelLimit=320, ticks=False, domain=False)


def _bounded(of: Estimate) -> bool:
    return math.isfinite(of.low) and math.isfinite(of.high) and of.low > 0


def _band(row: _Row) -> dict[str, Any]:
    edge = 1 + (row.band or 0.0)
    return {"row": row.label, "low": 1 / edge, "high": edge}

"""Arrivals of configuration changes as steps: what share of all proxies and changes had come by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshperf.analysis.propagation import ecdf
from meshperf.report.charts.drawing import Drawing, draw
from meshperf.report.charts.theme import WIDTH, ArmStyle
from meshperf.report.wording import clean
from meshperf.spec.propagation import ENDPOINT, ROUTE, PropagationRun

__all__ = ["ecdf_charts"]

_TITLES = {ROUTE: "Arrivals of a changed route", ENDPOINT: "Arrivals of a changed endpoint"}
_DESCRIPTION = "The share of all proxies and changes against the time after the change, one stepped line a case."
_POINTS = 400
_TIME = "datum.value >= 1e3 ? format(datum.value / 1e3, '~g') + ' s' : format(datum.value, '~g') + ' ms'"


def ecdf_charts(runs: Sequence[PropagationRun]) -> tuple[Drawing, ...]:
    """One chart for each kind of change that was made."""
    found = []
    for kind, title in _TITLES.items():
        arrivals = ecdf(runs, kind)
        if arrivals:
            name = f"ecdf-{kind}"
            found.append(draw(_chart(arrivals), name=name, file=name, title=title, description=_DESCRIPTION))
    return tuple(found)


def _chart(arrivals: Mapping[tuple[str, int, int], Sequence[float]]) -> Any:
    import altair as alt

    from meshperf.report.charts.scale import log_domain, log_ticks
    from meshperf.report.charts.source import rows_of

    rows = [
        {"case": _case(key), "ms": max(at * 1e3, 1e-3), "share": (place + 1) / len(values)}
        for key, values in arrivals.items()
        for place, at in _thinned(values)
    ]
    cases = [_case(key) for key in arrivals]
    style = ArmStyle(["", *cases])
    low, high = log_domain(max(at * 1e3, 1e-3) for values in arrivals.values() for at in values)
    legend = alt.Legend(symbolStrokeWidth=2.6, symbolSize=500, symbolType="stroke", columns=2, labelLimit=320)
    return (
        alt.Chart(rows_of(rows))
        .mark_line(strokeWidth=2.2, interpolate="step-after")
        .encode(
            x=alt.X(
                "ms:Q",
                title="time after the change was handed in (log scale)",
                scale=alt.Scale(type="log", domain=[low, high], nice=False),
                axis=alt.Axis(values=log_ticks(low, high), labelExpr=_TIME),
            ),
            y=alt.Y(
                "share:Q",
                title="share of proxies and changes",
                scale=alt.Scale(domain=[0, 1], nice=False),
                axis=alt.Axis(format="%"),
            ),
            color=alt.Color("case:N", scale=alt.Scale(domain=cases, range=style.colours[1:]), legend=legend),
            strokeDash=alt.StrokeDash("case:N", scale=alt.Scale(domain=cases, range=style.dashes[1:]), legend=legend),
        )
        .properties(width=WIDTH, height=300)
    )


def _case(key: tuple[str, int, int]) -> str:
    arm, proxies, services = key
    return f"{clean(arm)}, {proxies} proxies" + (f", {services} services" if services else "")


def _thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    """At most so many steps; the first and the last are always among them."""
    step = max(1, len(values) // _POINTS)
    places = sorted({*range(0, len(values), step), len(values) - 1})
    return [(place, values[place]) for place in places]

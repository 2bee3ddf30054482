"""Tables of what stands behind a verdict: both estimators, the spread of the rounds, the smallest difference seen.

What it decides: which figures are read together. Whoever doubts a verdict looks at the two intervals and the reason;
whoever wants to measure again looks at the spread, at what the rounds could see, and at how many it would take.
"""

from __future__ import annotations

import math

from meshperf.analysis.records import Comparison, Estimate, MetricComparison, Verdict
from meshperf.report import wording
from meshperf.report.prose import judged, related
from meshperf.report.tables import Cell, Column, Table, cells

__all__ = ["intervals", "spread"]

_SPREAD_NOTE = (
    "Smallest difference seen: the least true difference that these rounds would find four times in five. "
    "Spread: how far the rounds' ratios lie apart (standard deviation); a round's own noise, which longer rounds "
    "lessen, explains the part within a round; the luck of a deployment is the rest, which only rounds average out."
)


def intervals(comparison: Comparison) -> Table:
    """Each ratio by both estimators, its interval within a deployment, its adjusted p, and why it was judged so."""
    rows = tuple(
        cells(
            _name(m),
            _estimate(m.ratio),
            _estimate(m.companion),
            _estimate(m.within),
            "none" if m.p_adjusted is None else _p(m.p_adjusted),
            wording.clean(m.reason) or "none",
        )
        for m in comparison.metrics
        if related(comparison, m)
    )
    return Table(
        caption="Ratios and what stands behind them",
        columns=(
            Column(title="ratio of"),
            Column(title="over rounds", figures=True),
            Column(title="Hodges-Lehmann", figures=True),
            Column(title="within a round, this deployment only", figures=True),
            Column(title="adjusted p", figures=True),
            Column(title="reason"),
        ),
        rows=rows,
    )


def spread(comparison: Comparison, *, alone: bool = False) -> Table:
    """How fine the rounds see, and why: of every metric that was judged over rounds.

    Args:
        alone: where `intervals` is not shown beside it: with the second estimator, and without the verdict that counts
            excluded rounds in (a verdict that it contradicts says so itself).
    """
    shown = [m for m in comparison.metrics if related(comparison, m) and not m.pooled and m.ratio.n]
    again = not alone and any(m.with_excluded is not None for m in shown)
    columns = [Column(title="ratio of")]
    columns += [Column(title="Hodges-Lehmann", figures=True)] if alone else []
    columns += [
        Column(title=title, figures=True)
        for title in (
            "smallest difference seen",
            "spread between rounds",
            "within a round",
            "luck of a deployment",
            "rounds needed",
        )
    ]
    columns += [Column(title="with the excluded rounds")] if again else []
    rows = []
    for m in shown:
        row: list[str | Cell] = [_name(m)]
        row += [_estimate(m.companion)] if alone else []
        row += [wording.share(figure) for figure in (m.detectable, m.between_sd, m.within_sd, m.deployment_sd)]
        row += [_needed(m, comparison)]
        row += [_second(m, comparison)] if again else []
        rows.append(cells(*row))
    return Table(
        caption="How fine these rounds see", columns=tuple(columns), rows=tuple(rows), note=_SPREAD_NOTE if rows else ""
    )


def _name(m: MetricComparison) -> str:
    return f"{wording.clean(m.arm)} / {wording.clean(m.against)}, {wording.metric_name(m.metric)}"


def _estimate(of: Estimate | None) -> Cell:
    return Cell(text="none") if of is None else Cell(text=wording.estimate(of), detail=wording.interval(of))


def _needed(m: MetricComparison, comparison: Comparison) -> str:
    if not judged(comparison, m):
        return "no verdict"
    if m.verdict is not Verdict.INCONCLUSIVE:
        return "decided"
    return wording.UNKNOWN if m.rounds_needed is None else f"about {m.rounds_needed}"


def _second(m: MetricComparison, comparison: Comparison) -> Cell:
    second = m.with_excluded
    if second is None:
        return Cell(text="none excluded")
    word = second.verdict.value if judged(comparison, m) else "no verdict"
    return Cell(text=word, detail=f"{wording.estimate(second.ratio)}, {second.rounds} rounds")


def _p(p: float) -> str:
    return wording.UNKNOWN if not math.isfinite(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"

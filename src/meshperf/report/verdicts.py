"""Tables of the judgement: verdicts, absolute figures, noise floors, objectives.

What stands behind a verdict (second estimator, spread, smallest difference seen) is in `behind`.

The class of comparability governs the columns: in class D there are figures side by side without intervals or verdicts,
in class X not even ratios, in class C no added amounts.
"""

from __future__ import annotations

import math

from meshperf.analysis.records import ArmSummary, Comparison, Estimate, MetricComparison, NoiseFloor, Verdict
from meshperf.report import wording
from meshperf.report.absolute import absolute
from meshperf.report.prose import grade, judged, related
from meshperf.report.tables import Cell, Column, Table, Tone, cells
from meshperf.units import Unit

__all__ = ["arms", "noise_floors", "objectives", "verdict", "verdicts"]

_TONES = {
    Verdict.BETTER: Tone.GOOD,
    Verdict.WORSE: Tone.BAD,
    Verdict.EQUIVALENT: Tone.SAME,
    Verdict.INCONCLUSIVE: Tone.OPEN,
    Verdict.NOT_COMPARABLE: Tone.NONE,
}
_UNJUDGED = {"C": "normalised", "D": "indicative"}
_OUTCOMES = {"held": Tone.GOOD, "broken": Tone.BAD}


def verdict(metric: MetricComparison, comparison: Comparison) -> Cell:
    """The verdict as it may be spoken: never on a pooled figure, never in class D or X."""
    of = grade(comparison, metric.arm, metric.against)
    if of not in _UNJUDGED and not judged(comparison, metric):
        return Cell(text="not comparable", tone=Tone.NONE)
    if metric.pooled:
        return Cell(text="pooled, no verdict", tone=Tone.NONE)
    if of in _UNJUDGED:
        return Cell(text=f"{_UNJUDGED[of]}, no verdict", tone=Tone.NONE)
    return Cell(text=metric.verdict.value, tone=_TONES[metric.verdict])


def verdicts(comparison: Comparison) -> tuple[Table, ...]:
    """One table a candidate arm (and a pair of candidates): the figures, the ratio and the verdict of every metric."""
    pairs = dict.fromkeys((m.arm, m.against) for m in comparison.metrics)
    return tuple(_verdict_table(arm, against, comparison) for arm, against in pairs)


def _verdict_table(arm: str, against: str, comparison: Comparison) -> Table:
    of = grade(comparison, arm, against)
    with_ratio = of in ("A", "B", "C", "D")
    with_added = of in ("A", "B", "D")
    columns = [
        Column(title="metric"),
        Column(title="baseline", figures=True),
        Column(title="candidate", figures=True),
    ]
    columns += [Column(title="ratio", figures=True)] if with_ratio else []
    columns += [Column(title="added", figures=True, aside=True)] if with_added else []
    columns += [Column(title="margin", figures=True), Column(title="verdict"), Column(title="rounds", figures=True)]
    rows = []
    for metric in comparison.metrics:
        if (metric.arm, metric.against) != (arm, against):
            continue
        was, now = absolute(metric, comparison)
        row = [
            Cell(text=wording.metric_name(metric.metric)),
            Cell(text=wording.quantity(was, metric.unit)),
            Cell(text=wording.quantity(now, metric.unit)),
        ]
        show = related(comparison, metric) and not metric.pooled
        row += [_bounded(wording.estimate(metric.ratio), metric.ratio, show)] if with_ratio else []
        row += [_bounded(wording.added(metric.added), metric.added, show)] if with_added else []
        row += [
            _margin(metric),
            _with_second(verdict(metric, comparison), metric, comparison),
            Cell(text=str(metric.ratio.n)),
        ]
        rows.append(tuple(row))
    note = _verdict_note(comparison, of)
    return Table(
        caption=f"{wording.clean(arm)} against {wording.clean(against)}",
        columns=tuple(columns),
        rows=tuple(rows),
        note=note,
    )


def _margin(metric: MetricComparison) -> Cell:
    """The margin, and the amount that counts as none whatever its share."""
    floor = metric.absolute_floor
    return Cell(
        text="none" if metric.margin is None else wording.share(metric.margin),
        detail="" if floor is None else f"or {wording.quantity(floor, metric.unit, trim=True)}",
    )


def _with_second(cell: Cell, metric: MetricComparison, comparison: Comparison) -> Cell:
    """The verdict with the excluded rounds counted in, below the one that it contradicts."""
    second = metric.with_excluded
    if second is None or second.verdict is metric.verdict or not judged(comparison, metric):
        return cell
    return Cell(text=cell.text, detail=f"{second.verdict.value} with the excluded rounds", tone=cell.tone)


def _bounded(text: str, of: Estimate, show: bool) -> Cell:
    return Cell(text=text, detail=wording.interval(of) if show else "")


def _verdict_note(comparison: Comparison, of: str) -> str:
    if of == "D":
        return "Indicative: figures side by side, without intervals and without verdicts."
    if of == "C":
        return "Normalised: each ratio is to the own baseline, with its interval over rounds; no verdicts."
    if of not in ("A", "B"):
        return "The arms are not comparable: their figures are shown, a ratio is not."
    confidence = next((m.ratio.confidence for m in comparison.metrics if not m.pooled), 0.95)
    family = wording.listing([wording.metric_name(m) for m in comparison.primary_family])
    return (
        f"Below each ratio and added amount: its {wording.share(confidence)} interval over rounds. "
        f"Holm's correction holds over the primary metrics {family}; the other metrics are read one by one."
        f"{_second_note(comparison)}"
    )


def _second_note(comparison: Comparison) -> str:
    """That the verdicts hold with the rounds that guards excluded, where they were tried so and do."""
    tried = [m for m in comparison.metrics if m.with_excluded is not None and judged(comparison, m)]
    if not tried or any(m.with_excluded is not None and m.with_excluded.verdict is not m.verdict for m in tried):
        return ""
    return " With the rounds that guards excluded counted in, every verdict is the same."


def arms(comparison: Comparison) -> Table:
    """Every arm in absolute figures, with how much load it saw."""
    metrics = list(dict.fromkeys(name for arm in comparison.arms for name in arm.figures))
    columns = [Column(title="arm")]
    columns += [Column(title=t, figures=True) for t in ("rounds", "requests", "achieved rate", "failed")]
    columns += [Column(title=wording.metric_name(metric), figures=True) for metric in metrics]
    rows = []
    for arm in comparison.arms:
        row: list[str | Cell] = [
            wording.clean(arm.resident),
            str(arm.rounds),
            wording.count(arm.requests),
            _rate(arm),
            wording.share(arm.error_share),
        ]
        rows.append(cells(*row, *(_arm_figure(arm, metric) for metric in metrics)))
    note = "Geometric means over the valid rounds, with their interval; A/A twins stand apart as arm#2."
    return Table(caption="Every arm in absolute figures", columns=tuple(columns), rows=tuple(rows), note=note)


def _rate(arm: ArmSummary) -> Cell:
    achieved = f"{arm.achieved_rps:.4g}/s" if math.isfinite(arm.achieved_rps) else wording.UNKNOWN
    return Cell(
        text=achieved, detail="closed loop" if arm.offered_rps is None else f"of {arm.offered_rps:.6g}/s offered"
    )


def _arm_figure(arm: ArmSummary, metric: str) -> Cell:
    figure = arm.figures.get(metric)
    if figure is None:
        return Cell(text=wording.UNKNOWN)
    pooled = "pooled" in figure.method
    return Cell(
        text=wording.quantity(figure.value, figure.unit), detail="pooled" if pooled else wording.interval(figure)
    )


def noise_floors(comparison: Comparison) -> Table:
    """How much an arm differs from a freshly deployed copy of itself."""
    rows = tuple(
        cells(
            f"{wording.clean(floor.arm)}, {wording.metric_name(floor.metric)}",
            Cell(text=wording.estimate(floor.ratio), detail=wording.interval(floor.ratio)),
            f"±{wording.share(floor.floor)}" if math.isfinite(floor.floor) else wording.UNKNOWN,
            _holds(floor),
            str(floor.ratio.n),
        )
        for floor in comparison.noise_floors
    )
    return Table(
        caption="Noise floors of this machine (A/A)",
        columns=(
            Column(title="arm against its own copy"),
            Column(title="ratio", figures=True),
            Column(title="noise floor", figures=True),
            Column(title="interval holds 1"),
            Column(title="rounds", figures=True),
        ),
        rows=rows,
        note="A difference smaller than the noise floor of its arm cannot be told from no difference here.",
    )


def _holds(floor: NoiseFloor) -> Cell:
    if not (math.isfinite(floor.ratio.low) and math.isfinite(floor.ratio.high)):
        return Cell(text="no interval", tone=Tone.NONE)
    return Cell(text="yes", tone=Tone.SAME) if floor.holds else Cell(text="no: the copies differ", tone=Tone.OPEN)


def objectives(comparison: Comparison) -> Table:
    """Every objective tried on every arm."""
    rows = tuple(
        cells(
            wording.clean(o.objective),
            wording.clean(o.arm),
            _as_share_or(o.value, o.unit),
            _as_share_or(o.threshold, o.unit, trim=True),
            Cell(text=wording.clean(o.outcome), tone=_OUTCOMES.get(o.outcome, Tone.OPEN)),
        )
        for o in comparison.objectives
    )
    titles = (("objective", False), ("arm", False), ("measured", True), ("limit", True), ("outcome", False))
    return Table(
        caption="Objectives, arm by arm", columns=tuple(Column(title=t, figures=f) for t, f in titles), rows=rows
    )


def _as_share_or(figure: float | None, unit: Unit, *, trim: bool = False) -> str:
    """An objective's figure; without a unit it is a share (errors), not a ratio."""
    return wording.share(figure) if unit is Unit.RATIO else wording.quantity(figure, unit, trim=trim)

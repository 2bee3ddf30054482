"""Tables of the evidence: every round, every run, the quantiles, claims that were tried out, guards."""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshperf.analysis.records import Comparison, RoundFigure
from meshperf.report import wording
from meshperf.report.quantiles import MARKS, deepest, pooled
from meshperf.report.tables import Cell, Column, Table, Tone, cells
from meshperf.spec.records import GuardReading, RunResult
from meshperf.units import Unit

__all__ = ["claims", "guards", "quantiles", "rounds", "runs"]


def rounds(comparison: Comparison) -> Table:
    """Each metric in each round: what the published intervals are made of."""
    rows = []
    for metric in comparison.metrics:
        name = f"{wording.clean(metric.arm)} / {wording.clean(metric.against)}, {wording.metric_name(metric.metric)}"
        for figure in metric.rounds:
            bounded = math.isfinite(figure.within_low) and math.isfinite(figure.within_high)
            within = f"{figure.within_low:.3f} to {figure.within_high:.3f}" if bounded else "no interval"
            rows.append(
                cells(
                    name,
                    str(figure.round),
                    wording.quantity(figure.baseline, metric.unit),
                    wording.quantity(figure.candidate, metric.unit),
                    wording.ratio(figure.ratio, decimals=3),
                    within,
                    _counted(figure),
                )
            )
    heads = ("metric", "round", "baseline", "candidate", "ratio", "within this deployment only", "counted")
    columns = tuple(Column(title=head, figures=head not in ("metric", "counted")) for head in heads)
    return Table(caption="Every round of every metric", columns=columns, rows=tuple(rows))


def _counted(figure: RoundFigure) -> Cell:
    """Whether the round counts, and whether it was steady: the one does not depend on the other."""
    return Cell(
        text="yes" if figure.excluded is None else f"no: {wording.clean(figure.excluded)}",
        detail="" if figure.unsteady is None else f"not steady: {wording.clean(figure.unsteady)}",
    )


def runs(of: Sequence[RunResult]) -> Table:
    """Every run with its requests, kept schedule and validity; invalid ones too."""
    rows = []
    for run in of:
        counts = run.counts
        censored = counts.unanswered + counts.not_sent
        pacing = float(run.generator.pacing_error.quantile(0.99))
        reasons = "; ".join(map(wording.clean, run.validity.reasons))
        rows.append(
            cells(
                f"{wording.clean(run.resident)}, round {run.round}"
                + (f", attempt {run.attempt}" if run.attempt else ""),
                wording.count(counts.offered),
                wording.count(counts.ok),
                wording.count(counts.errors + counts.timeouts),
                wording.count(censored),
                f"{run.achieved_rps:.4g}/s" if math.isfinite(run.achieved_rps) else wording.UNKNOWN,
                wording.quantity(pacing, Unit.SECONDS) if run.offered_rps is not None else "closed loop",
                wording.share(run.generator.busy_share),
                Cell(text=run.validity.state.value, detail=reasons, tone=Tone.PLAIN if run.validity.ok else Tone.BAD),
            )
        )
    heads = (
        "run",
        "due",
        "answered",
        "failed",
        "never answered",
        "achieved rate",
        "pacing error p99",
        "generator busy",
    )
    columns = (*(Column(title=head, figures=head != "run") for head in heads), Column(title="validity"))
    return Table(caption="Every run", columns=columns, rows=tuple(rows))


def quantiles(of: Sequence[RunResult]) -> Table:
    """Response times per arm over its valid runs, cut where fewer than ten requests remain beyond the quantile."""
    rows = []
    for arm, histogram in pooled(of).items():
        limit = deepest(histogram.total)
        marks = [
            (wording.quantity(float(histogram.quantile(q)), Unit.SECONDS) if q <= limit else "too few")
            for _, q in MARKS
        ]
        rows.append(cells(wording.clean(arm), wording.count(histogram.total), *marks))
    columns = [Column(title="arm"), Column(title="requests", figures=True)]
    columns += [Column(title=name, figures=True) for name, _ in MARKS]
    note = "From the intended start of each request; pooled over all valid rounds, so shown and not judged."
    return Table(caption="Response time by quantile", columns=tuple(columns), rows=tuple(rows), note=note)


def claims(of: Sequence[RunResult]) -> Table:
    """What each arm says of itself, how often it was tried out, and whether it held."""
    tried: dict[tuple[str, str, str, bool], int] = {}
    for run in of:
        for claim in run.claims:
            key = (wording.clean(run.arm), wording.clean(claim.claim), wording.clean(claim.evidence), claim.held)
            tried[key] = tried.get(key, 0) + 1
    rows = tuple(
        cells(
            f"{arm}: {claim}",
            Cell(text="held", tone=Tone.GOOD) if held else Cell(text="did not hold", tone=Tone.BAD),
            evidence,
            str(times),
        )
        for (arm, claim, evidence, held), times in tried.items()
    )
    columns = (
        Column(title="claim"),
        Column(title="outcome"),
        Column(title="evidence"),
        Column(title="times seen", figures=True),
    )
    return Table(caption="Claims that were tried out", columns=columns, rows=rows)


def guards(of: Sequence[RunResult]) -> Table:
    """The worst reading of each guard that was declared before the run."""
    severity = {"ok": 0, "warn": 1, "invalid": 2}
    worst: dict[str, tuple[GuardReading, str]] = {}
    for run in of:
        for reading in run.guards:
            kept = worst.get(reading.guard)
            rank = (severity.get(reading.outcome, 3), reading.value if reading.value is not None else -math.inf)
            if kept is None or rank > (
                severity.get(kept[0].outcome, 3),
                kept[0].value if kept[0].value is not None else -math.inf,
            ):
                worst[reading.guard] = (reading, f"{wording.clean(run.resident)}, round {run.round}")
    rows = tuple(
        cells(
            wording.clean(name),
            _reading(reading.value, reading),
            _reading(reading.warn_above, reading),
            _reading(reading.invalid_above, reading),
            Cell(text=wording.clean(reading.outcome), tone=Tone.SAME if reading.outcome == "ok" else Tone.BAD),
            where,
        )
        for name, (reading, where) in worst.items()
    )
    heads = ("guard", "worst reading", "warns above", "invalid above", "outcome", "where")
    columns = tuple(Column(title=h, figures=h in ("worst reading", "warns above", "invalid above")) for h in heads)
    return Table(caption="Guards, each at its worst", columns=columns, rows=rows)


def _reading(figure: float | None, reading: GuardReading) -> str:
    if figure is None or not math.isfinite(figure):
        return f"unavailable: {wording.clean(reading.unavailable)}" if reading.unavailable else "none"
    if reading.unit == "1":
        return wording.share(figure)
    return (
        wording.quantity(figure, Unit.SECONDS, trim=True)
        if reading.unit == "s"
        else f"{figure:.4g} {wording.clean(reading.unit)}".strip()
    )

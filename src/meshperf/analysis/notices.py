"""What a report must say beside the verdicts: warnings as values, with their figures."""

from __future__ import annotations

from collections.abc import Sequence

from meshperf.analysis.host_notes import varying_clock
from meshperf.analysis.intervals import COMPANION_ROUNDS
from meshperf.analysis.pairing import why_excluded
from meshperf.analysis.records import Comparability, MetricComparison
from meshperf.analysis.verdicts import FEWEST_ROUNDS, Judgement
from meshperf.spec.records import RunResult, Warning, WarningKind

__all__ = ["general_warnings", "metric_warnings"]


def metric_warnings(metric: MetricComparison, judgement: Judgement) -> tuple[Warning, ...]:
    """Warnings on one metric of one pair."""
    name = f"{metric.arm} against {metric.against}, {metric.metric}"
    found = []
    if judgement.below_floor:
        found.append(Warning(kind=WarningKind.NOISE_FLOOR, text=f"{name}: {judgement.reason}"))
    if judgement.weather:
        figures = {"ratio": metric.ratio.value}
        if metric.uncentred is not None:
            figures["uncentred_ratio"] = metric.uncentred.value
        found.append(Warning(kind=WarningKind.WEATHER, text=f"{name}: {judgement.reason}", figures=figures))
    if metric.pooled:
        found.append(Warning(kind=WarningKind.POOLED_TAIL, text=f"{name}: {judgement.reason}"))
    return tuple(found)


def general_warnings(
    runs: Sequence[RunResult],
    comparability: Comparability,
    metrics: Sequence[MetricComparison],
    *,
    redone: Sequence[str] = (),
) -> tuple[Warning, ...]:
    """Warnings on a comparison as a whole; `metrics`: all of its pairs; `redone`: attempts that were made again."""
    found = []
    counted = [sum(entry.excluded is None for entry in metric.rounds) for metric in metrics if metric.primary]
    fewest = min(counted, default=len({run.round for run in runs if why_excluded(run) is None}))
    if fewest < COMPANION_ROUNDS:
        consequence = (
            f"fewer than {FEWEST_ROUNDS} never decide"
            if fewest < FEWEST_ROUNDS
            else f"verdicts rest on the t interval alone: Hodges-Lehmann needs {COMPANION_ROUNDS}"
        )
        found.append(
            Warning(
                kind=WarningKind.FEW_ROUNDS,
                text=f"Only {fewest} round(s) count for some figures; {consequence}.",
                figures={"rounds": float(fewest), "wanted": float(COMPANION_ROUNDS)},
            )
        )
    if any(run.design.pilot for run in runs):
        found.append(
            Warning(
                kind=WarningKind.PILOT,
                text="This is a pilot: a shortened experiment that shows figures and gives no verdict.",
            )
        )
    excluded: dict[int, list[str]] = {}
    for run in runs:
        reason = why_excluded(run)
        if reason is not None:
            excluded.setdefault(run.round, []).append(reason)
    found += [
        Warning(kind=WarningKind.ROUND_EXCLUDED, text=f"Round {number} is not counted for {'; for '.join(reasons)}.")
        for number, reasons in sorted(excluded.items())
    ]
    if redone:
        text = f"{len(redone)} attempt(s) at a round were excluded whole and made again: {'; '.join(redone)}."
        found.append(Warning(kind=WarningKind.ROUND_EXCLUDED, text=text, figures={"attempts": float(len(redone))}))
    found += _of_the_runs(runs)
    found += varying_clock(runs)
    unknown = sorted({entry.path for entry in comparability.unknowns if entry.severity != "unknown-note"})
    if unknown:
        found.append(
            Warning(kind=WarningKind.FACT_UNKNOWN, text=f"Unknown, and never taken as equal: {', '.join(unknown)}.")
        )
    return tuple(found)


def _of_the_runs(runs: Sequence[RunResult]) -> list[Warning]:
    """What the runs themselves warn of, once a kind: how many runs say it, and what the first of them says."""
    said: dict[WarningKind, list[str]] = {}
    for run in runs:
        for warning in {warning.kind: warning for warning in run.warnings}.values():
            said.setdefault(warning.kind, []).append(f"{run.run_id}: {warning.text}")
    return [
        Warning(
            kind=kind,
            text=f"{len(texts)} of {len(runs)} runs say so; {texts[0]}",
            figures={"runs": float(len(texts))},
        )
        for kind, texts in sorted(said.items())
    ]

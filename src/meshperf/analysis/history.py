"""The results of one experiment over time: since when, and by how much, did a figure change?

What it decides: the series of each arm and metric over stored results, the changes of level in it with their dates and
sizes, and what else differs between the two sides of a change.

Why this way: candidates are followed by their ratio to the baseline of the same rounds, because a machine that got
slower moves both; the baseline is followed in absolute figures, which shows the machine. All series of one history
share one false alarm rate: each is tested at its part of it.

What it assumes: results with the same experiment's name measure the same thing; where the file's digest or a fact
changed, that is listed beside the change. The place was chosen by the same figures as the size, so a change that was
barely found is smaller than it looks; `level_change` says what its interval makes of that.

What it refuses: pilots, figures that have no verdict (pooled, not comparable), levels of fewer than three results.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from meshperf.analysis.changepoints import FEWEST, ChangePoint, change_points
from meshperf.analysis.figures import PRIMARY_FAMILY, UNITS
from meshperf.analysis.level_change import level_change
from meshperf.analysis.records import Comparison, Estimate, Verdict
from meshperf.spec.records import FactValue
from meshperf.units import Unit

__all__ = ["History", "HistoryChange", "HistoryEntry", "HistoryPoint", "HistorySeries", "history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One stored result of the experiment."""

    experiment_id: str
    time: datetime
    comparisons: tuple[Comparison, ...]
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    """Known facts of host, load and method, and whatever else may explain a change, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """One figure of one result."""

    experiment_id: str
    time: datetime
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryChange:
    """A change of level."""

    last_before: datetime
    first_after: datetime
    """The change lies between these two, at the best guess."""
    earliest: datetime
    latest: datetime
    """The first result of the new level lies from here to here, at 95 %."""
    first_after_id: str
    p: float
    before: float
    after: float
    """Geometric means of the levels."""
    ratio: Estimate
    """After by before."""
    differing: tuple[str, ...] = ()
    """Facts that had one value on the level before and another after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySeries:
    """One figure over all results."""

    cell: str
    load_point: int
    arm: str
    metric: str
    unit: Unit
    """1 for a ratio to the baseline."""
    against: str
    """The baseline of a ratio; empty for an absolute figure."""
    points: tuple[HistoryPoint, ...]
    changes: tuple[HistoryChange, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All series of an experiment."""

    experiment: str
    results: int
    series: tuple[HistorySeries, ...]
    alpha: float
    """False alarm rate of all series together."""
    permutations: int
    seed: int

    @property
    def changed(self) -> bool:
        return any(each.changes for each in self.series)


_Key = tuple[str, int, str, str]


def history(
    experiment: str,
    entries: Sequence[HistoryEntry],
    *,
    metrics: Sequence[str] = PRIMARY_FAMILY,
    arms: Sequence[str] = (),
    absolute: bool = False,
    alpha: float = 0.05,
    permutations: int = 1999,
    seed: int = 1,
) -> History:
    """Follow an experiment's figures.

    Args:
        entries: in any order.
        metrics: which ones; arms: only these, none: all.
        absolute: candidates in absolute figures too, instead of ratios.
        alpha: of all series together.
        permutations: shuffles per test; more are taken where many series need smaller p values.
    """
    ordered = sorted(entries, key=lambda entry: (entry.time, entry.experiment_id))
    found: dict[_Key, list[tuple[HistoryEntry, HistoryPoint]]] = {}
    against: dict[_Key, str] = {}
    left_out: dict[_Key, list[str]] = {}
    for entry in ordered:
        for comparison in entry.comparisons:
            for arm, metric, estimate, base, reason in _figures(comparison, metrics, arms, absolute=absolute):
                key = (comparison.cell, comparison.load_point, arm, metric)
                found.setdefault(key, [])
                against[key] = base
                if reason or not (math.isfinite(estimate.value) and estimate.value > 0):
                    left_out.setdefault(key, []).append(f"{entry.experiment_id}: {reason or 'not measured'}")
                    continue
                point = HistoryPoint(
                    experiment_id=entry.experiment_id,
                    time=entry.time,
                    value=estimate.value,
                    low=estimate.low,
                    high=estimate.high,
                )
                found[key].append((entry, point))
    judged = sum(len(points) >= 2 * FEWEST for points in found.values())
    each_alpha = alpha / max(judged, 1)
    shuffles = max(permutations, math.ceil(20 / each_alpha) - 1)
    series = []
    for key, points in found.items():
        cell, load_point, arm, metric = key
        logs = [math.log(point.value) for _, point in points]
        steps = change_points(logs, seed=seed, alpha=each_alpha, permutations=shuffles)
        series.append(
            HistorySeries(
                cell=cell,
                load_point=load_point,
                arm=arm,
                metric=metric,
                unit=Unit.RATIO if against[key] else UNITS[metric],
                against=against[key],
                points=tuple(point for _, point in points),
                changes=_changes(points, logs, steps, arm, comparison_facts=_arm_facts(points, arm)),
                left_out=tuple(left_out.get(key, ())),
            )
        )
    return History(
        experiment=experiment, results=len(ordered), series=tuple(series), alpha=alpha, permutations=shuffles, seed=seed
    )


def _figures(
    comparison: Comparison, metrics: Sequence[str], arms: Sequence[str], *, absolute: bool
) -> list[tuple[str, str, Estimate, str, str]]:
    """Arm, metric, figure, what it is a ratio to, and why it is left out."""
    pilot = "a pilot" if comparison.pilot else ""
    found = []
    for arm in comparison.arms:
        if arm.resident == arm.arm and (not arms or arm.arm in arms) and (absolute or arm.arm == comparison.baseline):
            for metric in metrics:
                estimate = arm.figures.get(metric)
                if estimate is not None:
                    pooled = "pooled over rounds" if estimate.method.startswith("pooled") else ""
                    found.append((arm.arm, metric, estimate, "", pilot or pooled))
    if not absolute:
        for one in comparison.metrics:
            if one.metric in metrics and one.against == comparison.baseline and (not arms or one.arm in arms):
                barred = "not comparable" if one.verdict is Verdict.NOT_COMPARABLE else ""
                found.append(
                    (one.arm, one.metric, one.ratio, one.against, pilot or ("pooled" if one.pooled else barred))
                )
    return found


def _changes(
    points: Sequence[tuple[HistoryEntry, HistoryPoint]],
    logs: Sequence[float],
    steps: Sequence[ChangePoint],
    arm: str,
    *,
    comparison_facts: Sequence[Mapping[str, FactValue]],
) -> tuple[HistoryChange, ...]:
    borders = [0, *(step.index for step in steps), len(points)]
    found = []
    for number, step in enumerate(steps, start=1):
        before = range(borders[number - 1], borders[number])
        after = range(borders[number], borders[number + 1])
        found.append(
            HistoryChange(
                last_before=points[step.index - 1][1].time,
                first_after=points[step.index][1].time,
                earliest=points[step.earliest][1].time,
                latest=points[step.latest][1].time,
                first_after_id=points[step.index][1].experiment_id,
                p=step.p,
                before=math.exp(math.fsum(logs[n] for n in before) / len(before)),
                after=math.exp(math.fsum(logs[n] for n in after) / len(after)),
                ratio=level_change(logs, step, begin=before.start, end=after.stop),
                differing=_differing([comparison_facts[n] for n in before], [comparison_facts[n] for n in after]),
            )
        )
    return tuple(found)


def _arm_facts(points: Sequence[tuple[HistoryEntry, HistoryPoint]], arm: str) -> list[Mapping[str, FactValue]]:
    """Of every result: its own facts, and what the arm brought."""
    return [
        {
            **entry.facts,
            **{
                path: value
                for comparison in entry.comparisons
                for summary in comparison.arms
                if summary.arm == arm
                for path, value in summary.brings.items()
            },
        }
        for entry, _ in points
    ]


def _differing(before: Sequence[Mapping[str, FactValue]], after: Sequence[Mapping[str, FactValue]]) -> tuple[str, ...]:
    """`path: old -> new` for what had one value throughout the level before, and another throughout the one after."""
    paths = dict.fromkeys(path for facts in (*before, *after) for path in facts)
    found = []
    for path in sorted(paths):
        old, new = ({facts.get(path) for facts in side} for side in (before, after))
        if len(old) == len(new) == 1 and old != new:
            found.append(f"{path}: {_shown(old.pop())} -> {_shown(new.pop())}")
    return tuple(found)


def _shown(value: FactValue) -> str:
    return "unknown" if value is None else str(value)

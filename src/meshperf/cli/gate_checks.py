"""What a gate asked and what came of each: objectives of the arms, margins of their metrics.

What it decides: an objective is tried on all an arm's rounds taken together, a margin by the one-sided bound of the
ratio. What could not be tried (no figure, no interval, results that do not compare) is said to be so, and is not held.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from meshperf.analysis import BROKEN, HELD, arm_fault, non_inferiority, set_aside, try_objectives
from meshperf.cli.compare_pairs import Shown
from meshperf.report import context, wording
from meshperf.report.findings import Finding, Rule, State
from meshperf.spec.experiment import Objective
from meshperf.spec.gate import Gate
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["Check", "checks_of", "checks_of_runs", "finding"]

_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")
_SAME_Q = 1e-9
_STATES = {"held": State.HELD, "broken": State.BROKEN, "unknown": State.UNFIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was asked. `figure` and `limit` in the objective's unit, or as ratios."""

    group: str
    arm: str
    asked: str
    state: State
    reason: str
    figure: float | None = None
    limit: float | None = None


def checks_of(shown: Shown, gate: Gate) -> Iterator[Check]:
    """All that the gate asks of one comparison."""
    comparison = shown.comparison
    group = f"{wording.clean(comparison.experiment)}, {context.place(comparison)}"
    own = dict.fromkeys(metric.arm for metric in comparison.metrics if metric.against == comparison.baseline)
    arms = [summary.arm for summary in comparison.arms if "#" not in summary.resident]
    candidates = [arm for arm in arms if arm in own] or [arm for arm in arms if arm != comparison.baseline]
    asked = [arm for arm in (arms if gate.arms else candidates or arms) if _is_asked(arm, gate)]
    for arm in asked:
        runs = [run for run in shown.runs if (run.arm, run.twin) == (arm, 0)]
        yield from checks_of_runs(arm, runs, gate.objectives, group)
        if arm != comparison.baseline:
            yield from _margins(shown, arm, gate.margins, group)


def checks_of_runs(arm: str, runs: Sequence[RunResult], objectives: Sequence[Objective], group: str) -> Iterator[Check]:
    """Objectives on the runs of one arm, those in which it failed too."""
    tried = [run for run in runs if set_aside(run) is None]
    faults = dict.fromkeys(reason for run in tried if (reason := arm_fault(run)) is not None)
    if faults:
        yield Check(group=group, arm=arm, asked="every run is valid", state=State.UNFIT, reason="; ".join(faults))
    for objective in objectives:
        told = _told(tried, objective)
        if told is not None:
            low, high = told
            state = _between(objective, low, high)
            shown = (
                _figure(high, objective.unit)
                if low == high
                else (f"{_figure(low, objective.unit)} to {_figure(high, objective.unit)}")
            )
            figure = high if "<" in objective.op else low
        else:
            (outcome,) = try_objectives(arm, tried, [objective])
            state, figure = _STATES[outcome.outcome], math.nan if outcome.value is None else outcome.value
            shown = _figure(figure, objective.unit)
        yield Check(
            group=group,
            arm=arm,
            asked=objective.text,
            state=state,
            reason=f"measured {shown}" if math.isfinite(figure) else _why_not(runs, tried),
            figure=figure if math.isfinite(figure) else None,
            limit=objective.threshold,
        )


def finding(check: Check) -> Finding:
    """The check for JUnit and SARIF."""
    return Finding(
        rule=Rule.OBJECTIVE,
        state=check.state,
        group=check.group,
        name=f"{wording.clean(check.arm)}: {wording.clean(check.asked)}",
        text=wording.plain(f"{wording.clean(check.asked)}: {check.state.value}; {wording.clean(check.reason)}"),
    )


def _margins(shown: Shown, arm: str, margins: Mapping[str, float], group: str) -> Iterator[Check]:
    comparison = shown.comparison
    metrics = {m.metric: m for m in comparison.metrics if (m.arm, m.against) == (arm, comparison.baseline)}
    for name, margin in margins.items():
        asked = (
            f"{wording.metric_name(name)} at most {wording.share(margin)} above {wording.clean(comparison.baseline)}"
        )
        metric = metrics.get(name)
        if metric is not None and metric.absolute_floor is not None:
            asked += f", or {wording.quantity(metric.absolute_floor, metric.unit, trim=True)} more"
        if metric is None:
            state, reason, upper = State.UNFIT, f"there is no {wording.metric_name(name)} to compare", math.nan
        else:
            answer = non_inferiority(metric, margin)
            reason, upper = answer.reason, answer.upper
            state = {HELD: State.HELD, BROKEN: State.BROKEN}.get(answer.outcome, State.UNKNOWN)
            if state is State.UNKNOWN and not math.isfinite(upper):
                state = State.UNFIT
        yield Check(
            group=group,
            arm=arm,
            asked=wording.plain(asked),
            state=state,
            reason=reason,
            figure=upper if math.isfinite(upper) else None,
            limit=1 + margin,
        )


def _is_asked(arm: str, gate: Gate) -> bool:
    """`envoy` names the arm wherever it comes from, `envoy@friday` that of one result."""
    return not gate.arms or arm in gate.arms or arm.partition("@")[0] in gate.arms


def _told(runs: Sequence[RunResult], objective: Objective) -> tuple[float, float] | None:
    """Bounds of a quantile that another tool told without a histogram: the least and the most of its runs."""
    match = _QUANTILE.fullmatch(objective.metric)
    if match is None or not runs or not all(run.generator.bounds and not run.response.total for run in runs):
        return None
    wanted = float(match[1]) / 100
    found = [(one.low_s, one.high_s) for run in runs for one in run.generator.bounds if abs(one.q - wanted) <= _SAME_Q]
    if len(found) < len(runs):
        return None
    return min(low for low, _ in found), max(high for _, high in found)


def _between(objective: Objective, low: float, high: float) -> State:
    compare = {"<=": float.__le__, "<": float.__lt__, ">=": float.__ge__, ">": float.__gt__}[objective.op]
    first, second = compare(float(low), objective.threshold), compare(float(high), objective.threshold)
    if first == second:
        return State.HELD if first else State.BROKEN
    return State.UNKNOWN


def _figure(figure: float, unit: Unit) -> str:
    return wording.plain(wording.share(figure) if unit is Unit.RATIO else wording.quantity(figure, unit))


def _why_not(runs: Sequence[RunResult], tried: Sequence[RunResult]) -> str:
    if tried:
        return "it was not measured"
    reasons = dict.fromkeys(reason for run in runs if (reason := set_aside(run)) is not None)
    return f"no run of it counts: {'; '.join(reasons)}" if reasons else "there is no run of it"

"""What a machine that gates a change wants to know: each thing that was asked of a result, and what came of it.

JUnit and SARIF are two writings of this list. What it decides: the names. `BROKEN` is what makes `meshperf run` and
`load` exit with 1, `UNFIT` what makes them exit with 4; a verdict alone breaks nothing, because that a mesh costs
something is no failure until somebody bounds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from meshperf.analysis.records import Comparison, MetricComparison, ObjectiveOutcome, Verdict
from meshperf.report import context, prose, single, wording
from meshperf.report.verdicts import verdict
from meshperf.spec.kinds import ObjectiveReading
from meshperf.spec.records import RunResult

__all__ = ["Finding", "Rule", "State", "of_comparison", "of_run"]


class Rule(StrEnum):
    """What is asked."""

    OBJECTIVE = "objective"
    COMPARABILITY = "comparability"
    VALIDITY = "validity"
    VERDICT = "verdict"
    WARNING = "warning"


class State(StrEnum):
    """What came of it."""

    HELD = "held"
    BROKEN = "broken"
    UNFIT = "unfit"
    """It could not be asked: not comparable, or no valid run."""
    UNKNOWN = "unknown"
    """The figure is missing, or does not decide."""
    WORSE = "worse"
    TOLD = "told"
    """Nothing was asked; a reader should know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing asked of a result. `group`: the comparison or run it belongs to."""

    rule: Rule
    state: State
    group: str
    name: str
    text: str


_OUTCOMES = {"held": State.HELD, "broken": State.BROKEN}
_VERDICTS = {
    Verdict.BETTER: State.HELD,
    Verdict.EQUIVALENT: State.HELD,
    Verdict.WORSE: State.WORSE,
    Verdict.INCONCLUSIVE: State.UNKNOWN,
    Verdict.NOT_COMPARABLE: State.UNKNOWN,
}


def of_comparison(comparison: Comparison) -> Iterator[Finding]:
    """Comparability, objectives, the arms' validity, primary verdicts and warnings of one comparison, in this order."""
    group = f"{wording.clean(comparison.experiment) or 'unnamed experiment'}, {context.place(comparison)}"
    of = comparison.comparability
    reasons = "".join(f" {wording.clean(one.path)}: {wording.clean(one.why)}." for one in of.violations)
    yield Finding(
        rule=Rule.COMPARABILITY,
        state=State.UNFIT if of.grade == "X" else State.HELD,
        group=group,
        name="the arms are comparable",
        text=_plain(prose.comparability(of) + (reasons if of.grade == "X" else "")),
    )
    yield from (_objective(one, group) for one in comparison.objectives)
    for arm in comparison.arms:
        broken = "; ".join(map(wording.clean, arm.invalid))
        yield Finding(
            rule=Rule.VALIDITY,
            state=State.HELD if arm.rounds else State.UNFIT,
            group=group,
            name=f"{wording.clean(arm.resident)}: rounds that count",
            text=_plain(f"{arm.rounds} of its rounds count{'; not valid: ' + broken if broken else ''}"),
        )
    yield from (_verdict(one, comparison, group) for one in comparison.metrics if one.primary)
    for warning, text in zip(comparison.warnings, prose.warnings(comparison.warnings), strict=True):
        yield Finding(
            rule=Rule.WARNING, state=State.TOLD, group=group, name=warning.kind.value, text=_plain(wording.clean(text))
        )


def of_run(run: RunResult) -> Iterator[Finding]:
    """Validity, objectives of a test kind that fails by them, and warnings of a run that stands by itself."""
    group = f"{single.title(run)} ({wording.clean(run.run_id)})"
    state, reasons = run.validity.state.value, "; ".join(map(wording.clean, run.validity.reasons))
    yield Finding(
        rule=Rule.VALIDITY,
        state=State.HELD if run.validity.ok else State.UNFIT,
        group=group,
        name="the run is valid",
        text=_plain(f"the run is {state}{': ' + reasons if reasons else ''}"),
    )
    if run.kind is not None:
        for part in (run.kind.load, run.kind.soak):
            if part is not None:
                yield _held(run.kind.kind.value, part.held, part.objectives, group)
    for warning, text in zip(run.warnings, prose.warnings(run.warnings), strict=True):
        yield Finding(
            rule=Rule.WARNING, state=State.TOLD, group=group, name=warning.kind.value, text=_plain(wording.clean(text))
        )


def _held(kind: str, held: bool, objectives: tuple[ObjectiveReading, ...], group: str) -> Finding:
    """A load or soak test, which has to hold all that was asked of it; the other kinds look for where it breaks."""
    readings = "; ".join(
        f"{wording.clean(one.objective)}: {'held' if one.held else 'broken'}, measured {_figure(one.value, one.unit)}"
        for one in objectives
    )
    return Finding(
        rule=Rule.OBJECTIVE,
        state=State.HELD if held else State.BROKEN,
        group=group,
        name=f"the {kind} test holds",
        text=_plain(f"the {kind} test {'holds' if held else 'does not hold'}{': ' + readings if readings else ''}"),
    )


def _figure(value: float | None, unit: str) -> str:
    return wording.UNKNOWN if value is None else f"{value:.6g} {unit}"


def _objective(one: ObjectiveOutcome, group: str) -> Finding:
    name = f"{wording.clean(one.arm)}: {wording.clean(one.objective)}"
    return Finding(
        rule=Rule.OBJECTIVE,
        state=_OUTCOMES.get(one.outcome, State.UNKNOWN),
        group=group,
        name=name,
        text=_plain(f"{name}: {one.outcome}, measured {_figure(one.value, one.unit.value)}"),
    )


def _verdict(one: MetricComparison, comparison: Comparison, group: str) -> Finding:
    spoken = prose.judged(comparison, one)
    return Finding(
        rule=Rule.VERDICT,
        state=_VERDICTS[one.verdict] if spoken else State.UNKNOWN,
        group=group,
        name=f"{wording.clean(one.arm)} against {wording.clean(one.against)}: {wording.metric_name(one.metric)}",
        text=_plain(prose.metric_sentence(one, comparison) if spoken else verdict(one, comparison).text),
    )


def _plain(text: str) -> str:
    return wording.plain(text)

"""Whether two sides of different sessions may be compared: the rules of comparability without common rounds.

What it decides: facts of the two arms, and of their baselines where each has its own, held against each other with the
policies for sessions apart; facts that changed inside a side; error shares; runs that failed by themselves.

What it refuses: class A, which needs the same rounds; B and C without a baseline on both sides; more than D for a bare
record, a pilot or a single run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from meshperf.analysis.comparability import (
    GRADES,
    compare_facts,
    constancy,
    error_violations,
    fault_violations,
    grade_of,
)
from meshperf.analysis.pairing import why_excluded
from meshperf.analysis.records import Comparability, Violation
from meshperf.analysis.rules import Rules, packaged_rules
from meshperf.spec.imported import Completeness
from meshperf.spec.records import RunResult

if TYPE_CHECKING:
    from meshperf.analysis.cross import Side

__all__ = ["compare_sessions"]


def compare_sessions(
    first: Side, second: Side, *, subject: Sequence[str], own_baselines: bool, rules: Rules | None = None
) -> Comparability:
    """The class of the second side against the first, with every fact that stands in the way."""
    book = rules or packaged_rules()
    arms = (first.label, second.label)
    a, b = _valid(first), _valid(second)
    faults = tuple(
        replace(one, arm=side.label, against=side.label) for side in (first, second) for one in _faults(side)
    )
    if not a or not b:
        missing = tuple(_none_valid(side) for side, runs in ((first, a), (second, b)) if not runs and not _faults(side))
        return Comparability(
            grade="X",
            subject=tuple(subject),
            violations=(*faults, *missing),
            rules=book.label,
            arm=second.label,
            against=first.label,
        )
    same_session = bool(a[0].experiment_id) and a[0].experiment_id == b[0].experiment_id
    found = compare_facts(
        a[0].facts, b[0].facts, subject=subject, against_baseline=False, paired=same_session, arms=arms, rules=book
    )
    violations, unknowns = list(found.violations), list(found.unknowns)
    if own_baselines and not same_session:
        more = _of_baselines(first, second, subject, book)
        if more is not None:
            known = {entry.path for entry in (*violations, *unknowns)}
            violations += [entry for entry in more.violations if entry.path not in known]
            unknowns += [entry for entry in more.unknowns if entry.path not in known]
    changes = [
        replace(entry, arm=side.label, against=side.label)
        for side, runs in ((first, a), (second, b))
        for entry in constancy(runs, book)
    ]
    extra = [
        *(entry for entry in changes if not entry.severity.startswith("unknown-")),
        *error_violations(
            [replace(run, arm=first.label) for run in first.runs],
            [replace(run, arm=second.label) for run in second.runs],
        ),
        *faults,
    ]
    unknowns += [entry for entry in changes if entry.severity.startswith("unknown-")]
    grade = grade_of(violations, unknowns, book, same_rounds=False, own_baselines=own_baselines)
    if extra:
        grade = "X"
    weak = len(a) < 2 or len(b) < 2 or Completeness.BARE in (first.grade, second.grade)
    if weak or any(run.design.pilot for run in (*a, *b)):
        grade = max(grade, "D", key=GRADES.index)
    return replace(found, grade=grade, violations=(*violations, *extra), unknowns=tuple(unknowns))


def _of_baselines(first: Side, second: Side, subject: Sequence[str], book: Rules) -> Comparability | None:
    """The two baselines, which must be the same thing: what they differ in, the ratios differ in."""
    sides = [
        [run for run in side.session if (run.arm, run.twin) == (side.baseline, 0) and why_excluded(run) is None]
        for side in (first, second)
    ]
    if not all(sides):
        return None
    labels = (first.baseline_label, second.baseline_label)
    a, b = (runs[0].facts for runs in sides)
    return compare_facts(a, b, subject=subject, against_baseline=False, paired=False, arms=labels, rules=book)


def _valid(side: Side) -> list[RunResult]:
    return [run for run in side.runs if why_excluded(run) is None]


def _faults(side: Side) -> tuple[Violation, ...]:
    return fault_violations(side.runs)


def _none_valid(side: Side) -> Violation:
    reasons = "; ".join(dict.fromkeys(reason for run in side.runs if (reason := why_excluded(run)))) or "no run at all"
    return Violation(
        path="run.validity",
        a="valid",
        b="invalid",
        severity="EQ",
        why=f"{side.label} has no run that counts: {reasons}",
        fix="measure it again",
        arm=side.label,
        against=side.label,
    )

"""Whether two arms may be compared at all, before any number is looked at.

What it decides: the grade of a pair and, for every fact that stands in the way, both values, why it matters and the
smallest change that would mend it.

    A  every fact that matters is equal, same rounds          verdicts
    B  equal, other sessions, each with its own baseline      ratios to the own baseline
    C  the machine differs, load and workload do not          ratios to the own baseline, never absolute
    D  indicative: something minor is unknown or not close,   numbers side by side, no verdict
       one run only, or arms one after the other
    X  not comparable                                         the reasons

Why this way: unknown is never equal. Against the baseline arm, all that a mesh or library brings is the subject;
between candidates it must be equal unless it was declared (the rules are data: `rules.yaml`).

What it refuses: to guess. A fact that must be named and is not blocks, even if it is missing on both sides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from meshperf.analysis.figures import error_share
from meshperf.analysis.pairing import arm_fault, set_aside
from meshperf.analysis.records import Comparability, Violation
from meshperf.analysis.rules import Rule, Rules, packaged_rules
from meshperf.spec.records import Fact, Facts, FactValue, RunResult, ValidityState

__all__ = [
    "GRADES",
    "compare_facts",
    "compare_runs",
    "constancy",
    "error_violations",
    "fault_violations",
    "grade_of",
    "together",
]

GRADES = ("A", "B", "C", "D", "X")
ERROR_TOLERANCE = 0.001
"""Error shares of two arms may differ by 0.1 percentage points."""
_FEWEST_ERRORS = 5
_CONTEXT = frozenset({"mesh.type", "load.arrivals"})
"""Facts that decide how others are judged."""
_MISSING = Fact(unavailable="not recorded")


def compare_facts(
    baseline: Facts,
    candidate: Facts,
    *,
    subject: Sequence[str],
    against_baseline: bool,
    paired: bool = True,
    arms: tuple[str, str] = ("", ""),
    rules: Rules | None = None,
    only: Collection[str] | None = None,
) -> Comparability:
    """Hold the facts of two arms against each other.

    Args:
        baseline, candidate: facts by dotted path.
        subject: what was declared to differ; several words are allowed.
        against_baseline: the first one is the baseline arm, so what the other brings is the subject.
        paired: both ran in the same rounds on the same host.
        arms: names of (baseline, candidate), for the violations.
        only: look at these paths alone; None for all, those included that must be there.

    Returns:
        The grade from facts alone: A, D or X (B and C need to know the sessions: `grade_of`).
    """
    book = rules or packaged_rules()
    words = tuple(subject)
    violations: list[Violation] = []
    unknowns: list[Violation] = []
    differences: list[Violation] = []
    equal: list[str] = []
    other_mesh = _value(baseline, "mesh.type") != _value(candidate, "mesh.type") and "mesh" in words
    for path in sorted({*baseline, *candidate, *book.required} if only is None else only):
        rule = book.rule(path)
        a, b = baseline.get(path, _MISSING), candidate.get(path, _MISSING)
        allowed = (
            rule.severity == "VAR"
            or (against_baseline and book.is_brought(path))
            or book.is_subject(path, words)
            or (rule.across and other_mesh)
        )
        if a.known and b.known and not against_baseline and rule.sets_apart(a.value, b.value):
            violations.append(_violation(path, rule, a.value, b.value, "CLOSE", arms))  # indicative, see `grade_of`
        elif allowed and (a is _MISSING) != (b is _MISSING) and (a.known or b.known):
            differences.append(_violation(path, rule, a.value, b.value, "VAR", arms))  # only one arm has such a thing
        elif not (a.known and b.known):
            if not _not_applicable(path, baseline, candidate):
                unknowns.append(_unknown(path, rule, a, b, paired=paired, brought=allowed, arms=arms))
        elif a.value == b.value or (rule.severity != "FREE" and rule.same(a.value, b.value)):
            equal.append(path)
        elif allowed:
            differences.append(_violation(path, rule, a.value, b.value, "VAR", arms))
        elif rule.severity != "FREE":
            violations.append(_violation(path, rule, a.value, b.value, rule.severity, arms))
    return Comparability(
        grade=grade_of(violations, unknowns, book),
        subject=words,
        violations=tuple(violations),
        unknowns=tuple(unknowns),
        subject_differences=tuple(differences),
        equal=tuple(equal),
        rules=book.label,
        arm=arms[1],
        against=arms[0],
    )


def grade_of(
    violations: Iterable[Violation],
    unknowns: Iterable[Violation],
    rules: Rules | None = None,
    *,
    same_rounds: bool = True,
    own_baselines: bool = False,
) -> str:
    """The grade that violations and unknowns leave.

    Args:
        same_rounds: the pair met in the same rounds; otherwise it is D, or B and C with `own_baselines`.
        own_baselines: each side was measured against a baseline of its own session.
    """
    book = rules or packaged_rules()
    grade, machine = "A", False
    for found in violations:
        if own_baselines and not same_rounds and found.path.startswith(("host.", "cpus.")):
            machine = True
        elif found.severity == "CLOSE" and book.rule(found.path).unknown != "block":
            grade = _worse(grade, "D")
        else:
            grade = "X"
    for found in unknowns:
        grade = _worse(grade, {"unknown-block": "X", "unknown-flag": "D"}.get(found.severity, "A"))
    if not same_rounds:
        grade = _worse(grade, ("C" if machine else "B") if own_baselines else "D")
    return grade


def compare_runs(
    baseline: Sequence[RunResult],
    candidate: Sequence[RunResult],
    *,
    subject: Sequence[str],
    against_baseline: bool,
    every: tuple[Sequence[RunResult], Sequence[RunResult]] | None = None,
    rules: Rules | None = None,
) -> Comparability:
    """Judge a pair by its runs: facts, facts that changed, error shares, runs that failed by themselves.

    Args:
        baseline, candidate: the runs that were paired, same length, one a round. None: X.
        every: all runs of the two, those that could not be paired too; the paired ones when it is not given.
    """
    book = rules or packaged_rules()
    all_baseline, all_candidate = every if every is not None else (baseline, candidate)
    faults = fault_violations([*all_baseline, *all_candidate])
    if not baseline or not candidate:
        arms = tuple(runs[0].arm if runs else "" for runs in (all_baseline, all_candidate))
        return Comparability(
            grade="X",
            subject=tuple(subject),
            violations=faults,
            rules=book.label,
            arm=arms[1],
            against=arms[0],
        )
    arms = (baseline[0].arm, candidate[0].arm)
    facts = _facts_of_all(baseline, candidate, subject=subject, against_baseline=against_baseline, arms=arms, book=book)
    changes = (*constancy(baseline, book), *constancy(candidate, book))
    changed = tuple(entry for entry in changes if not entry.severity.startswith("unknown-"))
    unknown = tuple(entry for entry in changes if entry.severity.startswith("unknown-"))
    extra = (*changed, *error_violations(all_baseline, all_candidate), *faults)
    graded = replace(facts, violations=(*facts.violations, *extra), unknowns=(*facts.unknowns, *unknown))
    grade = _worse(grade_of(graded.violations, graded.unknowns, book), "X" if any(extra) else "A")
    if len(baseline) < 2:
        grade = _worse(grade, "D")
    if any(run.design.pilot for run in (*baseline, *candidate)):
        grade = _worse(grade, "D")
    return replace(graded, grade=grade)


def _facts_of_all(
    baseline: Sequence[RunResult],
    candidate: Sequence[RunResult],
    *,
    subject: Sequence[str],
    against_baseline: bool,
    arms: tuple[str, str],
    book: Rules,
) -> Comparability:
    """The facts of every round held against each other: what stands in the way in one round stands in the way.

    The first round is looked at whole; a later one only where a fact is not what it was in the first.
    """

    def judge(a: Facts, b: Facts, only: Collection[str] | None = None) -> Comparability:
        return compare_facts(a, b, subject=subject, against_baseline=against_baseline, arms=arms, only=only, rules=book)

    first, (a, b) = judge(baseline[0].facts, candidate[0].facts), (baseline[0].facts, candidate[0].facts)
    violations = {entry.path: entry for entry in first.violations}
    unknowns = {entry.path: entry for entry in first.unknowns}
    differences = {entry.path: entry for entry in first.subject_differences}
    equal = set(first.equal)
    for one, other in zip(baseline[1:], candidate[1:], strict=True):
        moved = {path for path in {*a, *one.facts} if a.get(path) != one.facts.get(path)}
        moved |= {path for path in {*b, *other.facts} if b.get(path) != other.facts.get(path)}
        if not moved:
            continue
        found = judge(one.facts, other.facts, None if moved & _CONTEXT else moved)
        for kept, entries in (
            (violations, found.violations),
            (unknowns, found.unknowns),
            (differences, found.subject_differences),
        ):
            for entry in entries:
                kept.setdefault(entry.path, replace(entry, why=f"in round {one.round}: {entry.why}"))
                equal.discard(entry.path)
        # A fact that is equal in each round, though another in each, was equal whenever the two met.
        equal -= moved - set(found.equal)
    return replace(
        first,
        grade=grade_of(violations.values(), unknowns.values(), book),
        violations=tuple(violations.values()),
        unknowns=tuple(unknowns.values()),
        subject_differences=tuple(differences.values()),
        equal=tuple(sorted(equal)),
    )


def constancy(runs: Sequence[RunResult], rules: Rules | None = None) -> tuple[Violation, ...]:
    """Facts of one arm that were not the same in all its rounds, though they must be; the first change of each.

    A fact that is known in one round and not in another may have changed: its severity is unknown-… by its rule.
    """
    book = rules or packaged_rules()
    found: dict[tuple[str, bool], Violation] = {}
    for run in runs[1:]:
        if run.facts == runs[0].facts:
            continue
        for path in sorted({*runs[0].facts} | {*run.facts}):
            a, b = runs[0].facts.get(path, _MISSING), run.facts.get(path, _MISSING)
            known = a.known and b.known
            if (path, known) in found or a == b or not (a.known or b.known):
                continue
            rule = book.rule(path)
            if not (rule.constant or rule.severity != "FREE") or (known and rule.same(a.value, b.value)):
                continue
            if path.startswith("design."):
                continue  # chosen anew in each round, alike for all that meet in it
            word = "changed" if known else "was known in one only of"
            found[path, known] = Violation(
                path=path,
                a=a.value if a.known else None,
                b=b.value if b.known else None,
                severity=("EQ" if rule.constant else rule.severity) if known else f"unknown-{rule.policy(paired=True)}",
                why=f"{run.arm}: it {word} between round {runs[0].round} and round {run.round}; {rule.why}"
                if known
                else f"{run.arm}: it {word} round {runs[0].round} and round {run.round}; unknown is never equal",
                fix="measure all rounds in one state of the machine and the mesh"
                if known
                else f"record `{path}` in every round",
                arm=run.arm,
                against=run.arm,
            )
    return tuple(found.values())


def error_violations(baseline: Sequence[RunResult], candidate: Sequence[RunResult]) -> tuple[Violation, ...]:
    """Error shares more than 0.1 percentage points apart: the arm that fails more answers only its easier requests.

    A handful of failures is not taken for a difference. Runs that were set aside do not count.
    """
    baseline, candidate = ([run for run in runs if set_aside(run) is None] for runs in (baseline, candidate))
    if not baseline or not candidate:
        return ()
    a, b = error_share(baseline), error_share(candidate)
    failures = [sum(run.counts.offered - run.counts.ok for run in runs) for runs in (baseline, candidate)]
    if not abs(a - b) > ERROR_TOLERANCE or abs(failures[0] - failures[1]) < _FEWEST_ERRORS:
        return ()
    return (
        Violation(
            path="errors.share",
            a=a,
            b=b,
            severity="CLOSE",
            why="response times of successful requests compare only where about as many succeed",
            fix="find the cause of the errors, or lower the offered rate until both arms answer all requests",
            arm=candidate[0].arm,
            against=baseline[0].arm,
        ),
    )


def fault_violations(runs: Sequence[RunResult]) -> tuple[Violation, ...]:
    """One for every run in which an arm failed requests or did not sustain the load: the rounds that it survived are
    a selection, and no figure made from them alone speaks for the arm.
    """
    found = []
    for run in runs:
        reason = arm_fault(run)
        if reason is None:
            continue
        missed = run.validity.state is ValidityState.NOT_SUSTAINED or any(
            guard.guard == "rate_shortfall" and guard.outcome == "invalid" for guard in run.guards
        )
        found.append(
            Violation(
                path="run.validity",
                a=ValidityState.VALID.value,
                b=ValidityState.INVALID.value if run.validity.ok else run.validity.state.value,
                severity="EQ",
                why=f"round {run.round}, {run.resident} (run {run.run_id}): {reason}; the rounds it survived do not "
                "speak for it",
                fix="lower the offered rate until the arm sustains it"
                if missed
                else "find out why it fails and mend it",
                arm=run.arm,
                against=run.arm,
            )
        )
    return tuple(found)


def together(pairs: Sequence[Comparability], subject: Sequence[str], rules: Rules | None = None) -> Comparability:
    """One statement on several pairs: the worst grade, every violation with its pair, what is equal in all of them."""
    equal = set(pairs[0].equal).intersection(*(pair.equal for pair in pairs)) if pairs else set()
    return Comparability(
        grade=max((pair.grade for pair in pairs), default="X", key=GRADES.index),
        subject=tuple(subject),
        violations=tuple(dict.fromkeys(v for pair in pairs for v in pair.violations)),
        unknowns=tuple(v for pair in pairs for v in pair.unknowns),
        subject_differences=tuple(v for pair in pairs for v in pair.subject_differences),
        equal=tuple(sorted(equal)),
        rules=(rules or packaged_rules()).label,
    )


def _unknown(
    path: str, rule: Rule, a: Fact, b: Fact, *, paired: bool, brought: bool, arms: tuple[str, str]
) -> Violation:
    """An unknown fact. Within the subject it need not be equal, so it blocks only where it says what the arm is."""
    policy = rule.policy(paired=paired)
    if brought and policy != "block":
        policy = "note"
    reason = "; ".join(
        f"{name or side}: {fact.unavailable or 'no value'}"
        for name, side, fact in zip(arms, ("first", "second"), (a, b), strict=True)
        if not fact.known
    )
    return Violation(
        path=path,
        a=a.value if a.known else None,
        b=b.value if b.known else None,
        severity=f"unknown-{policy}",
        why=f"unknown is never equal ({reason})",
        fix=f"record `{path}` in both arms"
        if paired
        else f"record `{path}` in both; where you know it to be the same, lay a rule over ours (`--rules`)",
        arm=arms[1],
        against=arms[0],
    )


def _violation(path: str, rule: Rule, a: FactValue, b: FactValue, severity: str, arms: tuple[str, str]) -> Violation:
    return Violation(path=path, a=a, b=b, severity=severity, why=rule.why, fix=rule.fix, arm=arms[1], against=arms[0])


def _not_applicable(path: str, baseline: Facts, candidate: Facts) -> bool:
    """A closed loop has no rate to know."""
    return path == "load.rate" and _value(baseline, "load.arrivals") == _value(candidate, "load.arrivals") == "closed"


def _value(facts: Facts, path: str) -> FactValue:
    return facts.get(path, _MISSING).value


def _worse(first: str, second: str) -> str:
    return max(first, second, key=GRADES.index)

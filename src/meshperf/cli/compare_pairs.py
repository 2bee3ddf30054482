"""Which arm meets which: sources paired by experiment, by load point and by arm, and judged.

What it decides: one experiment is judged as one, with its rounds paired; whatever came from elsewhere is held against
the first source, arm by arm and load point by load point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from meshperf import analysis
from meshperf.analysis import Comparison, PlannedEnd, Rules, Side, compare_sides, excluded_runs, in_order, shown_runs
from meshperf.cli.compare_sources import Source
from meshperf.cli.judged_bundle import JudgedCell
from meshperf.errors import UsageError
from meshperf.spec.experiment import Objective
from meshperf.spec.records import RunResult

__all__ = ["Settings", "Shown", "judge_sources"]

_ALPHA = 0.05
_POINT_FACTS = ("load.protocol", "load.arrivals", "load.rate", "load.connections", "load.stages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all pairs are judged by."""

    subject: tuple[str, ...]
    margins: Mapping[str, float]
    rules: Rules
    objectives: tuple[Objective, ...] | None = None
    """None: those that the experiment was judged by."""
    absolute_floors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A comparison with the runs it is about, under the names it has for them."""

    comparison: Comparison
    runs: tuple[RunResult, ...]


def judge_sources(sources: Sequence[Source], settings: Settings) -> list[Shown]:
    """Judge one source by itself, or every other one against the first.

    Raises:
        UsageError: MP1001, one source without anything to compare, or arms that cannot be matched.
        ComparisonError: MP4002, no run of a baseline.
    """
    first, *others = _merged(sources)
    if not others:
        return list(_of_one(first, settings))
    found = [each for other in others for each in _across(first, other, settings)]
    if len(found) < 2:
        return found
    return [
        Shown(comparison=replace(one.comparison, cell=f"pair-{number}"), runs=one.runs)
        for number, one in enumerate(found, start=1)
    ]


def _merged(sources: Sequence[Source]) -> list[Source]:
    """Sources of one experiment as one: its runs met in rounds, wherever they lie."""
    found: list[Source] = []
    for source in sources:
        same = next((one for one in found if _same_experiment(one, source)), None)
        if same is None:
            found.append(source)
            continue
        arms = [arm for arm in (same.arm, source.arm) if arm is not None]
        runs = {run.run_id: run for run in (*same.runs, *source.runs)}
        kept = tuple(runs.values())
        if arms:
            wanted = {*arms, *(same.baseline_of(arm) for arm in arms)}
            kept = tuple(run for run in kept if run.arm in wanted)
        found[found.index(same)] = replace(same, runs=kept, arm=None)
    return found


def _same_experiment(a: Source, b: Source) -> bool:
    return not (a.imported or b.imported) and bool(a.experiment_id) and a.experiment_id == b.experiment_id


def _of_one(source: Source, settings: Settings) -> Iterator[Shown]:
    """An experiment judged again by these rules; candidates that never shared a group by a ratio of ratios."""
    cells = source.cells or _cell_of_documents(source)
    judged = 0
    for cell in cells:
        runs = [run for run in source.runs if run.arm in cell.arms]
        if not any(run.arm == cell.baseline for run in runs):
            continue
        objectives = settings.objectives if settings.objectives is not None else cell.objectives
        for comparison in analysis.compare(
            runs,
            baseline=cell.baseline,
            subject=settings.subject,
            margins=settings.margins,
            absolute_floors=settings.absolute_floors,
            objectives=objectives,
            redone=_redone(cell, runs),
            cell=cell.name,
            rules=settings.rules,
            alpha=_level(cell),
        ):
            judged += 1
            comparison = replace(comparison, planned=_planned(cell))
            own = tuple(run for run in runs if run.load_point == comparison.load_point)
            yield Shown(comparison=comparison, runs=own)
        yield from _apart(source, cell, runs, settings)
    if not judged:
        raise UsageError(
            "MP1001",
            f"there is nothing in {source.reference} to compare",
            hint="name a second result, or an experiment with several arms",
        )


def _level(cell: JudgedCell) -> float:
    """That at which the experiment was judged: one that ended at an early look has no other."""
    return min((one.alpha for one in cell.comparisons), default=_ALPHA)


def _planned(cell: JudgedCell) -> PlannedEnd | None:
    return next((one.planned for one in cell.comparisons), None)


def _cell_of_documents(source: Source) -> tuple[JudgedCell, ...]:
    """Result documents of one experiment: the arm without a mesh is the baseline, or else the first one."""
    if len(source.arms) < 2:
        return ()
    bare = [
        run.arm
        for run in source.runs
        if (fact := run.facts.get("mesh.type")) is not None and fact.value == "none" and not _has_library(run)
    ]
    baseline = bare[0] if bare else source.arms[0]
    arms = (baseline, *(arm for arm in source.arms if arm != baseline))
    return (JudgedCell(name="", baseline=baseline, arms=arms, comparisons=()),)


def _has_library(run: RunResult) -> bool:
    fact = run.facts.get("client_library.functions")
    return fact is not None and fact.known and fact.value != "none"


def _redone(cell: JudgedCell, runs: Sequence[RunResult]) -> tuple[str, ...]:
    """Attempts that were made again: told by the experiment's own judgement, and not to be found among its runs."""
    own = set(excluded_runs(in_order(runs)))
    told = (line for comparison in cell.comparisons for line in comparison.rounds_excluded)
    return tuple(line for line in dict.fromkeys(told) if line not in own)


def _apart(source: Source, cell: JudgedCell, runs: Sequence[RunResult], settings: Settings) -> Iterator[Shown]:
    candidates = [arm for arm in cell.arms if arm != cell.baseline and any(run.arm == arm for run in runs)]
    groups = {arm: {(run.round, run.group) for run in runs if (run.arm, run.twin) == (arm, 0)} for arm in candidates}
    pairs = [pair for pair in combinations(candidates, 2) if not groups[pair[0]] & groups[pair[1]]]
    for number, (one, other) in enumerate(pairs, start=1):
        for point in sorted({run.load_point for run in runs}):
            sides = [
                Side(
                    label=arm,
                    arm=arm,
                    session=tuple(run for run in runs if run.load_point == point),
                    baseline=cell.baseline,
                    baseline_label=cell.baseline,
                )
                for arm in (one, other)
            ]
            if all(side.runs for side in sides):
                name = f"{cell.name + '-' if cell.name else ''}apart-{number}"
                yield _judged(sides[0], sides[1], settings, cell=name)


def _across(first: Source, second: Source, settings: Settings) -> Iterator[Shown]:
    for one, other in _arm_pairs(first, second):
        for point, counterpart in _point_pairs(first, second):
            if not (_has(first, one, point) and _has(second, other, counterpart)):
                continue
            a = first.side(one, point, settings.rules)
            b = second.side(other, counterpart, settings.rules)
            yield _judged(a, b, settings)


def _judged(first: Side, second: Side, settings: Settings, cell: str = "") -> Shown:
    comparison = compare_sides(
        first,
        second,
        subject=settings.subject,
        margins=settings.margins,
        absolute_floors=settings.absolute_floors,
        objectives=settings.objectives or (),
        rules=settings.rules,
        cell=cell,
    )
    point = comparison.load_point
    runs = (*shown_runs(first), *shown_runs(second))
    kept = {(run.run_id, run.arm): replace(run, load_point=point) for run in runs}
    return Shown(comparison=comparison, runs=tuple(kept.values()))


def _has(source: Source, arm: str, point: int) -> bool:
    return any(run.arm == arm and run.load_point == point for run in source.runs)


def _arm_pairs(first: Source, second: Source) -> list[tuple[str, str]]:
    """Arms of one name; else the only candidate of either; else every one of the first where the second has one."""
    a, b = first.candidates, second.candidates
    if first.arm is None and second.arm is None:
        common = [(arm, arm) for arm in a if arm in b]
        if common:
            return common
    if len(a) == 1 or len(b) == 1:
        return [(one, other) for one in a for other in b]
    raise UsageError(
        "MP1001",
        f"{first.name} and {second.name} have no arm of one name",
        hint=f"name the arms: {first.reference}#{a[0]} {second.reference}#{b[0]}",
    )


def _point_pairs(first: Source, second: Source) -> list[tuple[int, int]]:
    """Load points that offer the same, each once; in order where none does, so that the report can say what differs."""
    left = {point: _point(second, point) for point in second.points()}
    same: list[tuple[int, int]] = []
    for point in first.points():
        load = _point(first, point)
        counterpart = next((number for number, other in left.items() if other == load), None)
        if counterpart is not None:
            same.append((point, counterpart))
            del left[counterpart]
    return same or list(zip(first.points(), second.points(), strict=False))


def _point(source: Source, point: int) -> tuple[object, ...]:
    run = next(run for run in source.runs if run.load_point == point)
    facts = (run.facts.get(path) for path in _POINT_FACTS)
    return (run.offered_rps, *(None if fact is None else fact.value for fact in facts))

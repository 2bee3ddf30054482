"""How complete the record of a side is, and what it lacks: Full, Adequate or Bare.

What it decides: of our own runs, whether every fact that blocks or lowers a comparison is known; of another tool's
result the grade of its importer (`spec.completeness`). A bare record is never more than indicative.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshperf.analysis.rules import Rules, packaged_rules
from meshperf.spec.completeness import completeness, lacking
from meshperf.spec.imported import Completeness, Imported
from meshperf.spec.records import RunResult

__all__ = ["RecordGrade", "record_grade"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordGrade:
    """The grade of one side's records. `lacks`: facts or fields that keep it from being Full."""

    label: str
    grade: Completeness
    lacks: tuple[str, ...] = ()


def record_grade(
    label: str, run: RunResult, *, imported: Imported | None = None, rules: Rules | None = None
) -> RecordGrade:
    """The grade of a side by its first run; `imported`: what the run was made from."""
    if imported is not None:
        return RecordGrade(label=label, grade=completeness(imported), lacks=lacking(imported, Completeness.FULL))
    book = rules or packaged_rules()
    paths = sorted({*run.facts, *book.required})
    unknown = {path: book.rule(path).policy(paired=False) for path in paths if not _known(run, path)}
    blocking = tuple(path for path, policy in unknown.items() if policy == "block")
    flagged = tuple(path for path, policy in unknown.items() if policy == "flag")
    if not run.response.total and not blocking:
        flagged = (*flagged, "histogram")
    grade = Completeness.BARE if blocking else Completeness.ADEQUATE if flagged else Completeness.FULL
    return RecordGrade(label=label, grade=grade, lacks=(*blocking, *flagged))


def _known(run: RunResult, path: str) -> bool:
    fact = run.facts.get(path)
    if path == "load.rate" and run.offered_rps is None:
        return True  # a closed loop has no rate to know
    return fact is not None and fact.known

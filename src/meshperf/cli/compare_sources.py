"""What `meshperf compare` and `gate` were given: each reference read as a source with its arms and load points.

A reference is a bundle, a stored id, a result document or a file of another tool; `#ARM` behind it names one arm. A
file is read by its content, as `meshperf import` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf.analysis import MetricComparison, RecordGrade, Rules, Side, record_grade, run_of_imported
from meshperf.cli.judged_bundle import JudgedCell, judged_cells
from meshperf.cli.kept_imported import imported_documents
from meshperf.cli.kept_results import KeptExperiment, find
from meshperf.errors import DocumentError, UsageError
from meshperf.interchange.reading import read_file
from meshperf.spec.imported import Imported
from meshperf.spec.records import RunResult
from meshperf.spec.smp_imported import imported_from_document

__all__ = ["Source", "absolute_floors_of", "margins_of", "read_sources"]

_NOT_OURS = ("MP2201", "MP2303", "MP2002", "MP2001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One reference as it was read."""

    reference: str
    name: str
    """Short, unique among the sources."""
    arm: str | None
    """Named with `#`; None: all that it has."""
    runs: tuple[RunResult, ...]
    kept: KeptExperiment | None = None
    cells: tuple[JudgedCell, ...] = ()
    imported: tuple[Imported, ...] = ()

    @property
    def experiment_id(self) -> str:
        return self.runs[0].experiment_id

    @property
    def judged(self) -> bool:
        """Whether it is an experiment with arms and a baseline."""
        return bool(self.cells)

    def baseline_of(self, arm: str) -> str | None:
        """The baseline of the first cell that the arm belongs to."""
        return next((cell.baseline for cell in self.cells if arm in cell.arms), None)

    @property
    def arms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(run.arm for run in self.runs))

    @property
    def candidates(self) -> tuple[str, ...]:
        """The arm that was named; else all but baselines, or all where there is nothing else."""
        if self.arm is not None:
            return (self.arm,)
        own = tuple(arm for arm in self.arms if self.baseline_of(arm) != arm)
        return own or self.arms

    @property
    def subject(self) -> tuple[str, ...]:
        return self.cells[0].comparisons[0].subject if self.cells else ()

    def points(self) -> tuple[int, ...]:
        return tuple(sorted({run.load_point for run in self.runs}))

    def side(self, arm: str, point: int, rules: Rules | None) -> Side:
        """One arm at one load point, under its label."""
        session = tuple(run for run in self.runs if run.load_point == point)
        baseline = self.baseline_of(arm)
        first = next(run for run in session if run.arm == arm)
        return Side(
            label=self.label(arm),
            arm=arm,
            session=session,
            baseline=baseline,
            baseline_label=self.label(baseline) if baseline else "",
            grade=self.record(first, rules).grade,
        )

    def record(self, run: RunResult, rules: Rules | None) -> RecordGrade:
        """How complete the record of that run's arm is."""
        imported = self.imported[0] if self.imported else None
        return record_grade(self.label(run.arm), run, imported=imported, rules=rules)

    def label(self, arm: str) -> str:
        """The arm's name in a comparison of sources: `envoy@monday`; a result of another tool goes by its file."""
        return f"{arm}@{self.name}" if self.judged or len(self.arms) > 1 else self.name


def read_sources(references: Sequence[str]) -> tuple[Source, ...]:
    """Read every reference.

    Raises:
        DocumentError: a path that cannot be read, or is no result of any known form.
        UsageError: MP1001, an arm that is not there or nothing to compare; MP1004, no such id.
        StorageError: MP5404, the store cannot be opened.
    """
    found: list[Source] = []
    taken: dict[str, int] = {}
    for reference in references:
        bare, arm = _split(reference)
        short = Path(bare).name or bare
        short = (short.removesuffix(".zip") or bare).replace("#", "-")
        taken[short] = taken.get(short, 0) + 1
        name = short if taken[short] == 1 else f"{short} ({taken[short]})"
        found.append(_read(reference, bare, arm, name))
    return tuple(found)


def _split(reference: str) -> tuple[str, str | None]:
    """The reference without `#ARM`, and the arm; a path that exists is taken as it is."""
    if Path(reference).exists() or "#" not in reference:
        return reference, None
    bare, _, arm = reference.rpartition("#")
    return bare, arm or None


def _read(reference: str, bare: str, arm: str | None, name: str) -> Source:
    documents = imported_documents(bare)
    if documents:
        records = [imported_from_document(one) for one in documents]
        return _of_imported(reference, records, arm, name)
    try:
        kept = find(bare)
    except DocumentError as ours:
        if not Path(bare).is_file() or ours.code not in _NOT_OURS or bare.endswith(".zip"):
            raise
        return _of_imported(reference, list(read_file(bare)), arm, name)
    if not kept.runs:
        raise UsageError("MP1001", f"{bare} holds no run ({kept.state})", hint="name a finished experiment or a result")
    cells = judged_cells(kept) if kept.comparisons else ()
    source = Source(reference=reference, name=name, arm=arm, runs=kept.runs, kept=kept, cells=cells)
    if arm is not None and arm not in source.arms:
        raise UsageError("MP1001", f"{bare} has no arm {arm!r}", hint=f"it has: {', '.join(source.arms)}")
    return source


def _of_imported(reference: str, records: Sequence[Imported], arm: str | None, name: str) -> Source:
    """Several results of one file are taken as repetitions."""
    if arm is not None:
        raise UsageError("MP1001", f"{name} is a result of another tool, which has no arms", hint="leave `#…` out")
    runs = tuple(run_of_imported(one, arm=name, number=number) for number, one in enumerate(records))
    return Source(reference=reference, name=name, arm=None, runs=runs, imported=tuple(records))


def margins_of(source: Source, default: Mapping[str, float]) -> dict[str, float]:
    """The margins that an experiment was judged by, over the default ones."""
    told = {metric.metric: metric.margin for metric in _metrics(source) if metric.margin is not None}
    return {**default, **told}


def absolute_floors_of(source: Source) -> dict[str, float]:
    """The absolute floors that an experiment was judged by."""
    return {one.metric: one.absolute_floor for one in _metrics(source) if one.absolute_floor is not None}


def _metrics(source: Source) -> Iterator[MetricComparison]:
    for cell in source.cells:
        for comparison in cell.comparisons:
            yield from comparison.metrics

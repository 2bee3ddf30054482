"""An experiment that was judged, for the verbs that go on from its judgement: its cells, arms and objectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from meshperf.analysis import Comparison, comparison_from_document
from meshperf.cli.kept_results import KeptExperiment, find
from meshperf.errors import UsageError
from meshperf.spec.experiment import Objective
from meshperf.spec.objectives import parse_objective

__all__ = ["JudgedCell", "judged_cells", "judged_experiment", "write_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCell:
    """One cell of an experiment (the whole, where it has no matrix) with the comparisons of its load points."""

    name: str
    baseline: str
    arms: tuple[str, ...]
    """Baseline first."""
    comparisons: tuple[Comparison, ...]

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives that were tried, each once."""
        texts = dict.fromkeys(each.objective for one in self.comparisons for each in one.objectives)
        return tuple(parse_objective(text) for text in texts)


def judged_experiment(reference: str) -> KeptExperiment:
    """What `ID|BUNDLE` names, with its comparisons.

    Raises:
        UsageError: MP1001, it holds no comparison; MP1004, no such id.
        DocumentError, StorageError: as `kept_results.find`.
    """
    kept = find(reference)
    if not kept.comparisons:
        raise UsageError(
            "MP1001",
            f"{kept.name} holds no judged experiment ({kept.state})",
            hint="this verb needs arms that were compared: a bundle of `meshperf run`, or its id in `meshperf list`",
        )
    return kept


def judged_cells(kept: KeptExperiment) -> tuple[JudgedCell, ...]:
    """Every cell, in order."""
    cells: dict[str, list[Comparison]] = {}
    for document in kept.comparisons:
        comparison = comparison_from_document(document)
        cells.setdefault(comparison.cell, []).append(comparison)
    found = []
    for name, comparisons in cells.items():
        baseline = comparisons[0].baseline
        arms = dict.fromkeys([baseline, *(arm.arm for one in comparisons for arm in one.arms)])
        found.append(JudgedCell(name=name, baseline=baseline, arms=tuple(arms), comparisons=tuple(comparisons)))
    return tuple(found)


def write_report(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write a report's files. Returns the main one.

    Raises:
        UsageError: MP1001, the folder is a bundle.
        StorageError: MP5401 or MP5402, a file cannot be written.
    """
    from meshperf.cli.outside_bundles import refuse_bundle
    from meshperf.report.files import place

    refuse_bundle(folder)
    first, *_ = [place(folder / name, content) for name, content in files.items()]
    return first

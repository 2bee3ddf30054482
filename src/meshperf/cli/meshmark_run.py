"""The phases of `meshperf meshmark`: find the experiments, their capacities, score, compare, show."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import click

from meshperf.analysis import CLASSES, MarkContrast, MeshMark, Weights, compare_marks, mark, objective_rate
from meshperf.cli.judged_bundle import JudgedCell, judged_cells, judged_experiment, write_report
from meshperf.cli.output import page
from meshperf.errors import ComparisonError, ExitCode, UsageError
from meshperf.report.meshmark import assemble_meshmark, meshmark_document, show_meshmark
from meshperf.spec.records import RunResult
from meshperf.units import parse_fraction

__all__ = ["run_meshmark"]


def run_meshmark(
    references: Sequence[str],
    *,
    capacities: Sequence[str],
    weights: Sequence[str],
    out: Path | None,
    as_json: bool,
) -> int:
    """Score the arms and show it. Returns exit code 4 where no arm has a score.

    Raises:
        UsageError: MP1001, no judged experiment, or an option that cannot be understood.
    """
    given, chosen = _capacities(capacities), _weights(weights)
    marks: list[tuple[int, MeshMark]] = []
    names = []
    for number, reference in enumerate(references):
        kept = judged_experiment(reference)
        names.append(kept.name)
        for cell in judged_cells(kept):
            runs = [run for run in kept.runs if run.arm in cell.arms]
            prefix = f"{kept.name}: " if len(references) > 1 else ""
            marks += [(number, replace(each, arm=f"{prefix}{each.arm}")) for each in _marks(cell, runs, given, chosen)]
    contrasts, told = _contrasts(marks)
    name = ", ".join(dict.fromkeys(names))
    options = [part for each in capacities for part in ("--capacity", each)]
    options += [part for each in weights for part in ("--weight", each)]
    command = shlex.join(["meshperf", "meshmark", *references, *options])
    found = [each for _, each in marks]
    for line in told:
        click.echo(line, err=True)
    if out is not None:
        files = assemble_meshmark(name, found, contrasts, command=command)
        click.echo(f"the report is {write_report(files, out)}", err=True)
    if as_json:
        click.echo(json.dumps(meshmark_document(name, found, contrasts, command), indent=1, allow_nan=False))
    else:
        with page() as to_show:
            show_meshmark(name, found, contrasts, to_show)
    return ExitCode.OK if any(each.value is not None for each in found) else ExitCode.NOT_COMPARABLE


def _marks(cell: JudgedCell, runs: Sequence[RunResult], given: Mapping[str, float], weights: Weights) -> list[MeshMark]:
    capacity = {}
    for arm in cell.arms:
        tried = objective_rate(arm, runs, cell.objectives)
        if arm in given:
            capacity[arm] = given[arm]
        elif tried is not None and tried.low_rps is not None and tried.high_rps is not None:
            capacity[arm] = tried.low_rps
    found = []
    for arm in cell.arms[1:]:
        grades = [
            pair.grade
            for one in cell.comparisons
            for pair in one.pairs
            if {pair.arm, pair.against} == {arm, cell.baseline}
        ]
        found.append(
            mark(
                runs,
                arm=arm,
                baseline=cell.baseline,
                capacity_rps=capacity,
                weights=weights,
                grade=max(grades or [one.comparability.grade for one in cell.comparisons]),
                pilot=any(one.pilot for one in cell.comparisons),
            )
        )
    return found


def _contrasts(marks: Sequence[tuple[int, MeshMark]]) -> tuple[list[MarkContrast], list[str]]:
    """All pairs of scores that may be compared, and why others may not."""
    found, told = [], []
    for (first, a), (second, b) in combinations([each for each in marks if each[1].value is not None], 2):
        try:
            found.append(compare_marks(a, b, paired=first == second))
        except ComparisonError as refusal:
            told.append(refusal.message)
    return found, told


def _capacities(texts: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        arm, _, number = text.rpartition("=")
        try:
            rate = float(number)
        except ValueError:
            rate = math.nan
        if not arm or not math.isfinite(rate) or rate <= 0:
            raise UsageError("MP1001", f"not a capacity: {text!r}", hint="write --capacity envoy=2000, in requests/s")
        found[arm] = rate
    return found


def _weights(texts: Sequence[str]) -> Weights:
    classes: dict[str, float] = {}
    single: dict[str, float] = {}
    for text in texts:
        name, _, share = text.rpartition("=")
        try:
            (classes if name in CLASSES else single)[name] = parse_fraction(share)
        except ValueError:
            raise UsageError("MP1001", f"not a weight: {text!r}", hint="write --weight latency=+50%") from None
    try:
        return Weights(classes=classes, efficiencies=single)
    except ValueError as problem:
        raise UsageError("MP1001", str(problem), hint="write --weight latency=+50%") from None

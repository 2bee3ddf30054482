"""The report of a MeshMark-R: never the score alone, always the vector, the weights and what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from meshperf.analysis.documents import plain
from meshperf.analysis.meshmark import CLASSES, NAME
from meshperf.analysis.meshmark_contrast import MarkContrast
from meshperf.analysis.meshmark_score import MeshMark
from meshperf.analysis.records import Estimate
from meshperf.report import console as terminal
from meshperf.report import wording
from meshperf.report.pages import pages
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, Tone, cells

__all__ = ["assemble_meshmark", "meshmark_document", "sections", "show_meshmark"]

_EXPLAINED = {
    "cpu": "CPU time per successful request",
    "resident": "private memory",
    "wire": "bytes sent and received per request",
    "p50": "p50 response time",
    "p99": "p99 response time",
    "p99.9": "p99.9 response time",
    "rate": "highest rate that holds the objectives",
    "success": "share of requests that succeed",
}


def sections(
    marks: Sequence[MeshMark], contrasts: Sequence[MarkContrast] = (), *, command: str = ""
) -> tuple[Section, ...]:
    """All sections, in order."""
    made = [
        Section(
            key="score",
            title=NAME,
            sentences=(
                "100 means: costs nothing against its baseline. Never read it without the vector below.",
                *(_sentence(each) for each in contrasts),
            ),
            points=tuple(
                f"{wording.clean(each.arm)} has no score: {wording.clean('; '.join(each.refused))}."
                for each in marks
                if each.refused
            ),
            exhibits=(Exhibit(table=_scores(marks)),),
        )
    ]
    for number, each in enumerate(marks):
        made.append(
            Section(
                key=f"vector-{number}",
                title=f"The vector of {wording.clean(each.arm)}",
                points=tuple(f"left out, {wording.clean(why)}" for why in each.missing),
                exhibits=(Exhibit(table=_vector(each)),),
            )
        )
    scored = [each for each in marks if each.value is not None]
    if scored:
        made.append(
            Section(
                key="weights",
                title="What the weights do",
                sentences=tuple(_range(each) for each in scored),
                exhibits=(Exhibit(table=_sensitivity(scored)),),
            )
        )
    if command:
        made.append(Section(key="about", title="How it was reckoned", verbatim=(("Command", command),)))
    return tuple(made)


def show_meshmark(name: str, marks: Sequence[MeshMark], contrasts: Sequence[MarkContrast], console: Console) -> None:
    """Print the tables."""
    terminal.show_sections(wording.clean(name), sections(marks, contrasts), console)


def meshmark_document(
    name: str, marks: Sequence[MeshMark], contrasts: Sequence[MarkContrast], command: str
) -> dict[str, Any]:
    """The report as JSON types; the rounds' scores as a list."""
    shown = []
    for each in marks:
        document = plain(each)
        document["logs"] = [
            {"round": number, "group": group, "score": math.exp(value)} for (number, group), value in each.logs.items()
        ]
        shown.append(document)
    return {
        "kind": "meshperf-meshmark", "version": 1, "experiment": name, "command": command, "marks": shown,
        "contrasts": [plain(each) for each in contrasts],
    }  # fmt: skip


def assemble_meshmark(
    name: str, marks: Sequence[MeshMark], contrasts: Sequence[MarkContrast], *, command: str
) -> dict[str, bytes]:
    """Every file of the report, by relative path."""
    return pages(
        name,
        sections(marks, contrasts, command=command),
        data=meshmark_document(name, marks, contrasts, command),
        about=NAME,
        charts=tuple,
    )


def _scores(marks: Sequence[MeshMark]) -> Table:
    shown = [name for name in CLASSES if any(name in each.classes for each in marks)]
    rows = [
        cells(
            wording.clean(each.arm),
            _score(each.value),
            *(_percent(each.classes.get(name)) for name in shown),
            "none" if each.arithmetic is None else f"{each.arithmetic:.0f}",
            wording.count(each.rounds),
        )
        for each in marks
    ]
    titles = ("arm", "score", *shown, "arithmetic form", "rounds")
    note = (
        f"Against {wording.listing(list(dict.fromkeys(each.against for each in marks)))}. Classes: geometric mean over "
        "cells, 1 is as the baseline. The arithmetic form is the shape that the MeshMark page prints, over the same "
        "efficiencies and divided by the sum of weights; it ranks differently from machine to machine and is not "
        f"{NAME}."
    )
    return _table("Scores", titles, rows, note)


def _vector(mark: MeshMark) -> Table:
    rows = []
    for cell in (*mark.cells_rps, None):
        where = "whole" if cell is None else f"{wording.count(mark.cells_rps[cell])}/s"
        for term in mark.terms:
            if term.cell == cell:
                free = term.raw.value >= 1
                rows.append(
                    cells(
                        where,
                        f"{term.class_name}: {_EXPLAINED[term.name]}",
                        Cell(text=f"{term.raw.value:.3f}", detail=wording.interval(term.raw)),
                        Cell(text=f"{term.counted:.3f}", tone=Tone.SAME if free else Tone.PLAIN),
                    )
                )
        if cell is not None and cell in mark.headroom:
            rows.append(cells(where, "headroom of the machine, never scored", f"{mark.headroom[cell]:.3f}", "no"))
    cells_told = ", ".join(f"{name} {wording.count(rate)}/s" for name, rate in sorted(mark.capacity_rps.items()))
    note = (
        "Baseline by mesh for a cost, mesh by baseline for a benefit; more than 1 counts as 1. "
        f"Capacities: {wording.clean(cells_told) or 'not known'}."
    )
    return _table("Efficiencies", ("cell", "quantity", "raw", "counts as"), rows, note)


def _sensitivity(marks: Sequence[MeshMark]) -> Table:
    names = [name for name in CLASSES if any(name in each.sensitivity for each in marks)]
    rows = [
        cells(
            name,
            *(
                " to ".join(f"{end:.1f}" for end in each.sensitivity[name]) if name in each.sensitivity else ""
                for each in marks
            ),
        )
        for name in names
    ]
    titles = ("class", *(wording.clean(each.arm) for each in marks))
    return _table("Score with the weight of one class at −50 % and at +50 %", titles, rows, "")


def _range(mark: MeshMark) -> str:
    chosen = {**mark.weights.classes, **mark.weights.efficiencies}
    told = ", ".join(f"{name} {wording.share(value, sign=True)}" for name, value in chosen.items() if value)
    return (
        f"{wording.clean(mark.arm)}: weights as chosen ({told or 'all equal'}) give {mark.value.value:.0f}; "
        if mark.value is not None
        else ""
    ) + f"all weights from −50 % to +50 % give {mark.range_low or 0:.0f} to {mark.range_high or 0:.0f}."


def _sentence(of: MarkContrast) -> str:
    ratio = f"{wording.estimate(of.ratio)}, {wording.interval(of.ratio)}"
    if not of.better:
        return f"{wording.clean(of.arm)} and {wording.clean(of.against)} are not distinguishable ({ratio})."
    other = of.against if of.better == of.arm else of.arm
    always = "for all admissible weights" if of.for_all_weights else "but not for all admissible weights"
    direct = "" if of.paired else "; measured in different sessions"
    return f"{wording.clean(of.better)} scores higher than {wording.clean(other)}, {always} ({ratio}{direct})."


def _score(of: Estimate | None) -> Cell:
    if of is None:
        return Cell(text="no score", tone=Tone.NONE)
    return Cell(text=f"{of.value:.0f}", detail=f"{of.low:.0f} to {of.high:.0f}")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _table(caption: str, titles: Sequence[str], rows: Sequence[tuple[Cell, ...]], note: str) -> Table:
    words = ("arm", "cell", "quantity", "class")
    columns = tuple(Column(title=title, figures=title not in words) for title in titles)
    return Table(caption=caption, columns=columns, rows=tuple(rows), note=note)

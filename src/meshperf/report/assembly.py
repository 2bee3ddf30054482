"""All files of a report as bytes, by relative path: what is written, without the writing."""

from __future__ import annotations

from collections.abc import Sequence

from meshperf.analysis.records import Comparison
from meshperf.report import charts as drawing
from meshperf.report import context, data, efficiency, matrix, naming, sections, wording
from meshperf.report import ladder as price_list
from meshperf.report.charts.drawing import Drawing
from meshperf.report.charts.matrix import matrix_chart
from meshperf.report.headline import headline
from meshperf.report.html import Part, html
from meshperf.report.markdown import markdown
from meshperf.spec.records import Facts, RunResult

__all__ = ["assemble"]


def assemble(
    comparisons: Sequence[Comparison],
    runs: Sequence[RunResult],
    *,
    experiment_text: str,
    command: str,
    facts: Facts,
    charts: bool | None = None,
) -> dict[str, bytes]:
    """Make every file of the report; see `meshperf.report.write` for the arguments.

    Raises:
        PrerequisiteError: MP3004, `charts` is True and their libraries are missing.
        ValueError: no comparison was given.
    """
    if not comparisons:
        raise ValueError("a report needs at least one comparison")
    if charts:
        drawing.require()
    drawn = drawing.available() if charts is None else charts
    missing = drawing.MISSING if charts is None and not drawn else ""
    note = " ".join(filter(None, (missing, naming.footnote(runs))))
    shown_runs = [naming.labelled_run(run) for run in runs]
    several = len(comparisons) > 1
    orders = price_list.orders_in(experiment_text)
    ladders = [price_list.ladder_of(comparison, runs, orders) for comparison in comparisons]
    shown_comparisons = list(map(naming.labelled, comparisons))
    pairs = matrix.pair_classes(shown_comparisons)
    grid = matrix_chart(pairs) if drawn else None
    parts: list[Part] = []
    files: dict[str, bytes] = {}
    told: list[tuple[str, str]] = []
    for comparison, ladder in zip(shown_comparisons, ladders, strict=True):
        own = context.own_runs(comparison, shown_runs)
        cell = f"{comparison.cell}-" if comparison.cell else ""
        prefix = f"load{comparison.load_point + 1}-{cell}" if several else ""
        drawings = drawing.charts(comparison, own, prefix=prefix, ladder=ladder) if drawn else ()
        drawings += (grid,) if grid is not None and not several else ()
        for each in drawings:
            files |= _pictures(each)
        heading = context.heading(comparison, own) if several else None
        told.append((heading or "", headline(comparison, alone=not several)))
        shown = sections.of_load_point(
            comparison,
            own,
            *(() if ladder is None else (price_list.section(ladder, runs),)),
            in_short="" if several else told[-1][1],
            pairs=() if several else pairs,
        )
        parts.append(
            Part(heading=heading, prefix=prefix, sections=shown, drawings={each.name: each for each in drawings})
        )
    studies = efficiency.studies_of(comparisons, runs)
    if several:
        power = [sentence for study in studies for sentence in efficiency.power_of(study, comparisons, runs)]
        top = (sections.in_short(told, power), *((matrix.section(pairs),) if pairs else ()))
        if grid is not None:
            files |= _pictures(grid)
        parts.insert(0, Part(heading=None, prefix="", sections=top, drawings={"matrix": grid} if grid else {}))
    for number, study in enumerate(studies, start=1):
        prefix = f"efficiency-{number}-" if several else ""
        drawings = efficiency.drawings(study, runs, prefix=prefix) if drawn else ()
        for each in drawings:
            files |= _pictures(each)
        own_section = (efficiency.section(study, comparisons, runs),)
        parts.append(
            Part(heading=None, prefix=prefix, sections=own_section, drawings={each.name: each for each in drawings})
        )
    priced = [(of.cell, ladder) for of, ladder in zip(comparisons, ladders, strict=True) if ladder is not None]
    if priced:
        files["price-list.csv"] = price_list.ladder_csv(priced).encode("utf-8", "replace")
    carried = ("data.json", "data.csv", *(["price-list.csv"] if priced else []))
    rest = sections.circumstances(facts, experiment_text=experiment_text, command=command, files=carried)
    heading = "About this experiment" if several else None
    parts.append(Part(heading=heading, prefix="about-" if several else "", sections=rest, drawings={}))

    document = data.as_json(
        data.document(
            comparisons,
            runs,
            facts=facts,
            command=command,
            experiment_text=experiment_text,
            ladders=[ladder for _, ladder in priced],
            efficiency=[efficiency.as_plain(study) for study in studies],
        )
    )
    title = wording.clean(comparisons[0].experiment) or "unnamed experiment"
    pictures = {
        f"{number}/{name}": f"charts/{each.file}.svg"
        for number, part in enumerate(parts)
        for name, each in part.drawings.items()
    }
    table = data.as_csv(comparisons)
    text = markdown(title, [(part.heading, part.sections) for part in parts], charts=pictures, note=note)
    return {
        "report.html": html(title, parts, note=note, data=document, table=table).encode("utf-8", "replace"),
        "report.md": text.encode("utf-8", "replace"),
        "data.json": (document + "\n").encode("utf-8", "replace"),
        "data.csv": table.encode("utf-8", "replace"),
        **files,
    }


def _pictures(of: Drawing) -> dict[str, bytes]:
    return {f"charts/{of.file}.svg": of.svg.encode(), f"charts/{of.file}.png": of.png()}

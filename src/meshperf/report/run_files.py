"""All files of the report of single runs as bytes, by relative path: what is written, without the writing."""

from __future__ import annotations

from collections.abc import Sequence

from meshperf.report import charts as drawing
from meshperf.report import context, data, naming, single
from meshperf.report.html import Part, html
from meshperf.report.markdown import markdown
from meshperf.report.tables import Exhibit, Section
from meshperf.spec.records import Facts, RunResult

__all__ = ["assemble_runs"]


def assemble_runs(
    runs: Sequence[RunResult], *, command: str, experiment_text: str = "", charts: bool | None = None
) -> dict[str, bytes]:
    """Make every file of a report of runs that have nothing to be compared with.

    Args:
        runs: at least one, in the order they are shown in.
        command: what a reader types to measure again; may be empty.
        charts: as for `meshperf.report.write`.

    Raises:
        PrerequisiteError: MP3004, `charts` is True and their libraries are missing.
        ValueError: no run was given.
    """
    if not runs:
        raise ValueError("a report needs at least one run")
    if charts:
        drawing.require()
    drawn = drawing.available() if charts is None else charts
    missing = drawing.MISSING if charts is None and not drawn else ""
    note = " ".join(filter(None, (missing, naming.footnote(runs))))
    several = len(runs) > 1
    parts, files = [], {}
    for number, run in enumerate(map(naming.labelled_run, runs), start=1):
        prefix = f"run{number}-" if several else ""
        drawings = drawing.run_charts(run, prefix=prefix) if drawn else ()
        for each in drawings:
            files[f"charts/{each.file}.svg"] = each.svg.encode()
            files[f"charts/{each.file}.png"] = each.png()
        heading = f"Run {number}: {single.title(run)}" if several else None
        shown = single.of_run(run)
        parts.append(
            Part(heading=heading, prefix=prefix, sections=shown, drawings={each.name: each for each in drawings})
        )
    rest = _circumstances(runs[0].facts, command=command, experiment_text=experiment_text)
    parts.append(
        Part(
            heading="About these runs" if several else None,
            prefix="about-" if several else "",
            sections=rest,
            drawings={},
        )
    )
    document = data.as_json(
        data.document([], runs, facts=runs[0].facts, command=command, experiment_text=experiment_text)
    )
    title = single.title(runs[0]) if not several else runs[0].experiment
    pictures = {
        f"{number}/{name}": f"charts/{each.file}.svg"
        for number, part in enumerate(parts)
        for name, each in part.drawings.items()
    }
    text = markdown(title, [(part.heading, part.sections) for part in parts], charts=pictures, note=note)
    table = data.series_csv(runs)
    page = html(title, parts, note=note, data=document, table=table, about="what was measured")
    return {
        "report.html": page.encode("utf-8", "replace"),
        "report.md": text.encode("utf-8", "replace"),
        "data.json": (document + "\n").encode("utf-8", "replace"),
        "data.csv": table.encode("utf-8", "replace"),
        **files,
    }


def _circumstances(facts: Facts, *, command: str, experiment_text: str) -> tuple[Section, ...]:
    others = {path: fact for path, fact in facts.items() if path not in single.load_facts(facts)}
    known = sum(fact.known for fact in others.values())
    table = context.facts(others, caption="Facts of the environment")
    verbatim = tuple((name, text) for name, text in (("Command", command), ("Experiment", experiment_text)) if text)
    return (
        Section(
            key="environment",
            title="Environment",
            sentences=(f"{known} of {len(others)} facts are known; each of the others says why it is not.",)
            if others
            else ("No facts of the environment were recorded.",),
            exhibits=(Exhibit(table=table),) if table.rows else (),
        ),
        Section(
            key="repeat",
            title="Data, and how to repeat it",
            sentences=("The data of this report: data.json and data.csv; report.html carries both inside.",),
            verbatim=verbatim,
        ),
    )

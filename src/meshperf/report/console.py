"""The verdict on a terminal: comparability before any number, then verdicts, use, noise, objectives, warnings.

Works at 80 columns, piped and without colour: words carry every meaning, colour only repeats it. Names come from
outside, so they are printed as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from meshperf.analysis.records import Comparison
from meshperf.report import behind, context, naming, prose, single, usage, verdicts, wording
from meshperf.report.headline import headline
from meshperf.report.planned import planned_sentences
from meshperf.report.tables import Cell, Column, Section, Table, Tone
from meshperf.spec.records import RunResult

__all__ = ["show", "show_run"]

_STYLES = {
    Tone.PLAIN: "",
    Tone.GOOD: "bold green",
    Tone.BAD: "bold red",
    Tone.SAME: "bold cyan",
    Tone.OPEN: "bold yellow",
    Tone.NONE: "bold magenta",
}
_KEPT_WHOLE = 14
"""Cells up to this long are not broken in a narrow window; the first column gives way instead."""
_LEAST_FIRST = 8
_ROWS_OVER_TIME = 20
_WIDE = 118
"""From this many columns on, an interval stands beside its figure instead of below it."""


def show(comparison: Comparison, console: Console) -> None:
    """Print one comparison to `console` (its width, colour and NO_COLOR decide the looks, never the words)."""
    comparison = naming.labelled(comparison)
    _line(console, f"{wording.clean(comparison.experiment)}, {context.place(comparison)}", style="bold")
    _line(console, prose.comparability(comparison.comparability), hanging="  ")
    subject = wording.listing(list(comparison.subject)) if comparison.subject else "not declared"
    excluded = f", {len(comparison.rounds_excluded)} excluded" if comparison.rounds_excluded else ""
    _line(
        console,
        f"Subject: {subject}. Baseline: {wording.clean(comparison.baseline)}. Rounds: {comparison.rounds}{excluded}.",
        hanging="  ",
    )
    for sentence in planned_sentences(comparison):
        _line(console, sentence, hanging="  ")
    obstacles = context.obstacles(comparison)
    if obstacles.rows:
        _heading(console, obstacles.caption)
        for row in obstacles.rows:
            path, a, b, finding, why, fix = (cell.text for cell in row)
            mend = f" To mend it: {fix}." if fix else ""
            _line(console, f"- {path}: {finding} ({a} / {b}; {why or 'no reason given'}).{mend}", hanging="  ")
    for table in (
        *verdicts.verdicts(comparison),
        behind.spread(comparison, alone=True),
        usage.overview(comparison),
        verdicts.noise_floors(comparison),
        verdicts.objectives(comparison),
    ):
        if table.rows:
            _grid(console, table)
    if comparison.warnings:
        _heading(console, "Warnings")
        for warning, text in zip(comparison.warnings, prose.warnings(comparison.warnings), strict=True):
            _line(console, f"- {warning.kind.value}: {text}", hanging="  ")
    _heading(console, "The answer")
    for sentence in prose.answer(comparison):
        _line(console, f"- {sentence}", hanging="  ")
    _heading(console, "In plain words")
    _line(console, headline(comparison))


def show_run(run: RunResult, console: Console, *, only: Collection[str] = ()) -> None:
    """Print one run that stands by itself: its sections in order, the answer last. `only`: these sections' keys."""
    run = naming.labelled_run(run)
    if not only:
        _line(console, single.title(run), style="bold")
    first, *rest = single.of_run(run, rows=_ROWS_OVER_TIME)
    for section in (*sorted(rest, key=lambda section: section.key == "kind"), first):
        if only and section.key not in only:
            continue
        _heading(console, section.title)
        for text in (*section.sentences, *(f"- {point}" for point in section.points)):
            _line(console, text, hanging="  ")
        for exhibit in section.exhibits:
            if not exhibit.folded:
                _grid(console, exhibit.table)


def show_sections(title: str, sections: Sequence[Section], console: Console) -> None:
    """Print sections that were made elsewhere, without what is only kept (commands, files)."""
    _line(console, title, style="bold")
    for section in sections:
        if not (section.sentences or section.points or section.exhibits) or section.verbatim:
            continue
        _heading(console, section.title)
        for text in (*section.sentences, *(f"- {point}" for point in section.points)):
            _line(console, text, hanging="  ")
        for exhibit in section.exhibits:
            if not exhibit.folded:
                _grid(console, exhibit.table)


def _heading(console: Console, text: str) -> None:
    console.print()
    _line(console, text, style="bold")


def _line(console: Console, text: str, *, style: str = "", hanging: str = "") -> None:
    """Print text wrapped to the width, later lines indented by `hanging`."""
    wrapped = Text(wording.plain(text)).wrap(console, max(20, console.width - len(hanging)))
    for number, line in enumerate(wrapped):
        line.rstrip()
        prefix = Text(hanging if number else "")
        line.stylize(style)
        console.print(prefix + line, soft_wrap=True, highlight=False)


def _grid(console: Console, table: Table) -> None:
    _heading(console, table.caption)
    wide = console.width >= _WIDE
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1 if wide else 0), show_edge=False, pad_edge=False, header_style="")
    widths = _widths(table, console.width, wide=wide)
    for column, width in zip(table.columns, widths, strict=True):
        title = Text(wording.plain(column.title))
        grid.add_column(title, justify="right" if column.figures else "left", overflow="fold", width=width)
    for row in table.rows:
        grid.add_row(*(_cell(cell, column, wide=wide) for cell, column in zip(row, table.columns, strict=True)))
    console.print(grid, highlight=False)
    if table.note:
        _line(console, table.note, style="dim")


def _widths(table: Table, room: int, *, wide: bool) -> list[int | None]:
    """Widths for a narrow window: figures stay whole, the first column gives way. None: left to rich."""
    natural, kept = [], []
    for place, column in enumerate(table.columns):
        title = wording.plain(column.title)
        lines = [line for row in table.rows for line in _cell(row[place], column, wide=wide).plain.split("\n")]
        lengths = [len(line) for line in lines]
        natural.append(max([len(title), *lengths]))
        whole = max((n for n in lengths if n <= _KEPT_WHOLE), default=_KEPT_WHOLE)
        kept.append(max(whole, *(len(word) for word in title.split())))
    dividers = len(table.columns) - 1
    first = room - sum(kept[1:]) - dividers
    if wide or sum(natural) + dividers <= room or first < _LEAST_FIRST:
        return [None] * len(natural)
    return [first, *kept[1:]]


def _cell(cell: Cell, column: Column, *, wide: bool) -> Text:
    text = Text(wording.plain(cell.text), style=_STYLES[cell.tone])
    if cell.detail and (wide or not column.aside):
        detail = wording.plain(cell.detail)
        text.append(f" ({detail})" if wide else f"\n{detail}", style="dim")
    return text

"""The report as Markdown: the same sections and tables as the page, charts as linked pictures.

Everything that Markdown or HTML could read as markup is escaped, because names and facts come from outside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from meshperf.report import wording
from meshperf.report.tables import Cell, Exhibit, Section, Table

__all__ = ["escape", "markdown"]

_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
_FENCE = re.compile(r"`{3,}")


def markdown(
    title: str, parts: Sequence[tuple[str | None, Sequence[Section]]], *, charts: Mapping[str, str], note: str
) -> str:
    """Write the report.

    Args:
        title: the experiment's name.
        parts: groups of sections; a group has a heading of its own, or None.
        charts: relative path of each drawn chart, by `<group number>/<chart>`.
        note: said below the title, such as why there are no charts; may be empty.
    """
    lines = [f"# {escape(title)}", ""]
    if note:
        lines += [f"> {escape(note)}", ""]
    for number, (heading, sections) in enumerate(parts):
        if heading:
            lines += [f"## {escape(heading)}", ""]
        for section in sections:
            lines += _section(section, "###" if heading else "##", number, charts)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    safe = _SPECIAL.sub(r"\\\1", wording.plain(text))
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(section: Section, hashes: str, number: int, charts: Mapping[str, str]) -> list[str]:
    lines = [f"{hashes} {escape(section.title)}", ""]
    for sentence in section.sentences:
        lines += [escape(sentence), ""]
    lines += [f"- {escape(point)}" for point in section.points] + [""]
    for exhibit in section.exhibits:
        lines += _exhibit(exhibit, charts.get(f"{number}/{exhibit.chart}"))
    for title, text in section.verbatim:
        longest = max((len(run) for run in _FENCE.findall(text)), default=2)
        fence = "`" * max(3, longest + 1)
        lines += [f"{escape(title)}:", "", fence, text.rstrip("\n"), fence, ""]
    return lines


def _exhibit(exhibit: Exhibit, chart: str | None) -> list[str]:
    lines = [f"![{escape(exhibit.table.caption)}]({chart})", ""] if chart else []
    return lines + _table(exhibit.table)


def _table(table: Table) -> list[str]:
    lines = [f"**{escape(table.caption)}**", ""]
    lines.append(_row([escape(column.title) for column in table.columns]))
    lines.append(_row(["---:" if column.figures else "---" for column in table.columns]))
    lines += [_row([_cell(cell) for cell in row]) for row in table.rows]
    if table.note:
        lines += ["", escape(table.note)]
    return [*lines, ""]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    return f"{escape(cell.text)} ({escape(cell.detail)})" if cell.detail else escape(cell.text)

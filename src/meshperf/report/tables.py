"""What a report consists of, before it is drawn: tables, exhibits and sections.

The terminal, Markdown and HTML are three renderings of the same records, so that no two reports of one comparison can
say different things.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Cell", "Column", "Exhibit", "Section", "Table", "Tone", "cells"]


class Tone(StrEnum):
    """What a cell means, for colour beside its words; colour never carries it alone."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    SAME = "same"
    OPEN = "open"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: its text, and a detail that belongs to it (an interval)."""

    text: str
    detail: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading; figures are set to the right."""

    title: str
    figures: bool = False
    aside: bool = False
    """Its details are left out where there is little room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A captioned table. The first cell of each row names the row."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of the table `{self.caption}` does not fit its columns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A table, drawn as the chart of that name where charts are to be had."""

    table: Table
    chart: str | None = None
    folded: bool = False
    """Shown on demand: long evidence rather than an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a report: sentences, points, exhibits, and text to be kept as it is."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    verbatim: tuple[tuple[str, str], ...] = ()
    """Title and text: a command, a file."""


def cells(*texts: str | Cell) -> tuple[Cell, ...]:
    """A row from texts and ready cells."""
    return tuple(text if isinstance(text, Cell) else Cell(text=text) for text in texts)

"""A file of any size, line by line in batches: at most a few mebibytes of it are in memory at a time.

Why batches: a reader that needs one line in ten picks them from a list at the speed of C, and parses only those.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from meshperf.errors import DocumentError, Location
from meshperf.interchange.format import Incoming
from meshperf.interchange.numbers import plain_number

__all__ = ["LONGEST_LINE", "Row", "Table", "column_name", "line_batches"]

_BATCH = 4 * 2**20
LONGEST_LINE = 64 * 2**20
"""Bytes; a response body inside a line makes it long, nothing makes it longer."""
_LONGEST_CELL = 2**20
_BOM = b"\xef\xbb\xbf"
_UNITS = re.compile(r"[^a-z0-9%#/.]+")


def line_batches(incoming: Incoming) -> Iterator[tuple[int, list[bytes], bool]]:
    """Batches of lines without their ends: the number of the first, counted from 1, the lines, and whether they end.

    A last line that has no end is a batch of its own, with False: it may be cut off.

    Raises:
        DocumentError: MP2404, a line longer than `LONGEST_LINE`; MP2402, null characters: the file is not text.
    """
    number, rest = 1, b""
    with incoming.stream() as stream:
        first = True
        while piece := stream.read(_BATCH):
            if first:
                piece, first = piece.removeprefix(_BOM), False
            if b"\x00" in piece:
                line = number + (rest + piece).count(b"\n", 0, len(rest) + piece.index(b"\x00"))
                raise _wrong(incoming, "MP2402", "the file is not text", line)
            whole, end, tail = piece.rpartition(b"\n")
            if not end:
                rest += piece
                if len(rest) > LONGEST_LINE:
                    raise _wrong(incoming, "MP2404", f"a line is longer than {LONGEST_LINE / 2**20:g} MiB", number)
                continue
            lines = (rest + whole).split(b"\n")
            yield number, lines, True
            number, rest = number + len(lines), tail
    if rest:
        yield number, [rest], False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its cells by column name."""

    incoming: Incoming
    number: int
    cells: Mapping[str, str]

    def number_of(self, column: str) -> float | None:
        """A number that is not negative; None for an empty cell or no such column. Raises MP2402, MP2403."""
        text = self.cells.get(column, "").strip()
        if text in ("", "N/A", "null"):
            return None
        try:
            value = plain_number(text)
        except ValueError:
            raise self.broken(f"`{column}` must be a number, found {text[:40]!r}") from None
        if not 0 <= value < float("inf"):
            raise self.contradicts(f"`{column}` cannot be {text[:40]}")
        return value

    def need(self, column: str) -> float:
        """As `number_of`, but it must be there."""
        value = self.number_of(column)
        if value is None:
            raise self.broken(f"`{column}` is empty")
        return value

    def count_of(self, column: str) -> int | None:
        """A whole number that is not negative."""
        value = self.number_of(column)
        if value is not None and (value != int(value) or value > 1e18):
            raise self.broken(f"`{column}` must be a whole number, found {value:g}")
        return None if value is None else int(value)

    def broken(self, what: str) -> DocumentError:
        """MP2402: the row cannot be understood."""
        return _wrong(self.incoming, "MP2402", what, self.number)

    def contradicts(self, what: str) -> DocumentError:
        """MP2403: what the row says cannot be."""
        return _wrong(self.incoming, "MP2403", what, self.number)


def column_name(text: str) -> str:
    """A heading as it is compared: without case, quotes and runs of anything but letters and digits."""
    return _UNITS.sub(" ", text.strip().strip('"').lower()).strip()


class Table:
    """A table of separated values with headings in its first line, read row by row.

    Cells may be quoted and hold line ends. A row with another number of cells than headings is refused, except the
    last of a file that was cut off: `cut_at` is then its line.
    """

    def __init__(self, incoming: Incoming, delimiter: str = ",", *, needed: Collection[str] = ()) -> None:
        """`needed`: columns without which the table is not what it was taken for."""
        self._incoming = incoming
        self._needed = needed
        self._delimiter = delimiter
        self.cut_at: int | None = None

    def rows(self) -> Iterator[Row]:
        """The rows below the headings, by `column_name`. Raises DocumentError MP2402, MP2404."""
        csv.field_size_limit(_LONGEST_CELL)
        lines = _Lines(self._incoming)
        reader = csv.reader(lines, delimiter=self._delimiter)
        names: list[str] | None = None
        begin = 1
        try:
            for cells in reader:
                if not cells or cells == [""]:
                    pass
                elif names is None:
                    names = [column_name(cell) for cell in cells]
                    missing = [name for name in self._needed if name not in names]
                    if missing:
                        raise _wrong(self._incoming, "MP2402", f"the column `{missing[0]}` is missing", begin)
                elif len(cells) == len(names):
                    yield Row(self._incoming, begin, dict(zip(names, cells, strict=True)))
                elif lines.unfinished:
                    self.cut_at = begin
                else:
                    what = f"the row has {len(cells)} cells, there are {len(names)} headings"
                    raise _wrong(self._incoming, "MP2402", what, begin)
                begin = reader.line_num + 1
        except csv.Error as problem:
            raise _wrong(self._incoming, "MP2402", f"not a table: {problem}", begin) from None


class _Lines:
    """The lines of a file as text, for `csv`; knows whether the last one it gave had no end."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._lines = self._text()
        self.unfinished = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        return next(self._lines)

    def _text(self) -> Iterator[str]:
        for first, lines, ended in line_batches(self._incoming):
            self.unfinished = not ended
            for number, line in enumerate(lines, start=first):
                try:
                    text = line.decode()
                except UnicodeDecodeError:
                    raise _wrong(self._incoming, "MP2402", "the line is not UTF-8 text", number) from None
                yield text.rstrip("\r") + "\n"


def _wrong(incoming: Incoming, code: str, what: str, line: int) -> DocumentError:
    return DocumentError(code, what, location=Location(path=incoming.path, line=line))

"""CSV: one result a row, a header, RFC 4180 quotes; an empty field is unknown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime

from meshperf.interchange.export.columns import COLUMNS, Cell, row_of
from meshperf.interchange.export.form import ExportForm, PartialWriter, Writer
from meshperf.interchange.export.outgoing import Outgoing
from meshperf.interchange.export.parts import Part

__all__ = ["IN_A_TABLE", "WRITERS"]

IN_A_TABLE = frozenset(
    {
        Part.BOUNDS, Part.ORIGIN, Part.LOOP, Part.KINDS_OF_FAILURE, Part.CENSORED, Part.SERVICE_TIMES, Part.VALIDITY,
        Part.NOTES, Part.MESH,
    }
)  # fmt: skip
"""What the columns of `columns` hold beside counts, rates and percentiles."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Csv(PartialWriter):
    form = ExportForm(
        name="csv", title="CSV, one result a row, units in the names of the columns", suffix=".csv", carries=IN_A_TABLE
    )

    def write(self, results: Sequence[Outgoing], *, lossy: bool = False) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(column.name for column in COLUMNS)
        for result in results:
            writer.writerow(_field(cell) for cell in row_of(result).values())
        return out.getvalue().encode("utf-8", "replace")


def _field(cell: Cell) -> str | int | float:
    """A cell as it is written; text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    return cell


WRITERS: tuple[Writer, ...] = (_Csv(),)

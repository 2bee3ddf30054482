"""Results of other tools for people: one line each, with bounds; then what must be known of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from meshperf.interchange.format import Form
from meshperf.spec.completeness import completeness
from meshperf.spec.imported import Imported
from meshperf.units import Unit, format_quantity

__all__ = ["ImportTable", "forms_text", "imported_text", "table_text"]

_HEADINGS = ("FILE", "TOOL", "RATE", "P50", "P99", "ERRORS", "GRADE", "NOTES")
_NOTES_OF = 12
"""Up to how many results the notes are written out; beyond, the table names their kinds."""
_WIDE = 100


class ImportTable:
    """The results so far; keeps the cells and not the records."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, ...]] = []
        self._notes: list[str] = []

    def add(self, record: Imported) -> None:
        self._rows.append(_cells(record))
        if len(self._rows) <= _NOTES_OF:
            self._notes += [_shown(f"{_file(record)}: {note.text}") for note in record.notes]

    def text(self) -> str:
        """The table, and the notes of a few results."""
        lines = [table_text([_HEADINGS, *self._rows])]
        if len(self._rows) <= _NOTES_OF and self._notes:
            lines += ["", *(textwrap.fill(f"note: {note}", _WIDE, subsequent_indent="  ") for note in self._notes)]
        return "\n".join(lines)


def imported_text(record: Imported) -> str:
    """One result in full."""
    rows = [
        ("tool", f"{record.source.tool} {record.source.tool_version or '(version not known)'}, {record.source.form}"),
        ("source", f"{_file(record)}, sha256 {record.source.digest or 'not known'}"),
        ("mesh", record.mesh or "not known"),
        ("start", "not known" if record.start_time is None else record.start_time.isoformat()),
        ("loop, latency from", f"{record.loop.value}, {record.latency_origin.value}"),
        ("offered rate", _rate(record.offered_rps)),
        ("achieved rate", _rate(record.achieved_rps)),
        ("connections", "not known" if record.connections is None else str(record.connections)),
        ("requests", "not known" if record.requests is None else str(record.requests)),
        ("errors", _errors(record)),
        ("latencies are of", record.latency_of.value),
        ("mean", "not known" if record.mean_s is None else format_quantity(record.mean_s, Unit.SECONDS)),
        *((f"p{one.q * 100:g}", _quantile(record, one.q)) for one in record.quantiles if _usual(one.q)),
        ("grade", completeness(record).value),
    ]
    lines = [table_text([(name, _shown(text)) for name, text in rows])]
    return "\n".join([*lines, *(_shown(f"note: {note.text}") for note in record.notes)])


def table_text(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as their longest cell, never cut: what is piped on must be whole."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def forms_text(forms: Sequence[Form]) -> str:
    """Every form, with what is known of it."""
    parts = []
    for one in forms:
        facts = (
            ("unit in the file", one.latency_unit),
            ("latency counts from", one.latency_origin),
            ("loop", one.loop),
            ("errors", one.errors),
            ("bounds of a quantile", one.resolution),
        )
        told = [textwrap.fill(f"{name}: {text}", _WIDE, initial_indent="  ", subsequent_indent="    ")
                for name, text in facts]  # fmt: skip
        parts.append("\n".join([f"{one.name}  {one.title}", *told]))
    return "\n".join(parts)


def _cells(record: Imported) -> tuple[str, ...]:
    version = f" {record.source.tool_version}" if record.source.tool_version else ""
    kinds = ", ".join(dict.fromkeys(note.kind.value for note in record.notes))
    cells = (
        _file(record),
        f"{record.source.tool}{version}",
        _rate(record.achieved_rps),
        _quantile(record, 0.5),
        _quantile(record, 0.99),
        _errors(record),
        completeness(record).value,
        kinds or "none",
    )
    return tuple(_shown(cell) for cell in cells)


def _usual(q: float) -> bool:
    return q in (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


def _file(record: Imported) -> str:
    name = record.source.file or "standard input"
    return f"{name} {record.source.place}" if record.source.place else name


def _rate(rps: float | None) -> str:
    return "not known" if rps is None else f"{rps:.6g}/s"


def _errors(record: Imported) -> str:
    if record.errors is None:
        return "not known"
    of = "" if record.requests is None else f" of {record.requests}"
    return f"{record.errors}{of}"


def _quantile(record: Imported, q: float) -> str:
    if record.ok == 0 and record.errors:
        return "all failed"
    found = next((one for one in record.quantiles if one.q == q), None)
    if found is None:
        return "not known"
    value, low, high = (format_quantity(x, Unit.SECONDS) for x in (found.value_s, found.low_s, found.high_s))
    return value if low == high == value else f"{value} [{low}, {high}]"


def _shown(text: str) -> str:
    """Names come from files: no control characters."""
    return "".join(char if char.isprintable() else "?" for char in text)

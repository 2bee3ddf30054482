"""What a benchmark found: figures held against what was asked for, and everything behind them as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Finding", "Outcome", "bounded", "failed", "show_findings", "show_notes", "show_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure and what was asked of it."""

    what: str
    figure: str
    """With its unit, as it is printed."""
    value: float | None = None
    limit: str = ""
    met: bool | None = None
    """None: nothing was asked, or it could not be measured (the figure says why)."""
    test: int | None = None
    """Number of the acceptance test that it belongs to."""
    note: str = ""
    """Why there is no figure, or what else it takes to understand it."""

    @property
    def verdict(self) -> str:
        unknown = "not measured" if self.limit else "-"
        return {True: "met", False: "missed", None: unknown}[self.met]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one benchmark."""

    findings: tuple[Finding, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    """Both sides of every comparison, run by run."""
    tools: dict[str, str] = field(default_factory=dict)
    """Name to version of every tool that took part."""

    def document(self) -> dict[str, Any]:
        return {
            "findings": [{**asdict(finding), "verdict": finding.verdict} for finding in self.findings],
            "data": self.data,
            "tools": self.tools,
        }


def bounded(
    what: str,
    value: float | None,
    limit: float,
    *,
    unit: str = "",
    test: int | None = None,
    digits: int = 3,
    note: str = "",
) -> Finding:
    """A figure that may be at most `limit`; None: it could not be measured."""
    if value is None:
        return Finding(what=what, figure="-", limit=f"<= {limit:g}{unit}", test=test, note=note)
    return Finding(
        what=what,
        figure=f"{value:.{digits}f}{unit}",
        value=value,
        limit=f"<= {limit:g}{unit}",
        met=value <= limit,
        test=test,
        note=note,
    )


def failed(what: str, reason: object, *, test: int | None = None) -> Finding:
    """A benchmark that gave nothing."""
    return Finding(what=what, figure="-", limit="runs", test=test, note=str(reason))


def show_table(rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """Columns as wide as they need; the first `left` are left-aligned, the others right-aligned."""
    width = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width[column]) if column < left else cell.rjust(width[column]) for column, cell in enumerate(row)
        ]
        print("  ".join(cells).rstrip(), flush=True)


def show_findings(findings: Sequence[Finding]) -> None:
    """The table, and below it what does not fit into it."""
    show_table(
        [("", "figure", "limit", ""), *((found.what, found.figure, found.limit, found.verdict) for found in findings)]
    )
    show_notes(findings)


def show_notes(findings: Sequence[Finding]) -> None:
    for found in findings:
        if found.note:
            print(f"  {found.what}: {found.note}", flush=True)

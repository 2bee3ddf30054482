"""Tables of what was used: CPU time per request and memory, component by component.

The generator is not part of any arm: it stands apart and is in no sum. A/A twins are left out here; their figures
are in the data.
"""

from __future__ import annotations

import math

from meshperf.analysis.records import ArmSummary, Comparison, ComponentCost, Estimate
from meshperf.report import wording
from meshperf.report.tables import Cell, Column, Table, cells
from meshperf.units import Unit

__all__ = ["GENERATOR", "cpu", "memory", "overview", "parts"]

GENERATOR = "generator"


def parts(arm: ArmSummary) -> list[ComponentCost]:
    """An arm's components, application first, then what the mesh adds, the generator last."""
    order = {"app": 0, "sidecar": 1, "control-plane": 2, "node": 3, GENERATOR: 9}
    return sorted(arm.components, key=lambda part: (order.get(part.role, 5), part.component))


def cpu(comparison: Comparison) -> Table:
    """CPU time per counted request of every component of every arm."""
    columns = ("component", "role", "CPU per request", "interval")
    rows: list[tuple[Cell, ...]] = []
    for arm in _arms(comparison):
        for part in parts(arm):
            rows.append(_row(arm, part, part.cpu_s_per_request, Unit.CPU_SECONDS_PER_REQUEST))
        rows.extend(_sum(arm, [part.cpu_s_per_request.value for part in _own(arm)], Unit.CPU_SECONDS_PER_REQUEST))
    return _table("CPU time per request by component", columns, rows)


def memory(comparison: Comparison) -> Table:
    """Private memory of every component at the end of a round; the proportional share (PSS) beside it, not judged."""
    columns = ("component", "role", "private memory", "interval", "PSS, not judged")
    rows: list[tuple[Cell, ...]] = []
    for arm in _arms(comparison):
        for part in parts(arm):
            pss = Cell(text=wording.quantity(part.pss_bytes, Unit.BYTES))
            rows.append((*_row(arm, part, part.private_bytes, Unit.BYTES), pss))
        rows.extend((*row, Cell(text="")) for row in _sum(arm, [p.private_bytes.value for p in _own(arm)], Unit.BYTES))
    return _table("Memory by component at the end of a round", columns, rows)


def overview(comparison: Comparison) -> Table:
    """CPU time and memory in one narrow table, for the terminal."""
    rows: list[tuple[Cell, ...]] = []
    for arm in _arms(comparison):
        for part in parts(arm):
            name, role, figure, bounds = _row(arm, part, part.cpu_s_per_request, Unit.CPU_SECONDS_PER_REQUEST)
            use = Cell(text=figure.text, detail=bounds.text)
            rows.append((name, role, use, Cell(text=wording.quantity(part.private_bytes.value, Unit.BYTES))))
        sums = zip(
            _sum(arm, [part.cpu_s_per_request.value for part in _own(arm)], Unit.CPU_SECONDS_PER_REQUEST),
            _sum(arm, [part.private_bytes.value for part in _own(arm)], Unit.BYTES),
            strict=True,
        )
        rows.extend((*cpu_row[:3], memory_row[2]) for cpu_row, memory_row in sums)
    columns = (
        Column(title="component"),
        Column(title="role"),
        Column(title="CPU per request", figures=True, aside=True),
        Column(title="private memory", figures=True),
    )
    return Table(caption="CPU time per request and memory by component", columns=columns, rows=tuple(rows))


def _arms(comparison: Comparison) -> list[ArmSummary]:
    return [arm for arm in comparison.arms if arm.resident == arm.arm]


def _own(arm: ArmSummary) -> list[ComponentCost]:
    return [part for part in arm.components if part.role != GENERATOR]


def _row(arm: ArmSummary, part: ComponentCost, figure: Estimate, unit: Unit) -> tuple[Cell, ...]:
    return cells(
        f"{wording.clean(arm.resident)}: {wording.clean(part.component)}",
        f"{part.role}, apart" if part.role == GENERATOR else wording.clean(part.role),
        wording.quantity(figure.value, unit),
        wording.interval(figure),
    )


def _sum(arm: ArmSummary, values: list[float], unit: Unit) -> list[tuple[Cell, ...]]:
    """The arm's sum without the generator; unknown as soon as one part is."""
    if not values:
        return []
    total = math.fsum(values) if all(map(math.isfinite, values)) else math.nan
    return [cells(f"{wording.clean(arm.resident)}: sum", "without generator", wording.quantity(total, unit), "")]


def _table(caption: str, columns: tuple[str, ...], rows: list[tuple[Cell, ...]]) -> Table:
    titles = tuple(Column(title=title, figures=title not in ("component", "role")) for title in columns)
    return Table(caption=caption, columns=titles, rows=tuple(rows))

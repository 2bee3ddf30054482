"""Tables of what a request takes beside CPU time of processes: bytes on the wire, the whole machine's CPU, energy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from meshperf.analysis.efficiency_study import EfficiencyStudy
from meshperf.analysis.energy import ArmEnergy
from meshperf.analysis.records import Estimate
from meshperf.report import wording
from meshperf.report.tables import Cell, Column, Table, cells
from meshperf.units import Unit

__all__ = ["energy_rows", "energy_table", "node_table", "wire_table"]

Named = Callable[[str], str]

ENERGY_NOTE = (
    "An estimate from the processors' own counters over a stretch in which this arm alone was under load. What the "
    "machine takes at rest is in it; networks, disks, fans and power supplies are not."
)


def wire_table(study: EfficiencyStudy, named: Named) -> Table:
    """Bytes a request at every place that counts them."""
    several = len({one.load_point for one in study.wire}) > 1
    rows = [
        cells(
            *([f"{one.load_point + 1}"] if several else []),
            named(one.arm),
            wording.clean(one.place),
            _bytes(one.towards),
            _bytes(one.back),
            Cell(text=_bytes(one.total), detail=wording.clean(one.unavailable)),
            "" if one.added is None else Cell(text=_bytes(one.added, sign=True), detail=_byte_bounds(one.added)),
        )
        for one in study.wire
    ]
    heads = ("arm", "counted at", "requests", "replies", "sum", "added to baseline")
    columns = tuple(
        Column(title=head, figures=head not in ("arm", "counted at"))
        for head in (*(["load point"] if several else []), *heads)
    )
    note = (
        "Bytes a request. Generator and services: what their sockets carried (heads, bodies, TLS records). Interface: "
        "whole frames at the service's pod, acknowledgements too; only pods have one. Each place is another hop: they "
        "are never summed."
    )
    return Table(caption="Bytes on the wire", columns=columns, rows=tuple(rows), note=note)


def node_table(study: EfficiencyStudy, named: Named) -> Table:
    """The machine's CPU beside each arm."""
    several = len({one.load_point for one in study.node}) > 1
    rows = [
        cells(
            *([f"{one.load_point + 1}"] if several else []),
            named(one.arm),
            f"{one.rate_rps:.4g}/s" if math.isfinite(one.rate_rps) else "",
            Cell(text=wording.UNKNOWN, detail=wording.clean(one.unavailable)) if one.node is None else _cores(one.node),
            _cores(one.beyond),
            _cores(one.added_node, sign=True, bounds=True),
            _cores(one.added_beyond, sign=True, bounds=True),
        )
        for one in study.node
    ]
    heads = ("arm", "successful", "whole machine", "of it nobody's", "added: machine", "added: nobody's")
    columns = tuple(
        Column(title=head, figures=head != "arm") for head in (*(["load point"] if several else []), *heads)
    )
    note = (
        "Cores, in the continuous control stretch of each arm. Nobody's: charged to no process of the experiment "
        "(interrupts, kernel threads, strangers). Added: to the baseline of the same round; an interval needs "
        "`control: every-round`."
    )
    return Table(caption="CPU of the whole machine", columns=columns, rows=tuple(rows), note=note)


def energy_table(study: EfficiencyStudy, named: Named) -> Table:
    """Joules for a million requests."""
    return energy_rows(study.energy, named)


def energy_rows(energies: Sequence[ArmEnergy], named: Named) -> Table:
    """The same from the records alone."""
    several = len({one.load_point for one in energies}) > 1
    rows = [
        cells(
            *([f"{one.load_point + 1}"] if several else []),
            named(one.arm),
            f"{one.rate_rps:.4g}/s",
            Cell(text=wording.quantity(one.used.value, Unit.JOULES), detail=wording.interval(one.used)),
            "" if one.added is None else Cell(text=wording.added(one.added), detail=wording.interval(one.added)),
        )
        for one in energies
    ]
    heads = ("arm", "successful", "whole machine", "added to baseline")
    columns = tuple(
        Column(title=head, figures=head != "arm") for head in (*(["load point"] if several else []), *heads)
    )
    return Table(
        caption="Energy of a million successful requests (estimated)",
        columns=columns,
        rows=tuple(rows),
        note=ENERGY_NOTE,
    )


def _bytes(of: Estimate | None, *, sign: bool = False) -> str:
    """Whole bytes: a header of 40 bytes is not 0.0391 KiB."""
    if of is None or not math.isfinite(of.value):
        return wording.UNKNOWN
    mark = "−" if of.value < 0 else "+" if sign else ""
    return f"{mark}{_whole(abs(of.value))}\u00a0B"


def _byte_bounds(of: Estimate) -> str:
    if not math.isfinite(of.low):
        return "no interval"
    return " to ".join(("−" if each < 0 else "") + _whole(abs(each)) for each in (of.low, of.high))


def _whole(size: float) -> str:
    return wording.count(size) if size >= 100 else f"{size:.1f}".removesuffix(".0")


def _cores(of: Estimate | None, *, sign: bool = False, bounds: bool = False) -> Cell:
    if of is None:
        return Cell(text="")
    return Cell(text=wording.quantity(of.value, Unit.CORES, sign=sign), detail=wording.interval(of) if bounds else "")

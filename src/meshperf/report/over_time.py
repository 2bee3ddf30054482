"""Response times over the time of an experiment: each round cut into stretches, each arm against its own usual figure.

What it decides: how long a stretch is, and which quantile it is read at. Slices are merged until a stretch holds enough
requests that ten lie beyond the quantile: p90 where that leaves a few stretches in a round, p50 otherwise.

Why this way: an arm's figure over its own median makes arms of any speed comparable at a glance, and a stretch in which
all arms turn slow is the machine's doing, not an arm's. The figures are those of the merged histograms, no averages.

What it refuses: a verdict, and runs without slices, which have a chart over time of their own.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.histograms import merge
from meshperf.report import wording
from meshperf.report.quantiles import REMAIN
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, cells
from meshperf.spec.records import RunResult, SliceRecord
from meshperf.units import Unit

__all__ = ["Stretch", "section", "stretches"]

_QUANTILES = (("p90", 0.9), ("p50", 0.5))
_MOST, _FEWEST = 16, 3
"""Stretches of a round, all of its groups together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of one arm's time in a round.

    `begin`, `end`: shares of the round, in [0, 1]; the groups of resident arms follow one another in it.
    """

    arm: str
    round: int
    begin: float
    end: float
    quantile: str
    seconds: float
    by_median: float
    """By the median of all stretches of the arm."""


def stretches(runs: Sequence[RunResult]) -> tuple[Stretch, ...]:
    """All stretches of the valid runs that have slices; twins apart. Empty where there are too few requests."""
    own = [run for run in runs if run.twin == 0 and run.validity.ok and run.slices]
    if not own:
        return ()
    groups = sorted({run.group for run in own})
    for name, quantile in _QUANTILES:
        needed = math.ceil(REMAIN / (1 - quantile))
        enough = min(min(len(run.slices), run.response.total // needed) for run in own)
        parts = min(max(1, _MOST // len(groups)), enough)
        if parts * len(groups) >= _FEWEST:
            return _cut(own, groups, parts, name, quantile)
    return ()


def section(found: Sequence[Stretch]) -> Section:
    """The section: what the colours mean, the picture, and the spread of each arm's round as a table."""
    name = found[0].quantile
    return Section(
        key="time",
        title="Over time",
        sentences=(
            f"Each round is cut into stretches; a cell is the {name} of one arm in one of them, against the median of "
            "all of its own. A stretch in which every arm turns slow is the machine's doing.",
        ),
        exhibits=(Exhibit(table=_table(found), chart="time"),),
    )


def _cut(
    runs: Sequence[RunResult], groups: Sequence[int], parts: int, name: str, quantile: float
) -> tuple[Stretch, ...]:
    raw: list[tuple[RunResult, float, float]] = []
    for run in runs:
        begin, end = min(piece.begin_s for piece in run.slices), max(piece.end_s for piece in run.slices)
        length = (end - begin) / parts
        pieces: list[list[SliceRecord]] = [[] for _ in range(parts)]
        for piece in run.slices:
            pieces[min(parts - 1, int((piece.begin_s - begin) / length)) if length > 0 else 0].append(piece)
        for place, inside in enumerate(pieces):
            histogram = merge(piece.response for piece in inside)
            if histogram.total * (1 - quantile) >= REMAIN / 2:  # stretches are of one length, not of one count
                raw.append((run, place / parts, float(histogram.quantile(quantile))))
    usual = {
        arm: statistics.median(value for run, _, value in raw if run.arm == arm)
        for arm in {run.arm for run, _, _ in raw}
    }
    return tuple(
        Stretch(
            arm=run.arm,
            round=run.round,
            begin=(groups.index(run.group) + place) / len(groups),
            end=(groups.index(run.group) + place + 1 / parts) / len(groups),
            quantile=name,
            seconds=value,
            by_median=value / usual[run.arm],
        )
        for run, place, value in raw
        if usual[run.arm] > 0
    )


def _table(found: Sequence[Stretch]) -> Table:
    rows = []
    for arm, number in dict.fromkeys((each.arm, each.round) for each in found):
        own = [each for each in found if (each.arm, each.round) == (arm, number)]
        worst = max(own, key=lambda each: each.seconds)
        rows.append(
            cells(
                f"{wording.clean(arm)}, round {number}",
                str(len(own)),
                wording.quantity(statistics.median(each.seconds for each in own), Unit.SECONDS),
                wording.quantity(min(each.seconds for each in own), Unit.SECONDS),
                Cell(text=wording.quantity(worst.seconds, Unit.SECONDS), detail=wording.ratio(worst.by_median)),
                f"{wording.share(worst.begin)} to {wording.share(worst.end)} of the round",
            )
        )
    name = found[0].quantile
    words = ("arm and round", "where the greatest")
    heads = ("arm and round", "stretches", f"median {name}", f"least {name}", f"greatest {name}", "where the greatest")
    return Table(
        caption=f"{name} of the response times over time",
        columns=tuple(Column(title=head, figures=head not in words) for head in heads),
        rows=tuple(rows),
        note="Below the greatest: its ratio to the median of all stretches of the arm.",
    )

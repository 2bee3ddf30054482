"""Which load points of an experiment belong to one curve: those that differ in rate only, or in concurrency only.

What it decides: load points with equal facts of the load, but for the rate (open loop) or the requests in flight
(closed loop), are one family. How long each was measured may differ too: it changes how well a point is known, not
which load it is.

What it refuses: load points whose rate changes while they are measured, closed loops that think between two requests
(their concurrency is not what is in service), and a family of a single load point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.spec.records import FactValue, RunResult

__all__ = ["CONCURRENCY", "RATE", "LoadFamily", "load_families", "main_ladder"]

RATE = "rate"
CONCURRENCY = "concurrency"

_FREE = frozenset({"load.rate", "load.duration_s", "load.warmup_s"})
_CONCURRENT = frozenset({"load.in_flight", "load.connections", "load.max_connections", "load.streams"})
_SEEN = frozenset({"load.peer_max_streams", "load.generator_wait", "load.workers", "load.connection_model"})
"""What was found out while measuring, or follows from the others."""
_NAMED = ("load.protocol", "load.connections", "load.arrivals")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFamily:
    """Load points that form one curve, by rising `values`."""

    kind: str
    """`rate` or `concurrency`."""
    points: tuple[int, ...]
    """Indexes of load points."""
    values: tuple[float, ...]
    """Offered rate [1/s] or requests in flight, each once."""
    label: str
    """What they share, for people: `http1, 16 connections, poisson`."""


def load_families(runs: Sequence[RunResult]) -> tuple[LoadFamily, ...]:
    """All families of two or more load points, in the order of their first one."""
    first: dict[int, RunResult] = {}
    for run in runs:
        first.setdefault(run.load_point, run)
    groups: dict[tuple[str, tuple[tuple[str, FactValue], ...]], dict[float, int]] = {}
    for point, run in sorted(first.items()):
        place = _place(run)
        if place is not None:
            kind, value = place
            groups.setdefault((kind, _shared(run, kind)), {}).setdefault(value, point)
    families = []
    for (kind, _), points in groups.items():
        if len(points) > 1:
            values = tuple(sorted(points))
            families.append(
                LoadFamily(
                    kind=kind,
                    points=tuple(points[value] for value in values),
                    values=values,
                    label=_label(first[points[values[0]]], kind),
                )
            )
    return tuple(families)


def main_ladder(runs: Sequence[RunResult]) -> list[RunResult]:
    """The runs of the longest ladder of rates (of equally long ones the first), or else those of the first load point.

    A line of CPU time over rates must not be drawn through load points that differ in protocol or sizes as well.
    """
    ladders = [family for family in load_families(runs) if family.kind == RATE]
    longest = max(ladders, key=lambda family: len(family.points), default=None)
    points = {min((run.load_point for run in runs), default=0)} if longest is None else set(longest.points)
    return [run for run in runs if run.load_point in points]


def _place(run: RunResult) -> tuple[str, float] | None:
    """Kind of the family and the run's value in it; None where it belongs to none."""
    if "load.stages" in run.facts or _value(run, "load.arrivals") == "trace":
        return None
    if run.offered_rps is not None:
        return RATE, float(run.offered_rps)
    in_flight = _value(run, "load.in_flight")
    if not isinstance(in_flight, int | float) or in_flight < 1 or _value(run, "load.think_s"):
        return None
    return CONCURRENCY, float(in_flight)


def _shared(run: RunResult, kind: str) -> tuple[tuple[str, FactValue], ...]:
    free = _FREE | _SEEN | (_CONCURRENT if kind == CONCURRENCY else frozenset())
    return tuple(
        (path, fact.value)
        for path, fact in sorted(run.facts.items())
        if path.startswith("load.") and fact.known and path not in free
    )


def _label(run: RunResult, kind: str) -> str:
    words = []
    for path in _NAMED:
        value = _value(run, path)
        if value is None or (kind == CONCURRENCY and path in _CONCURRENT):
            continue
        words.append(f"{value} connections" if path == "load.connections" else str(value))
    return ", ".join(words) or ("open loop" if kind == RATE else "closed loop")


def _value(run: RunResult, path: str) -> FactValue:
    fact = run.facts.get(path)
    return fact.value if fact is not None and fact.known else None

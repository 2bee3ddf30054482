"""Bytes that a request and its reply take, at each place where somebody counted them, and how many of them an arm adds.

What it decides: bytes a request towards the service and back, at three kinds of places:

- `generator`: what the load generator wrote to and read from its sockets, over the counted requests that were sent;
- a service: what it read from and wrote to its sockets, over the requests that reached it in the same stretch;
- a service's `interface`: frames on the interface of the pod that it lives in with its sidecar, headers of Ethernet, IP
  and TCP and bare acknowledgements included, over the same requests. Only pods have interfaces of their own.

Why this way: the places lie on different hops, and a mesh changes each of them otherwise. The headers that a proxy adds
are seen by the service, the TLS records between two proxies only by the interface; none of these can stand for another,
so they are not summed. On loopback nobody sees the hop between two sidecars, and that is said.

What it assumes: connections that were opened before the stretch; a stretch in which many are opened has their
handshakes in it. Bytes of a service are those of the whole stretch, lead-ins included, and so are its requests.

What it refuses: a figure from counters that were not read, with the reason that was recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meshperf.analysis.added import added, over_rounds
from meshperf.analysis.efficiency import own_runs
from meshperf.analysis.records import Estimate
from meshperf.spec.records import ComponentUsage, RunResult
from meshperf.units import Unit

__all__ = ["GENERATOR", "INTERFACE", "WireBytes", "wire_bytes"]

GENERATOR = "generator"
INTERFACE = "interface"
_NO_INTERFACE = "its pod has no interface of its own that was read"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireBytes:
    """Bytes a request at one place; estimates over rounds, all None where they are not known."""

    arm: str
    load_point: int
    place: str
    """`generator`, the name of a service, or `NAME interface`."""
    towards: Estimate | None
    """Towards the service: the requests."""
    back: Estimate | None
    total: Estimate | None
    added: Estimate | None
    """Of the total, candidate minus baseline of the same round; None for the baseline itself, or where unknown."""
    unavailable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    name: str
    towards: Callable[[RunResult], float]
    back: Callable[[RunResult], float]
    why: str = ""


def wire_bytes(runs: Sequence[RunResult], *, baseline: str, arms: Sequence[str]) -> tuple[WireBytes, ...]:
    """Every arm at every load point and place, the baseline first; nothing where no run counted anything.

    Args:
        arms: the baseline's name among them.
    """
    own = {arm: own_runs(runs, arm) for arm in arms}
    found = []
    for point in sorted({run.load_point for run in runs}):
        at = {arm: [run for run in own[arm] if run.load_point == point] for arm in arms}
        for arm in arms:
            for place in _places(at[arm]):
                found.append(_at(arm, point, place, at[arm], at[baseline] if arm != baseline else None))
    return tuple(found) if any(one.total is not None for one in found) else ()


def _at(arm: str, point: int, place: _Place, runs: Sequence[RunResult], base: Sequence[RunResult] | None) -> WireBytes:
    def total(run: RunResult) -> float:
        return place.towards(run) + place.back(run)

    whole = over_rounds(runs, total, Unit.BYTES)
    return WireBytes(
        arm=arm,
        load_point=point,
        place=place.name,
        towards=over_rounds(runs, place.towards, Unit.BYTES),
        back=over_rounds(runs, place.back, Unit.BYTES),
        total=whole,
        added=None if base is None else added(runs, base, total, Unit.BYTES),
        unavailable="" if whole is not None else place.why or "not counted",
    )


def _places(runs: Sequence[RunResult]) -> list[_Place]:
    if not runs:
        return []
    places = [
        _Place(
            name=GENERATOR,
            towards=lambda run: _share(_counted(run.counts.bytes_out), run.counts.sent),
            back=lambda run: _share(_counted(run.counts.bytes_in), run.counts.sent),
            why="the generator does not count bytes",
        )
    ]
    services = dict.fromkeys(use.component for run in runs for use in run.resources if use.served is not None)
    for name in services:
        why = next((w for run in runs for use in run.resources if use.component == name for w in _why(use)), "")
        places.append(
            _Place(name=name, towards=_of(name, "bytes_in"), back=_of(name, "bytes_out"), why=why),
        )
        inward, outward = _of(name, "interface_bytes_in"), _of(name, "interface_bytes_out")
        reason = next(
            (
                use.unavailable["interface_bytes_in"]
                for run in runs
                for use in run.resources
                if use.component == name and "interface_bytes_in" in use.unavailable
            ),
            _NO_INTERFACE,
        )
        places.append(_Place(name=f"{name} {INTERFACE}", towards=inward, back=outward, why=reason))
    return places


def _of(component: str, name: str) -> Callable[[RunResult], float]:
    """Bytes a request of one component's counter."""

    def figure(run: RunResult) -> float:
        for use in run.resources:
            if use.component == component:
                value = getattr(use, name)
                return math.nan if value is None else _share(value, use.served or 0)
        return math.nan

    return figure


def _why(use: ComponentUsage) -> tuple[str, ...]:
    return tuple(use.unavailable[name] for name in ("bytes_in", "bytes_out") if name in use.unavailable)


def _counted(count: int) -> float:
    """The generator writes 0 where it does not count."""
    return float(count) if count else math.nan


def _share(count: float, requests: int) -> float:
    return count / requests if requests else math.nan

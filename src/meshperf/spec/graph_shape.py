"""What follows from who calls whom: how often each service is asked for one request at the entry, and how deep it goes.

    v(entry) = 1        v(s) = sum over callers c of v(c) · times(c, s) · share(c, s)

Plain mappings go in, so that a file can be judged before it is a graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from meshperf.spec.graph import Graph

__all__ = ["MOST_CALLS", "MOST_SERVICES", "callees_first", "calls_per_request", "circle", "depth", "visits"]

MOST_SERVICES = 64
MOST_CALLS = 1000.0
"""Calls that one request at the entry may cause on average; more is a load test of its own."""


class Edge(Protocol):
    """As much of a call as counting needs."""

    @property
    def to(self) -> str: ...
    @property
    def times(self) -> int: ...
    @property
    def share(self) -> float: ...


def circle(callees: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A path of calls that comes back to where it began (`a, b, a`), the first in the document's order; else empty."""
    done: set[str] = set()
    for start in callees:
        path: list[str] = []
        rest: list[list[str]] = [[start]]
        while rest:
            if not rest[-1]:
                rest.pop()
                if path:
                    done.add(path.pop())
                continue
            name = rest[-1].pop(0)
            if name in path:
                return (*path[path.index(name) :], name)
            if name not in done and name in callees:
                path.append(name)
                rest.append(list(callees[name]))
    return ()


def callees_first(callees: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The services in an order in which each comes after all that it calls; by name where the calls leave it open.

    Args:
        callees: by caller, without circles.
    """
    order: list[str] = []
    waiting = {name: set(called) for name, called in callees.items()}
    while waiting:
        ready = sorted(name for name, called in waiting.items() if called.isdisjoint(waiting))
        if not ready:
            raise ValueError(f"there is a circle among {', '.join(sorted(waiting))}")
        order += ready
        for name in ready:
            del waiting[name]
    return tuple(order)


def visits(entry: str, calls: Mapping[str, Iterable[Edge]]) -> Mapping[str, float]:
    """How often each service is asked on average for one request at the entry, when no call fails; 0: never."""
    expected = dict.fromkeys(calls, 0.0)
    expected[entry] = 1.0
    for name in reversed(callees_first({name: [call.to for call in made] for name, made in calls.items()})):
        for call in calls[name]:
            expected[call.to] += expected[name] * call.times * call.share
    return expected


def calls_per_request(graph: Graph) -> float:
    """Calls between services that one request at the entry causes on average, when none fails."""
    expected = visits(graph.entry, {service.name: service.calls for service in graph.services})
    return math.fsum(expected.values()) - 1.0


def depth(graph: Graph) -> int:
    """Services on the longest way from the entry to one that calls nobody; 1 for a service alone."""
    found: dict[str, int] = {}
    for service in graph.services:
        found[service.name] = 1 + max((found[call.to] for call in service.calls), default=0)
    return found[graph.entry]

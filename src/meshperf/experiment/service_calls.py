"""Whether the services of a graph called one another as the graph says, by their own counters.

What it decides
    A claim of every run of a graph: each service was asked as often as its callers' requests make it be. A service
    that nobody reaches, or calls that a mesh loses or sends elsewhere, would make an arm fast for the wrong reason.
Why this way
    The expectation of a service is taken from what its callers really received and not from the entry alone, so
    shares that are drawn by chance scatter in one step only, and the claim stays sharp at the leaves:

        E(s) = sum over callers c of n(c) · sum over its calls to s of times · share

        Var(s) = sum over callers c of n(c) · sum over its calls to s of times² · share · (1 - share)

What it assumes
    Counters are read while no load runs. What a service had begun and not yet answered then is allowed for.
What it allows
    Five standard deviations and 1 %. Fewer: calls of later stages that were not made because one before them had
    failed. More: attempts that were repeated, by the application or, after an error, by a proxy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from meshperf.spec.graph import Graph, GraphService
from meshperf.spec.records import Claim

__all__ = ["CLAIM", "ServiceCalls", "calls_claim", "reached_claim", "service_calls"]

CLAIM = "every service answered its share of the calls"
_SHARE = 0.01
_DEVIATIONS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCalls:
    """What one service did between two readings of its counters."""

    requests: int
    errors: int
    """Replies that were no success: another HTTP status than 2xx, or another gRPC status than 0."""
    under_way: int
    """Requests that were not answered yet at the one or the other reading."""
    calls: int = 0
    failed: int = 0
    repeated: int = 0
    """Attempts after a call's first, and requests that were sent again because nobody had heard them."""


def service_calls(before: Mapping[str, int], after: Mapping[str, int]) -> ServiceCalls:
    """The difference of two readings of `workloads.counters`."""

    def moved(*names: str) -> int:
        return sum(after.get(name, 0) - before.get(name, 0) for name in names)

    good = {f"status.{status}" for status in range(200, 300)} | {"grpc_status.0"}
    errors = [name for name in after if name.startswith(("status.", "grpc_status.")) and name not in good]
    return ServiceCalls(
        requests=moved("requests"),
        errors=moved(*errors),
        under_way=_unanswered(before) + _unanswered(after),
        calls=moved("calls"),
        failed=moved("call_failures"),
        repeated=moved("call_retries", "call_resends"),
    )


def calls_claim(graph: Graph, seen: Mapping[str, ServiceCalls]) -> Claim:
    """The claim about one stretch of load, from what every service of the graph counted in it."""
    held, told = True, []
    for service in reversed(graph.services):  # callers first, as people read a graph
        name = service.name
        if name == graph.entry:
            told.append(f"{name} was asked {seen[name].requests} times")
            held = held and seen[name].requests > 0
            continue
        expected, least, most = _expected(graph, name, seen)
        found = seen[name].requests
        fits = least <= found <= most
        told.append(f"{name} {found} of {expected:.0f}{'' if fits else f' (allowed: {least:.0f} to {most:.0f})'}")
        held = held and fits
    failed = sum(one.failed for one in seen.values())
    evidence = ", ".join(told) + (f"; {failed} calls failed" if failed else "")
    return Claim(claim=CLAIM, held=held, evidence=evidence, when="end")


def reached_claim(graph: Graph, seen: Mapping[str, ServiceCalls]) -> Claim:
    """The claim about a warm-up, whose first calls may fail: no service is out of reach."""
    silent = [
        f"{service.name} was never asked, {_expected(graph, service.name, seen)[0]:.0f} calls were due"
        for service in reversed(graph.services)
        if seen[service.name].requests == 0 and _expected(graph, service.name, seen)[1] > 0
    ]
    return Claim(
        claim="every service is reached", held=not silent, evidence="; ".join(silent) or "each was asked", when="begin"
    )


def _expected(graph: Graph, callee: str, seen: Mapping[str, ServiceCalls]) -> tuple[float, float, float]:
    """How often a service should have been asked, and the bounds of what is allowed."""
    expected = variance = skipped = more = 0.0
    for caller in graph.services:
        made = seen[caller.name]
        mean, spread, later = _calls_to(caller, callee)
        if mean == 0.0:
            continue
        expected += made.requests * mean
        variance += made.requests * spread
        skipped += made.failed * later
        more += made.repeated
        skipped += made.under_way * mean
        more += made.under_way * mean
    around = _SHARE * expected + _DEVIATIONS * math.sqrt(variance)
    return expected, expected - around - skipped, expected + around + more + seen[callee].errors


def _calls_to(caller: GraphService, callee: str) -> tuple[float, float, float]:
    """Of one request at the caller: mean and variance of its calls to the callee, and the mean of those that may be
    left out because an earlier stage failed."""
    calls = [call for call in caller.calls if call.to == callee]
    first = min((call.stage for call in caller.calls), default=0)
    return (
        sum(call.times * call.share for call in calls),
        sum(call.times**2 * call.share * (1.0 - call.share) for call in calls),
        sum(call.times * call.share for call in calls if call.stage > first),
    )


def _unanswered(reading: Mapping[str, int]) -> int:
    begun = sum(count for name, count in reading.items() if name.startswith("status."))
    return max(0, reading.get("requests", 0) - begun)

"""The way through a workload graph that a reply waits for: which hops, and how often each is on it.

    length(s) = own(s) + sum over stages of the longest call of the stage
    longest   = the call c with the greatest share(c) · (length(to) + 1 hop)

What it assumes: calls of one stage, and the repeats of one call, are made at the same time, so a reply waits for one
of them; a call that is made for a share of the requests is waited for by that share. Which of two calls at the same
time is the slower one is decided by the longer way: where they are nearly equal the true wait is a little longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshperf.spec.graph import CLIENT, Call, Graph

__all__ = ["Hop", "critical_path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A call on the critical path. `share`: of the requests at the entry that wait for it, in (0, 1]."""

    caller: str
    callee: str
    share: float


def critical_path(graph: Graph, *, own_s: Mapping[str, float] | None = None, hop_s: float = 1.0) -> tuple[Hop, ...]:
    """The hops that a reply waits for, the client's own first, in the order in which they are made.

    Args:
        own_s: each service's own time, where they differ; 0 where it is not given. In the unit of `hop_s`.
        hop_s: what a hop takes beside it; with the default and no own times the longest way counts hops.
    """
    own = own_s or {}
    lengths: dict[str, float] = {}
    chosen: dict[str, tuple[Call, ...]] = {}
    for service in graph.services:  # callees come before their callers
        stages: dict[int, Call] = {}
        reach = {call: call.share * (lengths[call.to] + hop_s) for call in service.calls}
        for call in service.calls:
            if call.stage not in stages or reach[call] > reach[stages[call.stage]]:
                stages[call.stage] = call
        chosen[service.name] = tuple(stages[stage] for stage in sorted(stages))
        lengths[service.name] = own.get(service.name, 0.0) + sum(reach[call] for call in chosen[service.name])
    hops = [Hop(caller=CLIENT, callee=graph.entry, share=1.0)]

    def follow(name: str, share: float) -> None:
        for call in chosen[name]:
            hops.append(Hop(caller=name, callee=call.to, share=share * call.share))
            follow(call.to, share * call.share)

    follow(graph.entry, 1.0)
    return tuple(hops)

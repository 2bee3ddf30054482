"""Sums over a sidecar's counters: towards its service, towards callees, from callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meshperf.meshes.envoy.pieces import INBOUND, outbound

__all__ = ["everything", "from_callers", "leads_to", "to_callees", "to_service", "upstream"]

Clusters = Callable[[str], bool]
"""Whether a cluster, by its name, belongs to a sum."""


def everything(cluster: str) -> bool:
    """For the sidecars of a single service: each has one direction, and a template of the user's any names."""
    return True


def to_service(cluster: str) -> bool:
    return cluster == INBOUND


def to_callees(cluster: str) -> bool:
    return cluster.startswith(outbound(""))


def leads_to(callee: str) -> Clusters:
    """The clusters of one callee, whatever subsets a traffic split makes of it."""
    return lambda cluster: cluster == outbound(callee) or cluster.startswith(f"{outbound(callee)}_")


def upstream(counters: Mapping[str, int], name: str, which: Clusters) -> int:
    """A counter summed over clusters."""
    ending = f".{name}"
    return sum(
        value
        for path, value in counters.items()
        if path.startswith("cluster.")
        and path.endswith(ending)
        # What a cluster's name may look like is the rest of the path, dots and all.
        and which(path.removeprefix("cluster.").removesuffix(ending))
    )


def from_callers(counters: Mapping[str, int], name: str) -> int:
    """A counter summed over the listeners but the admin interface's. Shares of single workers are in it already."""
    return sum(
        value
        for path, value in counters.items()
        if path.startswith("listener.")
        and path.endswith(f".{name}")
        and not path.startswith("listener.admin.")
        and not path.removesuffix(f".{name}").rpartition(".")[2].startswith("worker_")
    )

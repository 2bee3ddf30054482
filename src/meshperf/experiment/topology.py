"""What of a round is neither application nor mesh: two clusters with a link between them, and nodes of a certain size.

All arms of a cell have the same clusters and the same link, so one link serves every resident of the round, and the
same frames cross it whatever the mesh. Its CPU is read like that of any process and shown, but not counted as a price
of a request: it stands for a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshperf.environments.local import LocalSite
from meshperf.environments.reaching import connecting_took_s
from meshperf.environments.site import Process
from meshperf.experiment.plan import RoundPlan
from meshperf.meshes.base import pod
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT, Graph
from meshperf.spec.records import Fact, Facts

__all__ = ["limit_pods", "link_rtt_s", "near_pods", "open_link", "pressure_facts", "topology_facts"]

_TRIES = 15

OUTSIDER = "outsider"
"""The pod from which meshes try whether strangers are refused stands beside the client."""


def open_link(site: LocalSite, round_plan: RoundPlan) -> Process | None:
    """The link of this round, before any pod is made; None where client and services share one network."""
    arm = round_plan.group.residents[0].arm
    if arm.clusters == 1 and arm.link_delay_s == 0:
        return None
    own = {host for resident in round_plan.group.residents for host in near_pods(resident.name)}
    return site.divide(lambda host: host not in own, arm.link_delay_s)


def link_rtt_s(site: LocalSite, resident: str, server: str) -> float | None:
    """The least time in which a connection from a resident's client pod to `server` (`ip:port`) was made [s].

    A handshake is one round trip, and the least of several is what the link takes when nothing else waits. Only where
    nothing redirects the connection, so of a resident without a mesh; None: none was made.
    """
    ip, _, port = server.rpartition(":")
    address = site.reach(pod(resident, CLIENT), int(port), at=ip)
    took = [one for _ in range(_TRIES) if (one := connecting_took_s(address)) is not None]
    return min(took, default=None)


def near_pods(resident: str) -> tuple[str, ...]:
    """Pods on the client's side of the link."""
    return tuple(pod(resident, name) for name in (CLIENT, OUTSIDER))


def limit_pods(site: LocalSite, arm: Arm, resident: str, graph: Graph) -> None:
    """Give the pods of one resident the size that its arm says, before anything runs in them."""
    for group, limits in arm.limits.items():
        for host in _members(resident, graph)[group]:
            site.limit(host, limits)


def pressure_facts(site: LocalSite, arm: Arm, resident: str, graph: Graph) -> Facts:
    """How often the limits of each group took hold, over its pods and since they were made."""
    found: dict[str, Fact] = {}
    for group in arm.limits:
        told = [site.limit_pressure(host) for host in _members(resident, graph)[group]]
        throttled, periods = sum(one.throttled_periods for one in told), sum(one.periods for one in told)
        killed = sum(one.oom_kills for one in told)
        text = f"throttled in {throttled} of {periods} periods, {killed} killed for want of memory"
        found[f"limits_pressure.{group.replace('-', '_')}"] = Fact(value=text, source="control groups")
    return found


def _members(resident: str, graph: Graph) -> Mapping[str, Sequence[str]]:
    """Pods by the groups that an arm can limit."""
    return {
        "client": (pod(resident, CLIENT),),
        "server": tuple(pod(resident, service.name) for service in graph.services),
        "control-plane": (pod(resident, "control"),),
    }


def topology_facts(arm: Arm) -> Facts:
    """Topology and sizes of one arm, as the experiment says them."""
    sizes = {
        f"limits.{group}": Fact(value=_size(arm, group), source="experiment")
        for group in ("client", "server", "control-plane")
    }
    return {
        "topology.clusters": Fact(value=arm.clusters, source="experiment"),
        "topology.link_delay_s": Fact(value=arm.link_delay_s, source="experiment"),
        **{path.replace("-", "_"): fact for path, fact in sizes.items()},
    }


def _size(arm: Arm, group: str) -> str:
    limits = arm.limits.get(group)
    if limits is None:
        return "none"
    cpu = "any" if limits.cpu is None else f"{limits.cpu:g} cores"
    memory = "any memory" if limits.memory is None else f"{limits.memory} B"
    return f"{cpu}, {memory}"

"""Where everything of one resident is: hosts, addresses, ports. Plain data, made before anything is started.

In namespaces a pod holds the service and its sidecar; the upstream listeners and the admin interface are on the pod's
own 127.0.0.1, where nobody else can dial them. Where connections are redirected, callers dial a virtual address
instead (RFC 2544's block, never on the wire), and rules in the pods do the rest.

On loopback, where a host is an address, service and sidecar have one each, so that the same ports serve every sidecar
and a service can tell its sidecar's address from anybody else's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshperf.environments.site import Site
from meshperf.meshes.base import APP_PORT, pod
from meshperf.spec.graph import CLIENT, Graph

__all__ = [
    "ADMIN_PORT",
    "CONTROL",
    "GOSSIP_PORT",
    "GRPC_PORT",
    "HTTP_PORT",
    "OUTSIDER",
    "PUBLIC_PORT",
    "SERVER_PORT",
    "UPSTREAM_PORT",
    "Layout",
    "Workload",
]

CONTROL = "control"
"""The pod of the agent. No service of a graph that Consul carries may have this name."""
OUTSIDER = "outsider"
"""A pod without a sidecar, from which refusals are tried."""

HTTP_PORT, GRPC_PORT, SERVER_PORT, GOSSIP_PORT = 8500, 8502, 8300, 8301
PUBLIC_PORT = 20000
ADMIN_PORT = 19000
UPSTREAM_PORT = 15001
"""Of a caller's first callee, the next ones follow; where connections are redirected, of the one outbound listener."""
_VIRTUAL = ipaddress.IPv4Network("198.18.0.0/16")
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One service of the graph, or its client, with the addresses of its sidecar."""

    name: str
    host: str
    """Of the site, where the sidecar runs."""
    protocol: str | None
    """As the graph says: http1, http2 or grpc; None: the client, which nobody calls."""
    app: str
    """`ip:port` where the service itself answers."""
    address: str
    """IP of the sidecar, from which it dials its service and other sidecars."""
    inner: str
    """IP of its upstream listeners and its admin interface."""
    public: str
    """`ip:port` of its public listener, as meshperf dials it from the client's pod; where connections are redirected,
    from a pod without a sidecar."""
    admin: str
    """As meshperf dials it."""
    upstreams: Mapping[str, str]
    """By callee, `ip:port` that the caller's application dials."""
    virtual: str | None
    """Its virtual address, where connections are redirected and somebody calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One resident: its agent, its services, and who calls whom."""

    resident: str
    agent: str
    """IP of the agent."""
    http: str
    """The agent's HTTP interface, as meshperf dials it."""
    entry: str
    workloads: tuple[Workload, ...]
    """The client first, then the services in the graph's order."""
    callers: Mapping[str, Sequence[str]]
    """By service, who calls it."""
    namespace: str | None
    """Of the client's pod, for the load engine."""
    transparent: bool
    """Whether connections are redirected."""
    outside: str | None
    """Host without a sidecar; None on loopback, where every address of this machine is outside."""

    @classmethod
    def of(cls, site: Site, resident: str, graph: Graph, *, transparent: bool = False) -> Layout:
        """The layout of a graph on a site, whose addresses are given out by this."""
        callers: dict[str, list[str]] = {service.name: [] for service in graph.services}
        callees: dict[str, list[str]] = {}
        for caller, callee in graph.edges():
            callers[callee].append(caller)
            callees.setdefault(caller, []).append(callee)
        protocols: dict[str, str | None] = {CLIENT: None}
        protocols |= {service.name: service.protocol for service in graph.services}
        outside = pod(resident, OUTSIDER) if site.kind == "netns" else None
        if outside is not None:
            site.address(outside)
        hosts = _VIRTUAL.hosts()
        virtual = {service.name: str(next(hosts)) for service in graph.services} if transparent else {}
        return cls(
            resident=resident,
            agent=site.address(pod(resident, CONTROL)),
            http=site.reach(pod(resident, CONTROL), HTTP_PORT),
            entry=graph.entry,
            workloads=tuple(
                _workload(site, resident, name, protocol, callees.get(name, ()), virtual)
                for name, protocol in protocols.items()
            ),
            callers=callers,
            namespace=site.namespace(pod(resident, CLIENT)),
            transparent=transparent,
            outside=outside,
        )

    @property
    def services(self) -> tuple[Workload, ...]:
        """Everything that is called."""
        return tuple(workload for workload in self.workloads if workload.protocol is not None)

    @property
    def edges(self) -> tuple[tuple[Workload, Workload], ...]:
        """Caller and callee, the client's own edge first."""
        return tuple((caller, self.workload(callee)) for caller in self.workloads for callee in caller.upstreams)

    def workload(self, name: str) -> Workload:
        """One of them by name; an unknown one is a KeyError."""
        return {workload.name: workload for workload in self.workloads}[name]

    @property
    def client(self) -> Workload:
        return self.workload(CLIENT)


def _workload(
    site: Site,
    resident: str,
    name: str,
    protocol: str | None,
    callees: Sequence[str],
    virtual: Mapping[str, str],
) -> Workload:
    in_pods = site.kind == "netns"
    own = pod(resident, name)
    host = own if in_pods or name == CLIENT else pod(resident, f"{name}-sidecar")
    address = site.address(host)
    inner = _LOOPBACK if in_pods else address
    listeners = {callee: f"{inner}:{UPSTREAM_PORT + index}" for index, callee in enumerate(callees)}
    redirected = {callee: f"{virtual[callee]}:{APP_PORT}" for callee in callees if callee in virtual}
    return Workload(
        name=name,
        host=host,
        protocol=protocol,
        app=f"{site.address(own)}:{APP_PORT}",
        address=address,
        inner=inner,
        public=site.reach(pod(resident, OUTSIDER if virtual else CLIENT), PUBLIC_PORT, at=address),
        admin=site.reach(host, ADMIN_PORT, at=inner),
        upstreams=redirected or listeners,
        virtual=virtual.get(name),
    )

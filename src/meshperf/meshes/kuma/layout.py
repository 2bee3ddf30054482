"""Where everything of one Kuma resident is. Plain data, made before anything is started.

Explicit: the caller dials an outbound listener on its pod's 127.0.0.1, and the sidecar's inbound port is another one
than the service's. Transparent: the caller dials a virtual address (RFC 2544's block, never on the wire), and rules in
both pods lead the connections through the sidecars on the service's own port.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshperf.environments.site import Site
from meshperf.meshes.base import APP_PORT, pod
from meshperf.spec.graph import CLIENT, Graph

__all__ = [
    "API_PORT",
    "CONTROL",
    "DATAPLANE_SERVER_PORT",
    "INBOUND_PORT",
    "LOOPBACK",
    "OUTBOUND_PORT",
    "PASSTHROUGH_SOURCE",
    "UNLISTED",
    "Layout",
    "Workload",
    "short_folder",
]

CONTROL = "control"
"""The pod of the control plane. No service of a graph that Kuma carries may have this name."""
UNLISTED = "unlisted"
"""A pod with a sidecar that no permission names, from which a denial is tried."""
LOOPBACK = "127.0.0.1"
API_PORT, DATAPLANE_SERVER_PORT = 5681, 5678
INBOUND_PORT = 20000
OUTBOUND_PORT = 15001
"""Of a caller's first callee, explicit; the next ones follow."""
PASSTHROUGH_SOURCE = "127.0.0.6"
"""From where a sidecar reaches its own service where connections are redirected."""
_VIRTUAL = ipaddress.IPv4Network("198.18.0.0/16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One service of the graph, its client, or the one that nobody admits."""

    name: str
    host: str
    address: str
    protocol: str | None
    """As the graph says: http1, http2 or grpc; None: nobody calls it."""
    inbound_port: int
    callees: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One resident: its control plane, its services, and who calls whom."""

    resident: str
    control: str
    transparent: bool
    entry: str
    workloads: tuple[Workload, ...]
    """The client first, then the services in the graph's order."""
    unlisted: Workload
    callers: Mapping[str, Sequence[str]]
    virtual: Mapping[str, str]
    """By service."""

    @classmethod
    def of(cls, site: Site, resident: str, graph: Graph, *, transparent: bool) -> Layout:
        """The layout of a graph on a site of pods, whose addresses are given out by this."""
        callers: dict[str, list[str]] = {service.name: [] for service in graph.services}
        callees: dict[str, list[str]] = {CLIENT: [], UNLISTED: [graph.entry]}
        for caller, callee in graph.edges():
            callers[callee].append(caller)
            callees.setdefault(caller, []).append(callee)
        protocols: dict[str, str | None] = {CLIENT: None}
        protocols |= {service.name: service.protocol for service in graph.services}

        def workload(name: str) -> Workload:
            return Workload(
                name=name,
                host=pod(resident, name),
                address=site.address(pod(resident, name)),
                protocol=protocols.get(name),
                inbound_port=APP_PORT if transparent else INBOUND_PORT,
                callees=tuple(callees.get(name, ())),
            )

        hosts = _VIRTUAL.hosts()
        return cls(
            resident=resident,
            control=site.address(pod(resident, CONTROL)),
            transparent=transparent,
            entry=graph.entry,
            workloads=tuple(workload(name) for name in protocols),
            unlisted=workload(UNLISTED),
            callers=callers,
            virtual={service.name: str(next(hosts)) for service in graph.services},
        )

    @property
    def services(self) -> tuple[Workload, ...]:
        """Everything that is called."""
        return tuple(workload for workload in self.workloads if workload.protocol is not None)

    def workload(self, name: str) -> Workload:
        """One of them by name; an unknown one is a KeyError."""
        return {workload.name: workload for workload in (*self.workloads, self.unlisted)}[name]

    def outbound(self, caller: str, callee: str) -> tuple[str, int]:
        """IP and port that a caller's application dials to reach a callee."""
        if self.transparent:
            return self.virtual[callee], APP_PORT
        return LOOPBACK, OUTBOUND_PORT + self.workload(caller).callees.index(callee)

    def inbound(self, service: str) -> tuple[str, int]:
        """IP and port that other sidecars dial."""
        workload = self.workload(service)
        return workload.address, workload.inbound_port


def short_folder(resident: str, workload: str) -> str:
    """A folder's name below the scratch folder, so short that the path of a socket in it stays below 108 bytes."""
    digest = hashlib.sha256(f"{resident}/{workload}".encode()).hexdigest()
    return f"kuma/{digest[:12]}"

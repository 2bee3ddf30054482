"""Where everything of one resident is: pods, addresses, identities, ports. Plain data, made before anything is started.

Istio's registry gives every service a virtual address. Nothing owns it: redirection in the caller's pod catches what is
sent there and hands it to the caller's sidecar. The block is the one that is set aside for benchmarks (RFC 2544), and
it never appears on the wire between pods.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meshperf.environments.site import Site
from meshperf.meshes.base import APP_PORT, pod
from meshperf.meshes.identities import TRUST_DOMAIN
from meshperf.spec.graph import CLIENT, Graph

__all__ = [
    "ADMIN_PORT",
    "CONTROL",
    "DEBUG_PORT",
    "DOMAIN",
    "EXCLUDED_PORTS",
    "INBOUND_PORT",
    "LOOPBACK",
    "METRICS_PORT",
    "NAMESPACE",
    "OUTBOUND_PORT",
    "OUTSIDER",
    "ROOT_NAMESPACE",
    "STATUS_PORT",
    "XDS_PORT",
    "Layout",
    "ServicePlace",
]

CONTROL = "control"
"""The pod of the control plane. No service of a graph that Istio carries may have this name."""
OUTSIDER = "outsider"
"""A pod without a sidecar, from which refusals are tried."""
NAMESPACE = "meshperf"
"""Istio's own, of all workloads; part of names and identities."""
ROOT_NAMESPACE = "istio-system"
DOMAIN = f"{NAMESPACE}.svc.cluster.local"
LOOPBACK = "127.0.0.1"

XDS_PORT = 15012
DEBUG_PORT = 15080
ADMIN_PORT = 15000
OUTBOUND_PORT = 15001
INBOUND_PORT = 15006
STATUS_PORT = 15021
METRICS_PORT = 15090
EXCLUDED_PORTS = (15020, STATUS_PORT, METRICS_PORT, APP_PORT + 1)
"""Inbound ports that are not redirected: those of agent and proxy, and the one on which meshperf asks the service."""

_VIRTUAL = ipaddress.IPv4Network("198.18.0.0/16")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlace:
    """One service of the graph as Istio's registry knows it."""

    name: str
    address: str
    """Of its pod."""
    virtual: str
    protocol: str
    """As the graph says: http1, http2 or grpc."""

    @property
    def host(self) -> str:
        """Its name in the registry. Its first label alone will do for callers inside the namespace."""
        return f"{self.name}.{DOMAIN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One resident: its control plane, its services, and who calls whom."""

    resident: str
    control: str
    """Address of the control plane's pod."""
    pods: Mapping[str, str]
    """Address of the pod of every workload: of all that have a sidecar, the client first."""
    services: tuple[ServicePlace, ...] = ()
    callers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By service, the workloads that call it."""
    entry: str = ""

    @classmethod
    def of(cls, site: Site, resident: str, graph: Graph) -> Layout:
        """The layout of a graph on a site, whose addresses are given out by this."""
        hosts = _VIRTUAL.hosts()
        callers: dict[str, list[str]] = {}
        for caller, callee in graph.edges():
            callers.setdefault(callee, []).append(caller)
        services = tuple(
            ServicePlace(
                name=service.name,
                address=site.address(pod(resident, service.name)),
                virtual=str(next(hosts)),
                protocol=service.protocol,
            )
            for service in graph.services
        )
        client = site.address(pod(resident, CLIENT))
        return cls(
            resident=resident,
            control=site.address(pod(resident, CONTROL)),
            pods={CLIENT: client} | {service.name: service.address for service in services},
            services=services,
            callers=callers,
            entry=graph.entry,
        )

    @property
    def workloads(self) -> tuple[str, ...]:
        """Everything that has a sidecar."""
        return tuple(self.pods)

    def service(self, name: str) -> ServicePlace:
        """One service by name; an unknown one is a KeyError."""
        return {service.name: service for service in self.services}[name]

    def identity_path(self, workload: str) -> str:
        """Path of a workload's SPIFFE id, as Istio forms it."""
        return f"ns/{NAMESPACE}/sa/{workload}"

    def identity(self, workload: str) -> str:
        """SPIFFE id of a workload."""
        return f"spiffe://{TRUST_DOMAIN}/{self.identity_path(workload)}"

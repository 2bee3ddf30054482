"""Where the sidecars of one resident stand: addresses, ports, identities, and who calls whom.

    load → client's sidecar ─mutual TLS→ sidecar of a service → service → its sidecar ─mutual TLS→ the next one's → …

An arm with one proxy has only the first of these, which goes on to the service itself, or only the second, which load
dials itself.

On a loopback site a host is an address, so a sidecar has a host of its own beside its service: the service tells the
two apart by address. In namespaces they share the pod. There the sidecar calls its service from `OWN_SOURCE`, which
no packet from outside can have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.site import Site
from meshperf.meshes.base import APP_PORT, pod
from meshperf.meshes.envoy.gateway import GATEWAY_PORT, Gateway
from meshperf.meshes.identities import Authority, Identity
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT, Graph

__all__ = ["ADMIN_PORT", "INBOUND_PORT", "OWN_SOURCE", "REDIRECTED_PORT", "Callee", "Layout", "Sidecar", "lay_out"]

ADMIN_PORT = 15000
REDIRECTED_PORT = 15001
"""Where the pod's outgoing connections end up when they are redirected."""
INBOUND_PORT = 15006
OUTBOUND_PORT = 15101
"""Of a pod's first callee; the next ones follow."""
OWN_SOURCE = "127.0.0.6"
LOCAL = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """One service that a pod calls: where its application dials, and where the sidecar goes on to."""

    name: str
    """As processes and identities name it."""
    dialled: tuple[str, int]
    """IP and port."""
    bound: bool
    """Whether the sidecar listens on that address itself; else connections to it are redirected."""
    peer: tuple[str, int]
    """Where the callee's sidecar is reached, or the callee where it has none."""
    identity: str
    """SPIFFE id that the callee must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """One sidecar. `service` is the graph's name of what it stands beside, `name` the one it is shown by."""

    service: str
    name: str
    host: str
    """In whose network it runs."""
    address: str
    """Where it listens for callers."""
    admin: tuple[str, int]
    admin_reach: str
    """How meshperf reaches the admin interface."""
    identity: Identity
    callers: tuple[str, ...]
    """SPIFFE ids that it admits; the client's sidecar admits nobody."""
    callees: tuple[Callee, ...]
    own_source: str
    """From which it calls its service."""
    peer_source: str | None
    """From which it calls other sidecars; None: as the routes say."""

    @property
    def title(self) -> str:
        return f"{self.name} sidecar"

    def callee(self, name: str) -> Callee:
        return next(one for one in self.callees if one.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All sidecars of one resident by service, callees before their callers, the client's last."""

    sidecars: Mapping[str, Sidecar]
    names: Mapping[str, str]
    """What every service is shown by, whether it has a sidecar or not; the client too."""
    entry: str
    caller: str
    """The host that load comes from."""
    authority: Path
    """Certificate that every chain ends in."""
    stranger: Identity
    """An identity of the same authority that nobody admits."""
    gateway: Gateway | None
    """Between the client's cluster and that of the services; None where they share one."""
    outsider: str
    """A host without a sidecar, from which whoever is not in the mesh calls."""
    transparent: bool
    single: bool
    folder: Path
    """Configuration, certificates and access logs."""
    addresses: Mapping[str, str]
    """What differs from run to run in a configuration, with the name that stands for it in digests."""

    @property
    def client(self) -> Sidecar:
        """The one that load reaches first, in an arm that has it."""
        return self.sidecars[CLIENT]

    @property
    def server(self) -> Sidecar:
        """The one that load reaches next, in an arm that has it."""
        return self.sidecars[self.entry]

    @property
    def on_the_way(self) -> tuple[Sidecar, ...]:
        """Those that a request passes before it reaches the entry: two, or one in an arm with one proxy."""
        return tuple(self.sidecars[service] for service in (CLIENT, self.entry) if service in self.sidecars)

    def dialled(self, caller: str, callee: str) -> tuple[str, int]:
        """IP and port at which a caller's application dials a callee: its own sidecar's, or else the callee's."""
        own = self.sidecars.get(caller)
        if own is None:
            return self.sidecars[callee].address, INBOUND_PORT
        return own.callee(self.names[callee]).dialled


def lay_out(site: Site, arm: Arm, resident: str, graph: Graph, folder: Path) -> Layout:
    """Give every pod of the graph its sidecar, with addresses and certificates."""
    authority = Authority(folder / "certificates")
    in_pods = site.kind == "netns"
    transparent = arm.interception == "transparent"
    single = len(graph.services) == 1
    names = {service.name: "server" if single else service.name for service in graph.services} | {CLIENT: CLIENT}
    identities = {service: authority.issue(name) for service, name in names.items()}
    hosts = {service: pod(resident, service) if in_pods else f"{pod(resident, service)}/sidecar" for service in names}
    edges = tuple(graph.edges())

    def inbound(service: str) -> tuple[str, int]:
        return site.address(hosts[service]), APP_PORT if transparent else INBOUND_PORT

    gateway = None
    if arm.clusters > 1:
        asked_for = names[graph.entry] if arm.mtls == "strict" else None
        gateway = _gateway(site, pod(resident, _unused("gateway", names)), inbound(graph.entry), asked_for)

    def onwards(service: str, callee: str) -> tuple[str, int]:
        if arm.proxies == "client":
            return site.address(pod(resident, callee)), APP_PORT
        return inbound(callee) if gateway is None or service != CLIENT else (gateway.address, GATEWAY_PORT)

    def callees(service: str) -> tuple[Callee, ...]:
        called = [callee for caller, callee in edges if caller == service]
        own = LOCAL if in_pods else site.address(hosts[service])
        return tuple(
            Callee(
                name=names[callee],
                dialled=(site.address(hosts[callee]), APP_PORT) if transparent else (own, OUTBOUND_PORT + index),
                bound=not transparent,
                peer=onwards(service, callee),
                identity=identities[callee].uri,
            )
            for index, callee in enumerate(called)
        )

    def sidecar(service: str) -> Sidecar:
        host = hosts[service]
        at = LOCAL if in_pods else site.address(host)
        return Sidecar(
            service=service,
            name=names[service],
            host=host,
            address=site.address(host),
            admin=(at, ADMIN_PORT),
            admin_reach=site.reach(host, ADMIN_PORT, at=at),
            identity=identities[service],
            callers=tuple(identities[caller].uri for caller, callee in edges if callee == service),
            callees=callees(service),
            own_source=OWN_SOURCE if in_pods else site.address(host),
            peer_source=None if in_pods else site.address(host),
        )

    everywhere = (*(service.name for service in graph.services), CLIENT)
    order = [one for one in everywhere if arm.proxies == "both" or (one == CLIENT) == (arm.proxies == "client")]
    applications = {
        site.address(pod(resident, service.name)): f"{names[service.name]}'s pod" for service in graph.services
    }
    return Layout(
        sidecars={service: sidecar(service) for service in order},
        names=names,
        entry=graph.entry,
        caller=pod(resident, CLIENT),
        authority=authority.certificate,
        stranger=authority.issue(_unused("stranger", names.values())),
        gateway=gateway,
        outsider=pod(resident, _unused("outsider", names)),
        transparent=transparent,
        single=single,
        folder=folder,
        addresses=applications
        | {site.address(hosts[service]): f"{names[service]}'s sidecar" for service in order}
        | ({gateway.address: "gateway"} if gateway is not None else {}),
    )


def _gateway(site: Site, host: str, onwards: tuple[str, int], asked_for: str | None) -> Gateway:
    return Gateway(
        name="gateway",
        host=host,
        address=site.address(host),
        admin=(LOCAL, ADMIN_PORT),
        admin_reach=site.reach(host, ADMIN_PORT, at=LOCAL),
        onwards=onwards,
        asked_for=asked_for,
    )


def _unused(name: str, taken: Collection[str]) -> str:
    """A name that no service has."""
    while name in taken:
        name += "-x"
    return name

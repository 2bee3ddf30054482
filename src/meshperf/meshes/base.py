"""The interface every mesh implements: detect it, deploy one arm with it, try out what it claims.

Adding a mesh is one module beside this one and a word in `spec/mesh_names.py`. Deployment has two steps, because an
application may need something of the mesh (certificates, whom to trust, where its callees are reached) and the mesh
needs the application's address:

    prepare → needs, upstream → (the experiment starts the application's services) → deploy → ArmDeployment

An application is a workload graph: services in pods of their own. Load comes from one more pod, `graph.CLIENT`. A pod
is a host of the site; it holds the service and its sidecar. On a loopback site, where a host is an address, an adapter
may give service and sidecar hosts of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from meshperf.environments.site import Process, Site
from meshperf.load.plan import Target
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import Graph
from meshperf.spec.records import Claim, Facts

__all__ = [
    "APP_PORT",
    "ENDPOINT_PROBE",
    "ROUTE_PROBE",
    "AppAddress",
    "AppNeeds",
    "ArmDeployment",
    "ControlledMesh",
    "ControlledProxies",
    "Detection",
    "Mesh",
    "Preparation",
    "TlsFiles",
    "pod",
]

APP_PORT = 8080
"""Where every service listens; the next higher port answers questions about it."""


def pod(resident: str, service: str) -> str:
    """The host of one resident's service, or of its client."""
    return f"{resident}-{service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Whether a mesh can be run here: its binaries with version and digest, or what is missing and how to get it."""

    mesh: str
    available: bool
    version: str | None = None
    binaries: Mapping[str, str] = field(default_factory=dict)
    """Name to sha256."""
    missing: str | None = None
    proven: bool = True
    """False for an adapter that was never run against its real mesh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Mutual TLS that the application itself has to speak: its certificate, and whom it admits."""

    certificate: Path
    key: Path
    client_ca: Path
    client_identities: tuple[str, ...]
    cipher: str
    """As rustls names it, such as TLS13_AES_128_GCM_SHA256."""
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppNeeds:
    """What one service of the application must be started with."""

    host: str
    """The host of the site that it runs on."""
    tls: TlsFiles | None = None
    trusted_peer: str | None = None
    """The only address from which it may believe an identity header: its own sidecar's."""
    callee_identities: Mapping[str, str] = field(default_factory=dict)
    """With `tls`: the SPIFFE id that each of its callees must show; it calls them over mutual TLS with its own
    certificate. Empty: it calls in the clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAddress:
    """Where one service answers (an IP and a port), and where meshperf asks it for its counters (JSON at /counters)."""

    host: str
    port: int
    admin: str
    """As `Site.reach` writes it."""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class Preparation(Protocol):
    """One resident that was prepared and waits for its application."""

    def needs(self, service: str) -> AppNeeds:
        """What one service of the graph has to be started with."""
        ...

    def upstream(self, caller: str, callee: str) -> str:
        """Where the caller's application dials to reach a callee (`ip:port`): its sidecar, a virtual address, or the
        callee itself. Known before anything is started, because services are told by their command line."""
        ...

    def deploy(self, apps: Mapping[str, AppAddress]) -> ArmDeployment:
        """Start what the mesh brings, now that every service of the graph answers (without its callees, as yet).

        Raises:
            PrerequisiteError: a binary is missing. DeploymentError: a process did not become ready.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmDeployment:
    """One deployed resident: where to send load, which processes the mesh brought, how to try its claims."""

    target: Target
    """With one connection; the load point says how many there shall be. In the network of the client's pod."""
    processes: Sequence[Process]
    facts: Facts
    """What was configured, under `mesh.`, `proxy.`, `security.`, `interception.`, `client_library.`,
    `control_plane.`, `binary.`."""
    observe: Callable[[str], Sequence[Claim]]
    """Try every claim by real connections; the argument is `begin` or `end`. Never raises for a claim that fails."""
    observed_facts: Callable[[], Facts]
    """Facts seen at work (cipher on the wire, identity at the workload), read after load has run."""


ROUTE_PROBE, ENDPOINT_PROBE = "route.probe.meshperf", "endpoint.probe.meshperf"
"""Hosts that are asked through a proxy: one answered by its route, the other sent to one of two endpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledProxies:
    """A control plane with a number of proxies, and how its configuration is changed."""

    planes: Sequence[Process]
    """Processes of the control plane."""
    proxies: Sequence[str]
    """Where each proxy is asked, as `Site.reach` writes it, by requests for the probe hosts."""
    facts: Facts
    route: Callable[[str], None]
    """From now on `ROUTE_PROBE` shall be answered with status 200 and this text. Returns when it was handed in."""
    endpoint: Callable[[int], None] | None
    """From now on `ENDPOINT_PROBE` shall be sent to this one (0 or 1) of the endpoints; None: it has no such change."""
    configure: Callable[[int], None]
    """So many further services, with one endpoint each, shall be known to every proxy."""


@runtime_checkable
class ControlledMesh(Protocol):
    """A mesh whose control plane can be studied without an application. An adapter may be one beside being a `Mesh`."""

    def deploy_proxies(
        self, site: Site, arm: Arm, resident: str, *, proxies: int, endpoints: tuple[str, str]
    ) -> ControlledProxies:
        """Start the control plane and so many proxies.

        Args:
            endpoints: two HTTP services (`ip:port`) for `ENDPOINT_PROBE`, the first to begin with.

        Raises:
            PrerequisiteError: a binary is missing. DeploymentError: a process did not become ready.
        """
        ...


class Mesh(Protocol):
    """One kind of mesh. Implementations: the modules that `spec.mesh_names` lists."""

    name: str

    def detect(self) -> Detection:
        """Look for the mesh's binaries without starting anything but their `--version`."""
        ...

    def check(self, arm: Arm, graph: Graph, environment: str) -> None:
        """Refuse an arm that this mesh cannot be on this machine, before anything is deployed. Starts nothing.

        Raises:
            UsageError: it has no such function, protocol or interception (MP1008). PrerequisiteError: a binary, root or
            a program of the system is missing.
        """
        ...

    def prepare(self, site: Site, arm: Arm, resident: str, graph: Graph) -> Preparation:
        """Make identities and configuration of one resident."""
        ...

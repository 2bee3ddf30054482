"""The interface every mesh implements: detect it, deploy one arm with it, try out what it claims.

Adding a mesh is one module beside this one and a line in `registry.py`. Deployment has two steps, because an
application may need something of the mesh (certificates, whom to trust) and the mesh needs the application's address:

    prepare → AppNeeds → (the experiment starts the application) → deploy → ArmDeployment
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from meshperf.environments.site import Process, Site
from meshperf.load.plan import Target
from meshperf.spec.experiment import Arm
from meshperf.spec.records import Claim, Facts

__all__ = ["AppAddress", "AppNeeds", "ArmDeployment", "Detection", "Mesh", "Preparation", "TlsFiles"]


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
    """What the application of one resident must be started with."""

    tls: TlsFiles | None = None
    trusted_peer: str | None = None
    """The only address from which it may believe an identity header: its own sidecar's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAddress:
    """Where the application of one resident answers, and where it tells its counters (`ip:port`, JSON at /counters)."""

    host: str
    port: int
    admin: str

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class Preparation(Protocol):
    """One resident that was prepared and waits for its application."""

    @property
    def needs(self) -> AppNeeds:
        """What the application has to be started with."""
        ...

    def deploy(self, app: AppAddress) -> ArmDeployment:
        """Start what the mesh brings, now that the application answers.

        Raises:
            PrerequisiteError: a binary is missing. DeploymentError: a process did not become ready.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmDeployment:
    """One deployed resident: where to send load, which processes the mesh brought, how to try its claims."""

    target: Target
    """With one connection; the load point says how many there shall be."""
    processes: Sequence[Process]
    facts: Facts
    """What was configured, under `mesh.`, `proxy.`, `security.`, `interception.`, `client_library.`."""
    observe: Callable[[str], Sequence[Claim]]
    """Try every claim by real connections; the argument is `begin` or `end`. Never raises for a claim that fails."""
    observed_facts: Callable[[], Facts]
    """Facts seen at work (cipher on the wire, identity at the workload), read after load has run."""


class Mesh(Protocol):
    """One kind of mesh. Implementations: `none` (with or without client library), `envoy`."""

    name: str

    def detect(self) -> Detection:
        """Look for the mesh's binaries without starting anything but their `--version`."""
        ...

    def prepare(self, site: Site, arm: Arm, resident: str) -> Preparation:
        """Make identities and configuration of one resident."""
        ...

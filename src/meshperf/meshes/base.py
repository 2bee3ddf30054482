"""The interface every mesh implements: detect it, deploy one arm with it, try out what it claims.

Adding a mesh is one module beside this one and a line in `registry.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from meshperf.environments.site import Process, Site
from meshperf.load.plan import Target
from meshperf.spec.experiment import Arm
from meshperf.spec.records import Claim, Facts

__all__ = ["ArmDeployment", "Detection", "Mesh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Whether a mesh can be run here: its binaries with version and digest, or what is missing and how to get it."""

    mesh: str
    available: bool
    version: str | None = None
    binaries: Mapping[str, str] = field(default_factory=dict)
    """Name to `path (sha256)`; paths are for people, never for documents."""
    missing: str | None = None
    proven: bool = True
    """False for an adapter that was never run against its real mesh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmDeployment:
    """One deployed resident: where to send load, which processes belong to it, how to try its claims."""

    target: Target
    processes: Sequence[Process]
    facts: Facts
    """Under `mesh.`, `proxy.`, `security.`, `workload.`, `client_library.`."""
    observe: Callable[[str], Sequence[Claim]]
    """Try every claim by real connections; the argument is `begin` or `end`. Never raises for a claim that fails."""
    observed_facts: Callable[[], Facts]
    """Facts seen at work (cipher on the wire, requests through the proxy), read after load has run."""
    brings: Mapping[str, str] = field(default_factory=dict)


class Mesh(Protocol):
    """One kind of mesh. Implementations: `none` (with or without client library), `envoy`."""

    name: str

    def detect(self) -> Detection: ...

    def deploy(self, site: Site, arm: Arm, resident: str, *, connections: int) -> ArmDeployment:
        """Start the workload and everything the mesh brings for one resident.

        Raises:
            PrerequisiteError: a binary is missing. DeploymentError: a process did not become ready.
        """
        ...

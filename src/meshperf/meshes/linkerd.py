"""Linkerd: its place among the meshes, found where it is installed and refused with the reason.

Linkerd's proxy takes its certificate from Linkerd's identity service, its policy and destinations from two more, and
all three take their knowledge from a Kubernetes API. None of them runs from files. So on one machine without
Kubernetes there is no Linkerd to measure, and nothing that only looked like one would answer anybody's question.
"""

from __future__ import annotations

import contextlib
import dataclasses

from meshperf.environments.site import Site
from meshperf.errors import PrerequisiteError, UsageError
from meshperf.meshes.base import Detection, Preparation
from meshperf.meshes.binaries import Binary, find_binary
from meshperf.meshes.programs import LINKERD
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import Graph

__all__ = ["LINKERD_PROXY", "LinkerdMesh", "adapter"]

LINKERD_PROXY = dataclasses.replace(
    LINKERD,
    name="linkerd2-proxy",
    variable="LINKERD_PROXY_BIN",
    version_argv=("--version",),
    pattern=r"(?:release-|linkerd2-proxy |\bv)(?P<version>\d+\.\d+\.\d+\S*)",
    module=None,
)
"""The data plane's program, where somebody has it."""

_WHY = (
    "Linkerd's proxies need its identity, policy and destination services, and these need a Kubernetes API:"
    " Linkerd is measured through Kubernetes, not as processes on one machine"
)
_HINT = "use `mesh: envoy`, `istio`, `consul` or `kuma` here, or compare results of a cluster with `meshperf import`"


class LinkerdMesh:
    """The adapter of `mesh: linkerd`: it detects, and refuses every arm."""

    name = "linkerd"

    def detect(self) -> Detection:
        """What is installed. Never available, whatever that is."""
        found: list[Binary] = []
        for spec in (LINKERD, LINKERD_PROXY):
            with contextlib.suppress(PrerequisiteError):  # what is not there is not told: nothing would run with it
                found.append(find_binary(spec))
        seen = ", ".join(f"{binary.name} {binary.version} (from {binary.origin})" for binary in found)
        return Detection(
            mesh=self.name,
            available=False,
            version=found[0].version if found else None,
            binaries={binary.name: binary.sha256 for binary in found},
            missing=f"{f'{seen} is here, but ' if seen else ''}{_WHY}",
            proven=False,
        )

    def check(self, arm: Arm, graph: Graph, environment: str) -> None:
        """Raises UsageError (MP1008), always."""
        raise UsageError("MP1008", f"arm `{arm.name}`: {_WHY}", hint=_HINT)

    def prepare(self, site: Site, arm: Arm, resident: str, graph: Graph) -> Preparation:
        """Raises UsageError (MP1008), always."""
        raise UsageError("MP1008", f"arm `{arm.name}`: {_WHY}", hint=_HINT)


def adapter() -> LinkerdMesh:
    return LinkerdMesh()

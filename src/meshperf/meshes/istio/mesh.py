"""The adapter of `mesh: istio`: finds the programs, says what Istio cannot be here, prepares a resident."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

from meshperf.environments.site import Site, folder_name
from meshperf.errors import PrerequisiteError, UsageError
from meshperf.meshes.base import ControlledProxies, Detection, Preparation
from meshperf.meshes.istio import settings
from meshperf.meshes.istio.installation import find_installation
from meshperf.meshes.istio.layout import CONTROL, OUTSIDER, Layout
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import Graph

__all__ = ["IstioMesh", "adapter"]

_CANNOT = {"tracing": "Istio's sidecars make spans only for a collector, and there is none here"}
_HTTP_ONLY = ("authorization_rules", "routes", "route_match", "split", "retries", "timeout_s", "rate_limit")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TOOLS = ("iptables-restore", "iptables-save")
_TAKEN = frozenset({CONTROL, OUTSIDER, "istiod"})


class IstioMesh:
    """The adapter of `mesh: istio`."""

    name = "istio"

    def detect(self) -> Detection:
        try:
            found = find_installation()
        except PrerequisiteError as missing:
            return Detection(mesh=self.name, available=False, missing=f"{missing.message}; {missing.hint}")
        return Detection(
            mesh=self.name,
            available=True,
            version=f"{found.istiod.version} ({found.label}) with Envoy {found.envoy.version}",
            binaries={
                "istiod": found.istiod.sha256,
                "pilot-agent": found.agent.sha256,
                "envoy": found.envoy.sha256,
            },
        )

    def check(self, arm: Arm, graph: Graph, environment: str) -> None:
        """Raises UsageError (MP1008) for what Istio is not here, PrerequisiteError for what this machine lacks."""
        for trouble, hint in _troubles(arm, graph, environment):
            raise UsageError("MP1008", f"arm `{arm.name}`: {trouble}", hint=hint)
        settings.check_control_plane(arm)
        _require_redirection()
        find_installation(arm)

    def prepare(self, site: Site, arm: Arm, resident: str, graph: Graph) -> Preparation:
        from meshperf.meshes.istio.deployment import Prepared

        return Prepared(
            site=site,
            arm=arm,
            graph=graph,
            layout=Layout.of(site, resident, graph),
            installation=find_installation(arm),
            folder=site.work_dir / "istio" / folder_name(resident),
        )

    def deploy_proxies(
        self, site: Site, arm: Arm, resident: str, *, proxies: int, endpoints: tuple[str, str]
    ) -> ControlledProxies:
        """For studies of the control plane; see `ControlledMesh`."""
        from meshperf.meshes.istio.proxies import deploy_proxies

        return deploy_proxies(site, arm, resident, proxies=proxies, endpoints=endpoints)


def _troubles(arm: Arm, graph: Graph, environment: str) -> Iterator[tuple[str, str]]:
    """What Istio cannot be, with what to write instead; the first one is told."""
    if environment != "netns":
        yield (
            f"Istio needs pods with ports and redirection of their own, and `environment: {environment}` has none",
            "write `environment: netns`, which needs root",
        )
    if arm.interception == "explicit":
        yield "Istio's sidecars are reached by redirection", "leave `interception` out, or write `transparent`"
    if arm.proxies != "both":
        yield "Istio gives every pod its sidecar", "leave `proxies` out; `mesh: envoy` can have one proxy alone"
    if arm.clusters != 1:
        yield (
            "two clusters of Istio need a gateway and a registry each, which are not run here",
            "leave `clusters` out; `link_delay` alone lengthens the way to the services",
        )
    if arm.client_bootstrap is not None or arm.server_bootstrap is not None:
        yield "Istio writes the configuration of its sidecars itself", "use `mesh: envoy` for your own"
    if arm.functions.authorization_rules and arm.mtls != "strict":
        yield "authorization rules name identities, and without mutual TLS there are none", "write `mtls: strict`"
    for name in arm.functions.used():
        if name in _CANNOT:
            yield f"`{name}` is not there: {_CANNOT[name]}", "leave it out"
        elif name in _HTTP_ONLY and arm.mode == "tcp":
            yield f"`{name}` is about requests, and `mode: tcp` forwards bytes", "write `mode: http`"
    for service in graph.services:
        if service.name in _TAKEN:
            yield f"a service named `{service.name}` would be where the adapter's own pod is", "rename the service"
        elif not _LABEL.fullmatch(service.name):
            yield (
                f"Istio's registry takes no service named `{service.name}`",
                "name it with small letters, digits and hyphens",
            )


def _require_redirection() -> None:
    if os.geteuid() != 0:
        raise PrerequisiteError(
            "MP3005", "Istio's redirection needs root", hint="run meshperf as root, or leave the istio arms out"
        )
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    missing = [tool for tool in _TOOLS if shutil.which(tool, path=path) is None]
    if missing:
        raise PrerequisiteError(
            "MP3005",
            f"Istio's redirection needs {' and '.join(missing)}",
            hint="install iptables (apt install iptables)",
        )


def adapter() -> IstioMesh:
    return IstioMesh()

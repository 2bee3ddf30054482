"""One pod's `kuma-dp` with the Envoy that it starts: token, rules of redirection, readiness."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.probes import http_ready
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.errors import DeploymentError
from meshperf.meshes import envoy_admin
from meshperf.meshes.agents import child_of
from meshperf.meshes.base import APP_PORT, pod
from meshperf.meshes.kuma.commands import ADMIN_SOCKET, PROXY_USER, dataplane_argv, redirection_argv, token_argv
from meshperf.meshes.kuma.layout import CONTROL, Layout, Workload, short_folder
from meshperf.meshes.kuma.mesh import Installation
from meshperf.meshes.kuma.policies import dataplane
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT

__all__ = ["Dataplane", "start_dataplane"]

_READY_S = 30.0
_REJECTED = ("cluster_manager.cds.update_rejected", "listener_manager.lds.update_rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataplane:
    """A kuma-dp that is up."""

    workload: str
    agent: Process
    envoy: Process
    admin: str
    """Envoy's admin interface, in the grammar of `Site.reach`."""

    def rejections(self) -> int:
        """How often Envoy refused what it was sent."""
        counters = envoy_admin.counters(self.admin)
        return sum(counters.get(name, 0) for name in _REJECTED)


def start_dataplane(
    site: Site, arm: Arm, layout: Layout, workload: Workload, *, installation: Installation, config: Path
) -> Dataplane:
    """Start one pod's sidecar; the control plane is up and has the mesh.

    Args:
        config: kumactl's, that knows the control plane.

    Raises:
        DeploymentError: a command failed, or a program ended or did not become ready.
    """
    user = PROXY_USER if layout.transparent else None
    folder = site.folder(short_folder(layout.resident, workload.name), user)
    resource, token = folder / "dataplane.json", folder / "token"
    resource.write_text(json.dumps(dataplane(layout, arm, workload), indent=1))
    token.touch(mode=0o600)
    control = pod(layout.resident, CONTROL)
    token.write_text(site.run(token_argv(installation.kumactl.path, config, workload.name), host=control).strip())
    if user is not None:
        for path in (resource, token):
            os.chown(path, *user)
        _redirect(site, layout, workload, installation)
    name = f"{layout.resident}-{workload.name}"
    admin = f"unix:{folder / ADMIN_SOCKET}"
    argv = dataplane_argv(
        installation.dataplane.path,
        layout,
        arm,
        envoy=installation.envoy.path,
        resource=resource,
        token=token,
        folder=folder,
    )
    agent = site.start(
        ProcessSpec(
            name=f"{name}-agent",
            role="sidecar",
            host=workload.host,
            user=user,
            argv=argv,
            ready=http_ready(admin, "/ready"),
            deadline_s=_READY_S,
            limits=arm.limits.get("client" if workload.name == CLIENT else "server"),
        )
    )
    envoy = child_of(agent, name=f"{name}-sidecar", program=installation.envoy.path)
    return Dataplane(workload=workload.name, agent=agent, envoy=envoy, admin=admin)


def _redirect(site: Site, layout: Layout, workload: Workload, installation: Installation) -> None:
    try:
        site.run(redirection_argv(installation.kumactl.path, excluded=(APP_PORT + 1,)), host=workload.host)
    except DeploymentError as failed:
        raise DeploymentError(
            failed.code,
            f"the rules of redirection of {workload.host} could not be set: {failed.message}",
            log=failed.log,
            hint="`kumactl install transparent-proxy` needs iptables (apt install iptables) and the user `nobody`",
        ) from failed

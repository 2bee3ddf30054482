"""One sidecar: rules of redirection in its pod, the agent, and the Envoy that the agent starts.

The agent is what meshperf starts, Envoy is its child. Both are measured, each for itself, because the agent's share is
part of what Istio costs. When Envoy ends the agent ends too, so watching the agent watches both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.probes import http_ready
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.errors import DeploymentError
from meshperf.meshes import envoy_admin
from meshperf.meshes.agents import child_of
from meshperf.meshes.base import pod
from meshperf.meshes.istio import settings
from meshperf.meshes.istio.control_plane import ControlPlane
from meshperf.meshes.istio.installation import Installation
from meshperf.meshes.istio.layout import ADMIN_PORT, LOOPBACK, STATUS_PORT, Layout
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT

__all__ = ["Sidecar", "readiness", "start_sidecar"]

_READY_S = 20.0
_PLACES = ("etc/istio/proxy", "var/run/secrets/workload-spiffe-uds", "var/lib/istio/data")
"""Folders that agent and Envoy expect below their working folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """A sidecar that is up."""

    workload: str
    agent: Process
    envoy: Process
    admin: str
    """Envoy's admin interface, as `Site.reach` writes it."""

    def refused(self) -> Sequence[str]:
        """Which of its subscriptions ever refused an update."""
        return _refused(self.admin)


def start_sidecar(
    site: Site,
    arm: Arm,
    layout: Layout,
    workload: str,
    *,
    installation: Installation,
    folder: Path,
    certificates: Path,
    plane: ControlPlane,
) -> Sidecar:
    """Redirect a pod's connections and start its sidecar.

    Args:
        folder: working folder of agent and Envoy; made here.
        certificates: what the agent proves its identity with.

    Raises:
        DeploymentError: the rules could not be set, a program ended or did not become ready, or Envoy refuses its
            configuration.
    """
    host = pod(layout.resident, workload)
    for place in _PLACES:
        (folder / place).mkdir(mode=0o700, parents=True)
    _redirect(site, host, installation)
    admin = site.reach(host, ADMIN_PORT, at=LOOPBACK)
    environment = settings.agent_environment(
        layout,
        arm,
        workload,
        certificates=certificates,
        envoy=installation.envoy.path,
        bootstrap=installation.template,
    )
    name = f"{layout.resident}-{workload}-agent"
    agent = site.start(
        ProcessSpec(
            name=name,
            role="sidecar",
            host=host,
            user=settings.PROXY_USER,
            # Agent and Envoy name most of their files relative to where they run.
            argv=["env", f"--chdir={folder}", *settings.agent_argv(installation.agent.path, arm, workload)],
            env=environment,
            ready=readiness(name, site.reach(host, STATUS_PORT, at=LOOPBACK), admin, plane),
            deadline_s=_READY_S,
            listens=(f"{LOOPBACK}:{ADMIN_PORT}",),
            limits=arm.limits.get("client" if workload == CLIENT else "server"),
        )
    )
    envoy = child_of(agent, name=f"{layout.resident}-{workload}-sidecar", program=installation.envoy.path)
    return Sidecar(workload=workload, agent=agent, envoy=envoy, admin=admin)


def _redirect(site: Site, host: str, installation: Installation) -> None:
    try:
        site.run(settings.redirection_argv(installation.agent.path), host=host)
    except DeploymentError as failed:
        raise DeploymentError(
            failed.code,
            f"the rules of redirection of {host} could not be set: {failed.message}",
            log=failed.log,
            hint="`pilot-agent istio-iptables` needs iptables-save and iptables-restore (apt install iptables), and a"
            " kernel with nat, REDIRECT and owner matching",
        ) from failed


def readiness(name: str, status: str, admin: str, plane: ControlPlane) -> Callable[[], str | None]:
    """Ready when Envoy has its listeners. A refusal is final, so nobody waits for the deadline then.

    Raises, when it is asked:
        DeploymentError: Envoy refuses its configuration (MP5101), with istiod's word on it.
    """
    live = http_ready(status, "/healthz/ready")

    def probe() -> str | None:
        missing = live()
        if missing is not None and (names := _refused(admin)):
            raise DeploymentError(
                "MP5101",
                f"{name}: Envoy refuses the configuration that istiod sends it ({', '.join(names)})",
                log=plane.refusals(),
                hint="the lines name the filter or setting that this Envoy does not know; leave out what the arm sets"
                " beside Istio's defaults, or name Istio's own Envoy with `envoy`",
            )
        return missing

    return probe


def _refused(admin: str) -> Sequence[str]:
    return sorted(
        name for name, count in envoy_admin.counters(admin).items() if count and name.endswith(".update_rejected")
    )

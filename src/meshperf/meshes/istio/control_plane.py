"""Istiod of one resident: starting it in a pod of its own, and asking it what the sidecars have acknowledged.

It is ready when it answers on the port that agents dial. Its page for that purpose would never say so: it waits for
parts that belong to Kubernetes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.environments.asking import ask
from meshperf.environments.probes import tcp_ready
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.errors import DeploymentError
from meshperf.meshes.base import pod
from meshperf.meshes.binaries import Binary
from meshperf.meshes.istio import settings
from meshperf.meshes.istio.layout import CONTROL, DEBUG_PORT, LOOPBACK, XDS_PORT, Layout
from meshperf.spec.experiment import Arm

__all__ = ["ControlPlane", "SyncStatus", "read_sync", "start_control_plane"]

_READY_S = 20.0
_REFUSED = "ACK ERROR"
_MISUNDERSTOOD = "invalid mesh config"
"""Istiod goes on with its defaults then, and no agent would ever reach it."""
_MOST_LINES, _LONGEST_LINE = 5, 500
_HEARD_WITHIN_S = 2.0
_KINDS = ("cluster", "listener", "route", "endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """What istiod sent to one sidecar and what that acknowledged, by kind of configuration."""

    proxy: str
    """`workload.namespace`."""
    waiting: Sequence[str]
    """Kinds whose last push was not acknowledged: under way, or refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """A running istiod."""

    process: Process
    debug: str
    """Its debug interface, as `Site.reach` writes it."""
    folder: Path
    """The folder of its resources, which it watches."""

    def sync(self) -> Sequence[SyncStatus] | None:
        """The state of every connected sidecar; None: istiod does not answer."""
        reply = ask(self.debug, "/debug/syncz")
        return read_sync(reply.body) if reply.status == 200 else None

    def refusals(self) -> Sequence[str]:
        """The last lines of its log that tell what a sidecar refused, and why. Asked after a refusal was seen, which
        istiod may hear of a moment later."""
        until = time.monotonic() + _HEARD_WITHIN_S
        while not (lines := _lines_with(_REFUSED, self.process.log)) and time.monotonic() < until:
            time.sleep(0.02)
        return lines

    def write(self, name: str, resources: Sequence[Mapping[str, Any]]) -> None:
        """Put resources into one file of the folder, at once or not at all."""
        write_resources(self.folder, name, resources)


def read_sync(body: bytes) -> Sequence[SyncStatus]:
    """The answer of `/debug/syncz`; what is no such answer has no sidecar in it."""
    try:
        entries = json.loads(body)
    except ValueError:
        return ()
    return [
        SyncStatus(
            proxy=str(entry.get("proxy", "")),
            waiting=[kind for kind in _KINDS if entry.get(f"{kind}_sent") != entry.get(f"{kind}_acked")],
        )
        for entry in entries
        if isinstance(entry, dict)
    ]


def write_resources(folder: Path, name: str, resources: Sequence[Mapping[str, Any]]) -> None:
    """Write a file of resources. Istiod reads what ends in .yaml, so the file gets its name when it is whole."""
    unfinished = folder / f"{name}.unfinished"
    unfinished.write_text(settings.written(resources))
    unfinished.rename(folder / f"{name}.yaml")


def start_control_plane(
    site: Site,
    arm: Arm,
    layout: Layout,
    resources: Sequence[Mapping[str, Any]],
    *,
    program: Binary,
    folder: Path,
    signing: Path,
) -> ControlPlane:
    """Write istiod's configuration and start it.

    Args:
        folder: where its files go; made here.
        signing: folder with the authority that it signs with.

    Raises:
        DeploymentError: it ended, nobody answered on its port, or it does not understand the mesh configuration.
    """
    watched = folder / "resources"
    watched.mkdir(mode=0o700, parents=True)
    write_resources(watched, "services", resources)
    mesh = folder / "mesh.yaml"
    mesh.write_text(json.dumps(settings.mesh_configuration(layout, arm), indent=1))
    host = pod(layout.resident, CONTROL)
    process = site.start(
        ProcessSpec(
            name=f"{layout.resident}-istiod",
            role="control-plane",
            host=host,
            argv=settings.istiod_argv(program.path, layout, resources=watched, mesh=mesh, stock=not program.patched),
            env=settings.istiod_environment(arm, signing),
            ready=tcp_ready(site.reach(host, XDS_PORT)),
            deadline_s=_READY_S,
            listens=(f"{layout.control}:{XDS_PORT}",),
            limits=arm.limits.get("control-plane"),
        )
    )
    if lines := _lines_with(_MISUNDERSTOOD, process.log):
        raise DeploymentError(
            "MP5101",
            f"{process.name} does not understand its mesh configuration",
            log=lines,
            hint="look at what the arm sets under `control_plane` with a path that begins with meshConfig",
        )
    return ControlPlane(process=process, debug=site.reach(host, DEBUG_PORT, at=LOOPBACK), folder=watched)


def _lines_with(text: str, log: Path) -> Sequence[str]:
    lines = log.read_text(errors="replace").splitlines()
    return [line[:_LONGEST_LINE] for line in lines if text in line][-_MOST_LINES:]

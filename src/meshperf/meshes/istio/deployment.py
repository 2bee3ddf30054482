"""One resident of Istio: certificates, control plane, a sidecar in every pod, the first request.

Callees get their sidecars before their callers, the client last, so that nobody calls into a pod that does not listen
yet.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.asking import ask
from meshperf.environments.process_failures import last_lines
from meshperf.environments.site import Process, Site
from meshperf.errors import DeploymentError
from meshperf.load.plan import Target
from meshperf.meshes import envoy_admin, envoy_facts
from meshperf.meshes.base import APP_PORT, AppAddress, AppNeeds, ArmDeployment, pod
from meshperf.meshes.istio.control_plane import ControlPlane, start_control_plane
from meshperf.meshes.istio.credentials import Credentials
from meshperf.meshes.istio.installation import Installation
from meshperf.meshes.istio.layout import NAMESPACE, OUTSIDER, Layout
from meshperf.meshes.istio.observer import Observer, unsettled
from meshperf.meshes.istio.resident_facts import configuration_digest, resident_facts
from meshperf.meshes.istio.resources import resources
from meshperf.meshes.istio.scraping import start_scraping
from meshperf.meshes.istio.sidecar import Sidecar, start_sidecar
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT, Graph
from meshperf.spec.records import Facts

__all__ = ["INBOUND_SOURCE", "Prepared"]

INBOUND_SOURCE = "127.0.0.6"
"""From where a sidecar reaches its own application: Istio's choice, by which its rules tell such connections."""
_SETTLED_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One resident that waits for its application."""

    site: Site
    arm: Arm
    graph: Graph
    layout: Layout
    installation: Installation
    folder: Path

    def needs(self, service: str) -> AppNeeds:
        """A pod, and the address from which its sidecar comes."""
        trusted = INBOUND_SOURCE if self.arm.mode == "http" else None
        return AppNeeds(host=pod(self.layout.resident, service), trusted_peer=trusted)

    def upstream(self, caller: str, callee: str) -> str:
        """The callee's virtual address; redirection in the caller's pod catches it."""
        return f"{self.layout.service(callee).virtual}:{APP_PORT}"

    def deploy(self, apps: Mapping[str, AppAddress]) -> ArmDeployment:
        """Start istiod, then a sidecar in every pod."""
        site, layout = self.site, self.layout
        credentials = Credentials.make(self.folder / "credentials", layout)
        client = pod(layout.resident, CLIENT)
        site.address(pod(layout.resident, OUTSIDER))
        since = time.monotonic()
        plane = start_control_plane(
            site,
            self.arm,
            layout,
            resources(layout, self.arm),
            program=self.installation.istiod,
            folder=self.folder / "istiod",
            signing=credentials.signing,
        )
        order = [*(service.name for service in self.graph.services), CLIENT]
        sidecars = {workload: self._sidecar(workload, credentials, plane) for workload in order}
        _settle(plane, sidecars)
        entry = layout.service(layout.entry)
        virtual = f"{entry.virtual}:{APP_PORT}"
        inside = site.reach(client, APP_PORT, at=entry.virtual)
        first = envoy_facts.first_request(inside, since=since, check=site.check)
        scraping, scrapers = None, list[Process]()
        if self.arm.functions.metrics:
            scraping, found = start_scraping(site, layout, self.folder)
            scrapers += found
        digest = configuration_digest(self.arm, layout, self.installation.template_sha256)
        hops = envoy_facts.Hops(
            sidecars[CLIENT].admin,
            sidecars[layout.entry].admin,
            is_hop=lambda cluster: cluster.startswith(("inbound|", "outbound|")),
            mode=self.arm.mode,
        )
        return ArmDeployment(
            target=Target(
                name=layout.resident,
                address=virtual,
                host=f"{layout.entry}.{NAMESPACE}",
                network_namespace=site.namespace(client),
            ),
            processes=(*self._processes(plane, sidecars), *scrapers),
            facts={**resident_facts(self.arm, self.installation, digest), **first},
            observe=Observer(
                arm=self.arm,
                layout=layout,
                site=site,
                apps=apps,
                sidecars=sidecars,
                plane=plane,
                credentials=credentials,
                hops=hops,
                scraping=scraping,
                loaded={name: envoy_admin.configuration_digest(sidecar.admin) for name, sidecar in sidecars.items()},
            ),
            observed_facts=lambda: self._observed(inside, sidecars, hops),
        )

    def _sidecar(self, workload: str, credentials: Credentials, plane: ControlPlane) -> Sidecar:
        return start_sidecar(
            self.site,
            self.arm,
            self.layout,
            workload,
            installation=self.installation,
            folder=self.folder / "pods" / workload,
            certificates=credentials.provided / workload,
            plane=plane,
        )

    def _processes(self, plane: ControlPlane, sidecars: Mapping[str, Sidecar]) -> Sequence[Process]:
        pairs = [(sidecars[name].envoy, sidecars[name].agent) for name in self.layout.workloads]
        return (*(process for pair in pairs for process in pair), plane.process)

    def _observed(self, inside: str, sidecars: Mapping[str, Sidecar], hops: envoy_facts.Hops) -> Facts:
        facts = {**envoy_facts.security_facts(sidecars[CLIENT].admin), **hops.facts()}
        if self.arm.mode == "http":
            facts |= envoy_facts.header_growth(ask(inside, "/whoami").json())
        return facts


def _settle(plane: ControlPlane, sidecars: Mapping[str, Sidecar]) -> None:
    """Wait until every sidecar has acknowledged all that istiod sent it.

    Raises:
        DeploymentError: one refused its configuration, or did not answer in time (MP5101).
    """
    until = time.monotonic() + _SETTLED_WITHIN_S
    while late := unsettled(plane, sidecars):
        refused = any(sidecar.refused() for sidecar in sidecars.values())
        if refused or time.monotonic() >= until:
            raise DeploymentError(
                "MP5101",
                f"not every sidecar took its configuration: {'; '.join(late)}",
                log=plane.refusals() or last_lines(plane.process.log),
                hint="look for `ACK ERROR` above: a filter or resource that this Envoy does not know",
            )
        time.sleep(0.02)

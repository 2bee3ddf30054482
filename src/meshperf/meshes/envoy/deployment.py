"""Start the sidecars of one resident (and its gateway), callees before their callers, and say what was deployed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.environments.asking import ask, mutual_tls
from meshperf.environments.probes import http_ready
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.load.plan import Target
from meshperf.meshes import envoy_admin, envoy_facts
from meshperf.meshes.base import AppAddress, AppNeeds, ArmDeployment, pod
from meshperf.meshes.binaries import Binary
from meshperf.meshes.envoy.bootstrap import bootstrap, config_digest
from meshperf.meshes.envoy.claims import Observer, way_in
from meshperf.meshes.envoy.counts import everything, from_callers, to_callees, to_service
from meshperf.meshes.envoy.gateway import GATEWAY_PORT, Gateway, gateway_bootstrap
from meshperf.meshes.envoy.http_filters import TIMEOUT_S
from meshperf.meshes.envoy.layout import INBOUND_PORT, Layout, Sidecar
from meshperf.meshes.envoy.proofs import Proofs
from meshperf.meshes.envoy.redirection import redirect
from meshperf.meshes.envoy.scraping import start_scraping
from meshperf.meshes.envoy.templates import filled, template_values
from meshperf.meshes.identities import KEY_TYPE
from meshperf.meshes.none import NO_LIBRARY
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT
from meshperf.spec.records import Fact, Facts

__all__ = ["EnvoyPreparation"]

_READY_S = 15.0
_ONE_PROXY = {"both": "", "client": ", client's proxy alone", "server": ", service's proxy alone"}
_FIRST_ANSWER_S = 5.0
"""Sidecars that are ready answer at once, or their configuration lets them never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyPreparation:
    """One resident whose sidecars have addresses, certificates and a program, and wait for the application."""

    site: Site
    arm: Arm
    resident: str
    binary: Binary
    layout: Layout

    def needs(self, service: str) -> AppNeeds:
        sidecar = self.layout.sidecars.get(service)  # without one, nobody's word about the caller counts
        trusted = sidecar.own_source if sidecar is not None and self.arm.mode == "http" else None
        return AppNeeds(host=pod(self.resident, service), trusted_peer=trusted)

    def upstream(self, caller: str, callee: str) -> str:
        ip, port = self.layout.dialled(caller, callee)
        return f"{ip}:{port}"

    def deploy(self, apps: Mapping[str, AppAddress]) -> ArmDeployment:
        layout, site = self.layout, self.site
        configured = {
            service: bootstrap(self.arm, layout, sidecar, apps.get(service))
            for service, sidecar in layout.sidecars.items()
        }
        crossing = [] if layout.gateway is None else [gateway_bootstrap(layout.gateway)]
        since = time.monotonic()
        processes = self._start_all(configured, crossing, apps)
        through = way_in(site, layout)
        first = envoy_facts.first_request(through, since=since, check=site.check, deadline_s=_FIRST_ANSWER_S)
        scraping = None
        if self.arm.functions.metrics:
            scraping, scrapers = start_scraping(site, layout, self.resident)
            processes += scrapers
        hops = self._hops()
        proofs = Proofs(arm=self.arm, layout=layout, through=through, scraping=scraping)
        return ArmDeployment(
            target=Target(
                name=self.resident,
                address=self.upstream(CLIENT, layout.entry),
                host="app.meshperf",
                network_namespace=site.namespace(pod(self.resident, CLIENT)),
            ),
            processes=tuple(processes),
            facts={**self._facts(self._digest([*configured.values(), *crossing])), **first},
            observe=self._observer(apps, hops, proofs),
            observed_facts=lambda: self._observed(hops, through),
        )

    def _start_all(
        self,
        configured: Mapping[str, Mapping[str, Any]],
        crossing: Sequence[Mapping[str, Any]],
        apps: Mapping[str, AppAddress],
    ) -> list[Process]:
        """Callees before their callers, the gateway before the client, and rules before what they redirect to."""
        layout, processes = self.layout, []
        for service, sidecar in layout.sidecars.items():
            if layout.transparent:
                redirect(self.site, sidecar.host, inbound=service in apps)
            if layout.gateway is not None and sidecar is layout.client:
                processes += [self._start_gateway(layout.gateway, config) for config in crossing]
            processes.append(self._start(sidecar, self._written(sidecar, configured[service], apps)))
        return processes

    def _hops(self) -> envoy_facts.Hops:
        whole = self.layout.single
        client, server = (self.layout.sidecars.get(service) for service in (CLIENT, self.layout.entry))
        return envoy_facts.Hops(
            None if client is None else client.admin_reach,
            None if server is None else server.admin_reach,
            is_hop=everything if whole else to_callees,
            to_app=everything if whole else to_service,
            mode=self.arm.mode,
        )

    def _observer(self, apps: Mapping[str, AppAddress], hops: envoy_facts.Hops, proofs: Proofs) -> Observer:
        layout = self.layout
        ca, stranger, sidecars = layout.authority, layout.stranger, layout.sidecars.items()
        own = {name: mutual_tls(ca, one.identity.certificate, one.identity.key) for name, one in sidecars}
        return Observer(
            site=self.site,
            arm=self.arm,
            layout=layout,
            apps=apps,
            stranger=mutual_tls(ca, stranger.certificate, stranger.key),
            nobody=mutual_tls(ca, None, None),
            own=own,
            loaded={name: envoy_admin.configuration_digest(one.admin_reach) for name, one in sidecars},
            hops=hops,
            proofs=proofs,
        )

    def _template(self, sidecar: Sidecar) -> Path | None:
        return self.arm.client_bootstrap if sidecar.service == CLIENT else self.arm.server_bootstrap

    def _written(self, sidecar: Sidecar, config: Mapping[str, Any], apps: Mapping[str, AppAddress]) -> Path:
        template = self._template(sidecar)
        path = self.layout.folder / f"{sidecar.name}.{'json' if template is None else 'yaml'}"
        if template is None:
            path.write_text(json.dumps(config))
        else:
            path.write_text(filled(template, template_values(self.layout, apps[self.layout.entry])))
        return path

    def _start(self, sidecar: Sidecar, config: Path) -> Process:
        listens = [callee.dialled for callee in sidecar.callees if callee.bound]
        if sidecar.callers:
            listens.append((sidecar.address, INBOUND_PORT))
        return self._envoy(f"{sidecar.name}-sidecar", sidecar, config, listens)

    def _start_gateway(self, gateway: Gateway, config: Mapping[str, Any]) -> Process:
        path = self.layout.folder / f"{gateway.name}-of-cluster.json"
        path.write_text(json.dumps(config))
        return self._envoy(gateway.name, gateway, path, [(gateway.address, GATEWAY_PORT)])

    def _envoy(self, name: str, place: Sidecar | Gateway, config: Path, listens: Sequence[tuple[str, int]]) -> Process:
        arguments = [
            str(self.binary.path), "-c", str(config), "--concurrency", str(self.arm.proxy_concurrency),
            "--disable-hot-restart", "-l", "warning",
        ]  # fmt: skip
        return self.site.start(
            ProcessSpec(
                name=f"{self.resident}-{name}",
                role="sidecar",
                argv=arguments,
                ready=http_ready(place.admin_reach, "/ready"),
                host=place.host,
                listens=tuple(f"{ip}:{port}" for ip, port in (place.admin, *listens)),
                deadline_s=_READY_S,
            )
        )

    def _digest(self, configured: list[dict[str, Any]]) -> str:
        """Of our configuration without its addresses; of the user's own templates as they are written."""
        own = config_digest(self.layout, configured)
        templates = (self.arm.client_bootstrap, self.arm.server_bootstrap)
        if templates == (None, None):
            return own
        texts = [own.encode() if path is None else path.read_bytes() for path in templates]
        return hashlib.sha256(b"\0".join(texts)).hexdigest()

    def _facts(self, digest: str) -> Facts:
        functions, templates = self.arm.functions, (self.arm.client_bootstrap, self.arm.server_bootstrap)
        telemetry = "counters"
        telemetry += ", scraped every second" if functions.metrics else ""
        telemetry += ", tracing" if functions.tracing else ""
        minor = ".".join(self.binary.version.split(".")[:2])
        return {
            **envoy_facts.mesh_facts(
                self.arm,
                version=self.binary.version,
                release="static",
                label=f"envoy {minor}{_ONE_PROXY[self.arm.proxies]}"
                if templates == (None, None)
                else f"envoy {minor}, own configuration",
                control_plane="none (static configuration)",
                config_digest=digest,
            ),
            **envoy_facts.proxy_facts(self.binary),
            **envoy_facts.declared_facts(
                self.arm,
                interception="iptables redirect" if self.layout.transparent else "explicit port",
                key_type=KEY_TYPE,
                telemetry=telemetry,
                request_timeout_s=(functions.timeout_s or TIMEOUT_S) if self.arm.mode == "http" else None,
            ),
            "proxy.config_digest": Fact(value=digest, source="adapter"),
            **NO_LIBRARY,
        }

    def _observed(self, hops: envoy_facts.Hops, through: str) -> Facts:
        """Protocols first: the question after them is a connection too."""
        first = self.layout.on_the_way[0]
        security = envoy_facts.security_facts(first.admin_reach, source=f"{first.title}'s handshakes")
        seen = {**hops.facts(), **security, "proxy.placement": _placement(self.layout)}
        if self.arm.mode != "http":
            return {**seen, "proxy.header_growth_bytes": Fact(value=0, source="adapter")}
        return {**seen, **envoy_facts.header_growth(ask(through, "/whoami").json())}


def _placement(layout: Layout) -> Fact:
    """Which sidecars connections came in at."""
    passed = [
        "client" if sidecar.service == CLIENT else "server"
        for sidecar in layout.on_the_way
        if from_callers(envoy_admin.counters(sidecar.admin_reach), "downstream_cx_total")
    ]
    source = "connections that the sidecars counted"
    if not passed:
        return Fact(unavailable="no connection came in at a sidecar")
    return Fact(value="both" if len(passed) > 1 else passed[0], source=source)

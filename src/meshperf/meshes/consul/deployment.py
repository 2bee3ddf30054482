"""Start what Consul brings: the agent, then a sidecar beside every service and the client, then the first requests.

The agent's configuration is whole before it starts, so nothing is registered while load runs. A sidecar that does not
accept what it is sent (a NACK) stays alive with less than it should have: that is looked for before the arm counts as
deployed, and its own words are in the error.
"""

from __future__ import annotations

import json
import os
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.asking import ask, mutual_tls
from meshperf.environments.probes import http_ready
from meshperf.environments.process_failures import last_lines
from meshperf.environments.site import Process, ProcessSpec, Site, folder_name
from meshperf.errors import DeploymentError
from meshperf.load.plan import Target
from meshperf.meshes import envoy_admin
from meshperf.meshes.base import APP_PORT, AppAddress, AppNeeds, ArmDeployment, pod
from meshperf.meshes.binaries import Binary
from meshperf.meshes.consul.agent_config import agent_configuration, configuration_digest
from meshperf.meshes.consul.bootstrap import (
    PROXY_USER,
    bootstrap_argv,
    completed,
    redirection_argv,
    sidecar_argv,
)
from meshperf.meshes.consul.claims import Callers, Observer, is_hop, is_own_app
from meshperf.meshes.consul.facts import Seen, configured_facts
from meshperf.meshes.consul.layout import (
    ADMIN_PORT,
    CONTROL,
    GOSSIP_PORT,
    GRPC_PORT,
    HTTP_PORT,
    PUBLIC_PORT,
    SERVER_PORT,
    Layout,
    Workload,
)
from meshperf.meshes.consul.questions import agent_ready, leaf, trust_domain, write_authority
from meshperf.meshes.consul.scraping import start_scraping
from meshperf.meshes.envoy_facts import Hops, first_request
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT, Graph
from meshperf.spec.records import Facts

__all__ = ["Prepared", "prepared"]

_AGENT_READY_S = 30.0
_SIDECAR_READY_S = 20.0
_FIRST_REQUEST_S = 30.0
_POLL_S = 0.02
_SETTLED_WITHIN_S, _SETTLED_POLL_S, _ALIKE = 15.0, 0.2, 3
"""A configuration has settled when it was the same so many times in a row."""
_UNLISTED = "unlisted"
"""A name for which Consul issues a certificate, and which no intention names."""
_REJECTED = ("cluster_manager.cds.update_rejected", "listener_manager.lds.update_rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One resident that waits for its application."""

    site: Site
    arm: Arm
    resident: str
    graph: Graph
    consul: Binary
    envoy: Binary
    layout: Layout
    folder: Path
    sidecars: Path
    """Folder that the sidecars can read and write, whoever they run as."""

    def needs(self, service: str) -> AppNeeds:
        """A service believes its own sidecar; in TCP mode no sidecar writes headers."""
        trusted = self.layout.workload(service).address if self.arm.mode == "http" else None
        return AppNeeds(host=pod(self.resident, service), trusted_peer=trusted)

    def upstream(self, caller: str, callee: str) -> str:
        """The caller's upstream listener for the callee, or the callee's virtual address."""
        return self.layout.workload(caller).upstreams[callee]

    def deploy(self, apps: Mapping[str, AppAddress]) -> ArmDeployment:
        """Start agent and sidecars, and wait until a request passes over every edge.

        Raises:
            DeploymentError: a process did not become ready, or a sidecar did not accept its configuration.
        """
        configuration = agent_configuration(self.layout, self.arm, apps, log_folder=str(self.sidecars))
        digest = configuration_digest(configuration, self.layout, log_folder=str(self.sidecars))
        since = time.monotonic()
        agent = self._start_agent(json.dumps(configuration, indent=1))
        sidecars = {workload.name: self._start_sidecar(workload) for workload in self._from_the_entry_back()}
        edges = self._dialled_edges()
        first = first_request(
            edges[CLIENT, self.graph.entry], since=since, check=self.site.check, deadline_s=_FIRST_REQUEST_S
        )
        for (caller, callee), address in edges.items():
            self._wait_for_a_request(address, self.layout.workload(caller), self.layout.workload(callee), sidecars)
        self._settle()
        self._require_accepted(sidecars)
        scraping, scrapers = None, list[Process]()
        if self.arm.functions.metrics:
            scraping, found = start_scraping(self.site, self.layout, self.folder)
            scrapers = [*found]
        domain = trust_domain(self.layout.http)
        # From another pod: whoever is in the service's own pod has its sidecar's address.
        outside = self.layout.outside
        client, entry = self.layout.client, self.layout.workload(self.graph.entry)
        hops = Hops(client.admin, entry.admin, is_hop=is_hop, to_app=is_own_app, mode=self.arm.mode)
        return ArmDeployment(
            target=Target(
                name=self.resident,
                address=self.upstream(CLIENT, self.graph.entry),
                host="app.meshperf",
                network_namespace=self.layout.namespace,
            ),
            processes=(agent, *(sidecars[workload.name] for workload in self.layout.workloads), *scrapers),
            facts=self._facts(digest, first),
            observe=Observer(
                arm=self.arm,
                layout=self.layout,
                apps=apps,
                addresses={
                    name: self.site.reach(outside or pod(self.resident, CLIENT), app.port, at=app.host)
                    for name, app in apps.items()
                },
                edges=edges,
                domain=domain,
                callers=self._callers(domain),
                outside=self._from_outside(),
                loaded={
                    workload.name: envoy_admin.configuration_digest(workload.admin)
                    for workload in self.layout.workloads
                },
                hops=hops,
                scraping=scraping,
            ),
            observed_facts=Seen(arm=self.arm, layout=self.layout, entry=edges[CLIENT, self.graph.entry], hops=hops),
        )

    def _facts(self, digest: str, first: Facts) -> Facts:
        return {
            **configured_facts(self.arm, self.layout, consul=self.consul, envoy=self.envoy, config_digest=digest),
            **first,
        }

    def _start_agent(self, configuration: str) -> Process:
        path = self.folder / "agent.json"
        path.touch(mode=0o600)
        path.write_text(configuration)
        ports = (HTTP_PORT, GRPC_PORT, SERVER_PORT, GOSSIP_PORT)
        return self.site.start(
            ProcessSpec(
                name=f"{self.resident}-agent",
                role="control-plane",
                host=pod(self.resident, CONTROL),
                # One server that keeps everything in memory.
                argv=[str(self.consul.path), "agent", "-dev", "-config-file", str(path)],
                ready=agent_ready(self.layout.http),
                listens=tuple(f"{self.layout.agent}:{port}" for port in ports),
                deadline_s=_AGENT_READY_S,
                limits=self.arm.limits.get("control-plane"),
            )
        )

    def _from_the_entry_back(self) -> Sequence[Workload]:
        """Services before the client, so that what it dials is there."""
        return (*self.layout.services, self.layout.client)

    def _start_sidecar(self, workload: Workload) -> Process:
        printed = self.site.run(
            bootstrap_argv(self.consul.path, self.layout, workload), host=pod(self.resident, CONTROL)
        )
        user = PROXY_USER if self.layout.transparent else None
        path = self.sidecars / f"{workload.name}.json"
        path.write_text(json.dumps(completed(printed, workload, equal=self.arm.defaults == "equal")))
        listens = [f"{workload.inner}:{ADMIN_PORT}", f"{workload.address}:{PUBLIC_PORT}"]
        if user is None:
            listens += workload.upstreams.values()
        else:
            os.chown(path, *user)
            self._redirect(workload)
        return self.site.start(
            ProcessSpec(
                name=f"{self.resident}-{workload.name}-sidecar",
                role="sidecar",
                host=workload.host,
                user=user,
                argv=sidecar_argv(self.envoy.path, path, concurrency=self.arm.proxy_concurrency),
                ready=http_ready(workload.admin, "/ready"),
                listens=listens,
                deadline_s=_SIDECAR_READY_S,
                limits=self.arm.limits.get("client" if workload.name == CLIENT else "server"),
            )
        )

    def _redirect(self, workload: Workload) -> None:
        try:
            self.site.run(redirection_argv(self.consul.path, self.layout, workload), host=workload.host)
        except DeploymentError as failed:
            raise DeploymentError(
                failed.code,
                f"the rules of redirection of {workload.host} could not be set: {failed.message}",
                log=failed.log,
                hint="`consul connect redirect-traffic` needs iptables, and a kernel with nat and owner matching",
            ) from failed

    def _dialled_edges(self) -> Mapping[tuple[str, str], str]:
        found = {}
        for caller, callee in self.layout.edges:
            address, _, port = caller.upstreams[callee.name].rpartition(":")
            found[caller.name, callee.name] = self.site.reach(caller.host, int(port), at=address)
        return found

    def _wait_for_a_request(
        self, address: str, caller: Workload, callee: Workload, sidecars: Mapping[str, Process]
    ) -> None:
        until = time.monotonic() + _FIRST_REQUEST_S
        while True:
            reply = ask(address, "/whoami")
            if reply.status == 200:
                return
            self.site.check()
            if time.monotonic() >= until:
                self._require_accepted(sidecars)
                what = reply.failure or f"status {reply.status}"
                raise DeploymentError(
                    "MP5101",
                    f"no request of {caller.name} reached {callee.name} within {_FIRST_REQUEST_S:g} s: {what}",
                    log=last_lines(sidecars[caller.name].log),
                    hint="the last lines are those of the caller's sidecar",
                )
            time.sleep(_POLL_S)

    def _settle(self) -> None:
        """Wait until no sidecar's configuration changes any more: Consul answers requests before it has sent it all.

        What never settles is left to the claims, which hold the configuration against this one.
        """
        until, seen, alike = time.monotonic() + _SETTLED_WITHIN_S, list[str | None](), 0
        while alike < _ALIKE and time.monotonic() < until:
            time.sleep(_SETTLED_POLL_S)
            self.site.check()
            now = [envoy_admin.configuration_digest(workload.admin) for workload in self.layout.workloads]
            seen, alike = now, alike + 1 if now == seen and None not in now else 0

    def _require_accepted(self, sidecars: Mapping[str, Process]) -> None:
        for workload in self.layout.workloads:
            counters = envoy_admin.counters(workload.admin)
            rejected = sum(counters.get(name, 0) for name in _REJECTED)
            if rejected:
                raise DeploymentError(
                    "MP5101",
                    f"the sidecar of {workload.name} rejected its configuration ({rejected} times): the agent asks for"
                    " what this Envoy does not do",
                    log=last_lines(sidecars[workload.name].log),
                    hint=f"use a version of Envoy that Consul {self.consul.version} was made for (`envoy:` in the arm)",
                )

    def _callers(self, domain: str) -> Callers:
        from meshperf.meshes.identities import Authority

        ca = self.folder / "authority.crt"
        write_authority(self.layout.http, ca)
        foreign = Authority(self.folder / "foreign").issue("client")
        http = self.layout.http

        def with_leaf(name: str) -> ssl.SSLContext:
            found = leaf(http, name, self.folder)
            return mutual_tls(ca, found.certificate, found.key)

        return Callers(
            stranger=mutual_tls(ca, foreign.certificate, foreign.key),
            nobody=mutual_tls(ca, None, None),
            unlisted=with_leaf(_UNLISTED),
            listed={service: with_leaf(callers[0]) for service, callers in self.layout.callers.items()},
        )

    def _from_outside(self) -> Mapping[str, str]:
        outside = self.layout.outside
        if outside is None:
            return {}
        port = APP_PORT if self.layout.transparent else PUBLIC_PORT
        return {service.name: self.site.reach(outside, port, at=service.address) for service in self.layout.services}


def prepared(site: Site, arm: Arm, resident: str, graph: Graph, *, consul: Binary, envoy: Binary) -> Prepared:
    """Give out the addresses and make the folder of one resident."""
    transparent = arm.interception == "transparent"
    name = f"consul/{folder_name(resident)}"
    return Prepared(
        site=site,
        arm=arm,
        resident=resident,
        graph=graph,
        consul=consul,
        envoy=envoy,
        layout=Layout.of(site, resident, graph, transparent=transparent),
        folder=site.folder(name),
        sidecars=site.folder(f"{name}+sidecars", PROXY_USER if transparent else None),
    )

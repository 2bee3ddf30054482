"""Start what Kuma brings: the control plane with mesh and policies, a sidecar in every pod, the first requests."""

from __future__ import annotations

import hashlib
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.asking import Reply, ask
from meshperf.environments.probes import http_ready
from meshperf.environments.process_failures import last_lines
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.errors import DeploymentError
from meshperf.load.plan import Target
from meshperf.meshes import envoy_admin
from meshperf.meshes.base import AppAddress, AppNeeds, ArmDeployment, pod
from meshperf.meshes.envoy_facts import (
    Hops,
    declared_facts,
    first_request,
    header_growth,
    mesh_facts,
    program_facts,
    proxy_facts,
    security_facts,
)
from meshperf.meshes.kuma.claims import Observer, is_hop, is_own_app
from meshperf.meshes.kuma.commands import apply_argv, control_plane_argv, control_plane_environment, login_argv
from meshperf.meshes.kuma.dataplanes import Dataplane, start_dataplane
from meshperf.meshes.kuma.layout import (
    API_PORT,
    CONTROL,
    DATAPLANE_SERVER_PORT,
    LOOPBACK,
    PASSTHROUGH_SOURCE,
    UNLISTED,
    Layout,
    Workload,
    short_folder,
)
from meshperf.meshes.kuma.mesh import Installation
from meshperf.meshes.kuma.policies import REQUEST_TIMEOUT_S, dataplane, mesh, policies
from meshperf.meshes.none import NO_LIBRARY
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT, Graph
from meshperf.spec.records import Claim, Fact, Facts

__all__ = ["Prepared", "prepared"]

_CONTROL_PLANE_READY_S = 30.0
_REQUEST_WITHIN_S = 30.0
_DENIED_WITHIN_S = 15.0
_POLL_S = 0.05
_DENIED = 403
_KEYS = {"ecdsa_secp256r1": "ECDSA P-256", "ecdsa_secp384r1": "ECDSA P-384", "rsa_": "RSA", "ed25519": "Ed25519"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One resident that waits for its application."""

    site: Site
    arm: Arm
    graph: Graph
    installation: Installation
    layout: Layout

    def needs(self, service: str) -> AppNeeds:
        """A pod, and the address from which its sidecar comes."""
        workload = self.layout.workload(service)
        source = PASSTHROUGH_SOURCE if self.layout.transparent else workload.address
        return AppNeeds(host=workload.host, trusted_peer=source if self.arm.mode == "http" else None)

    def upstream(self, caller: str, callee: str) -> str:
        """The callee's virtual address, or the caller's own outbound listener."""
        address, port = self.layout.outbound(caller, callee)
        return f"{address}:{port}"

    def deploy(self, apps: Mapping[str, AppAddress]) -> ArmDeployment:
        """Start control plane and sidecars, and wait until a request passes over every edge.

        Raises:
            DeploymentError: a process did not become ready, or a sidecar did not accept its configuration.
        """
        layout = self.layout
        config = self.site.folder(short_folder(layout.resident, "kumactl")) / "config"
        since = time.monotonic()
        plane = self._start_control_plane(config)
        order = (*layout.services, layout.workload(CLIENT))
        sidecars = {workload.name: self._start(workload, config) for workload in order}
        edges = {
            (caller, callee): self._dialled(layout.workload(caller), callee) for caller, callee in self.graph.edges()
        }
        first = first_request(
            edges[CLIENT, layout.entry], since=since, check=self.site.check, deadline_s=_REQUEST_WITHIN_S
        )
        for (caller, callee), address in edges.items():
            self._wait_for_a_request(address, caller, callee, sidecars)
        _require_accepted(sidecars)
        denied = self._try_unlisted(config) if self.arm.mtls == "strict" else None
        admins = {workload.name: sidecars[workload.name].admin for workload in layout.workloads}
        hops = Hops(admins[CLIENT], admins[layout.entry], is_hop=is_hop, to_app=is_own_app, mode=self.arm.mode)
        nobody, stranger = self._outsiders()
        return ArmDeployment(
            target=Target(
                name=layout.resident,
                address=self.upstream(CLIENT, layout.entry),
                host="app.meshperf",
                network_namespace=self.site.namespace(pod(layout.resident, CLIENT)),
            ),
            processes=(*self._processes(sidecars), plane),
            facts={**self._facts(), **first},
            observe=Observer(
                arm=self.arm,
                layout=layout,
                apps=apps,
                admins=admins,
                edges=edges,
                inbounds=self._inbounds(CLIENT),
                outside=self._inbounds(CONTROL),
                nobody=nobody,
                stranger=stranger,
                denied=denied,
                loaded={name: envoy_admin.configuration_digest(admin) for name, admin in admins.items()},
                hops=hops,
            ),
            observed_facts=lambda: self._observed(edges[CLIENT, layout.entry], admins[CLIENT], hops),
        )

    def _start_control_plane(self, config: Path) -> Process:
        layout, programs, control = self.layout, self.installation, pod(self.layout.resident, CONTROL)
        folder = self.site.folder(short_folder(layout.resident, "control"))
        api = self.site.reach(control, API_PORT, at=LOOPBACK)
        plane = self.site.start(
            ProcessSpec(
                name=f"{layout.resident}-kuma-cp",
                role="control-plane",
                host=control,
                argv=control_plane_argv(programs.control_plane.path),
                env=control_plane_environment(layout, self.arm, folder),
                ready=http_ready(api, "/"),
                listens=(f"{LOOPBACK}:{API_PORT}", f"{layout.control}:{DATAPLANE_SERVER_PORT}"),
                deadline_s=_CONTROL_PLANE_READY_S,
                limits=self.arm.limits.get("control-plane"),
            )
        )
        self.site.run(login_argv(programs.kumactl.path, config), host=control)
        for name, resources in (("mesh", [mesh(self.arm)]), ("policies", policies(layout, self.arm))):
            if resources:
                path = folder / f"{name}.yaml"
                # JSON is YAML, and needs no library to be written.
                path.write_text("\n---\n".join(json.dumps(resource) for resource in resources) + "\n")
                self.site.run(apply_argv(programs.kumactl.path, config, path), host=control)
        return plane

    def _start(self, workload: Workload, config: Path) -> Dataplane:
        return start_dataplane(
            self.site, self.arm, self.layout, workload, installation=self.installation, config=config
        )

    def _dialled(self, caller: Workload, callee: str) -> str:
        address, port = self.layout.outbound(caller.name, callee)
        return self.site.reach(caller.host, port, at=address)

    def _inbounds(self, dialler: str) -> Mapping[str, str]:
        found = {}
        for service in self.layout.services:
            address, port = self.layout.inbound(service.name)
            found[service.name] = self.site.reach(pod(self.layout.resident, dialler), port, at=address)
        return found

    def _wait_for_a_request(self, address: str, caller: str, callee: str, sidecars: Mapping[str, Dataplane]) -> None:
        until = time.monotonic() + _REQUEST_WITHIN_S
        while (reply := ask(address, "/whoami")).status != 200:
            self.site.check()
            if time.monotonic() >= until:
                _require_accepted(sidecars)
                raise DeploymentError(
                    "MP5101",
                    f"no request of {caller} reached {callee} within {_REQUEST_WITHIN_S:g} s: {_told(reply)}",
                    log=last_lines(sidecars[caller].agent.log),
                    hint="the last lines are those of the caller's kuma-dp",
                )
            time.sleep(_POLL_S)

    def _try_unlisted(self, config: Path) -> Claim:
        """A sidecar that no permission names calls the entry, and is gone again."""
        sidecar = self._start(self.layout.unlisted, config)
        address, until = self._dialled(self.layout.unlisted, self.layout.entry), time.monotonic() + _DENIED_WITHIN_S
        try:
            while not _is_denied(reply := ask(address, "/whoami"), self.arm.mode) and time.monotonic() < until:
                time.sleep(_POLL_S)
        finally:
            self.site.stop(sidecar.agent)
        return Claim(
            claim="mtls: a wrong identity is refused",
            held=_is_denied(reply, self.arm.mode),
            evidence=f"a sidecar that no permission names was answered with {_told(reply)}, before the load",
            when="begin",
        )

    def _outsiders(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """A caller without certificate and one of another authority; whom they talk to they do not verify."""
        from meshperf.meshes.identities import Authority

        foreign = Authority(self.site.folder(short_folder(self.layout.resident, "foreign"))).issue("client")
        nobody, stranger = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2))
        for context in (nobody, stranger):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        stranger.load_cert_chain(foreign.certificate, foreign.key)
        return nobody, stranger

    def _processes(self, sidecars: Mapping[str, Dataplane]) -> Sequence[Process]:
        pairs = [(sidecars[workload.name].envoy, sidecars[workload.name].agent) for workload in self.layout.workloads]
        return tuple(process for pair in pairs for process in pair)

    def _facts(self) -> Facts:
        programs, timeout_s = self.installation, self.arm.functions.timeout_s or REQUEST_TIMEOUT_S
        version, settings = programs.control_plane.version, self.arm.control_plane
        digest = _digest(self.layout, self.arm)
        return {
            **mesh_facts(
                self.arm,
                version=version,
                release="development" if "-" in version else "release",
                label=f"kuma {'.'.join(version.split('.')[:2])} (unproven)",
                control_plane=f"kuma-cp {version} (universal, in memory)",
                config_digest=digest,
                proven=False,
            ),
            **declared_facts(
                self.arm,
                interception="iptables redirect" if self.layout.transparent else "explicit port",
                key_type="as the control plane chose it",
                request_timeout_s=timeout_s if self.arm.mode == "http" else None,
            ),
            **proxy_facts(programs.envoy),
            **program_facts(programs.control_plane),
            **program_facts(programs.dataplane),
            **program_facts(programs.kumactl),
            **{
                f"control_plane.{name}": Fact(value=text, source="experiment", observed=False)
                for name, text in settings.items()
            },
            "proxy.config_digest": Fact(value=digest, source="adapter"),
            **NO_LIBRARY,
        }

    def _observed(self, entry: str, admin: str, hops: Hops) -> Facts:
        growth = header_growth(ask(entry, "/whoami").json()) if self.arm.mode == "http" else {}
        seen = dict(security_facts(admin))
        # Kuma says nowhere which keys it makes; what they sign with does.
        signature = str(seen["security.tls_signature"].value)
        kind = next((name for start, name in _KEYS.items() if signature.startswith(start)), "none")
        seen["security.key_type"] = Fact(value=kind, source="signature of the handshakes")
        return {**seen, **growth, **hops.facts()}


def _is_denied(reply: Reply, mode: str) -> bool:
    """By the permission: 403 in HTTP; bytes are cut off after the connection was taken."""
    return reply.status == _DENIED if mode == "http" else reply.reached and not reply.answered


def _told(reply: Reply) -> str:
    return f"status {reply.status}" if reply.answered else reply.failure


def _require_accepted(sidecars: Mapping[str, Dataplane]) -> None:
    for name, sidecar in sidecars.items():
        if rejected := sidecar.rejections():
            raise DeploymentError(
                "MP5101",
                f"the sidecar of {name} rejected its configuration ({rejected} times): the control plane asks for what"
                " this Envoy does not do",
                log=last_lines(sidecar.agent.log),
                hint="use the version of Envoy that comes with Kuma (`envoy:` in the arm)",
            )


def _digest(layout: Layout, arm: Arm) -> str:
    """Of everything that is applied, without addresses: equal settings give equal digests anywhere."""
    resources = [mesh(arm), *policies(layout, arm), *(dataplane(layout, arm, one) for one in layout.workloads)]
    text = json.dumps(resources, sort_keys=True)
    for workload in sorted(layout.workloads, key=lambda one: len(one.address), reverse=True):
        text = text.replace(f'"{workload.address}"', f'"<{workload.name}>"')
    settings = json.dumps(dict(arm.control_plane), sort_keys=True)
    return hashlib.sha256(f"{text}{settings}".encode()).hexdigest()


def prepared(site: Site, arm: Arm, resident: str, graph: Graph, *, installation: Installation) -> Prepared:
    """Give out the addresses of one resident. Without a word in the arm, connections are redirected."""
    transparent = arm.interception != "explicit"
    layout = Layout.of(site, resident, graph, transparent=transparent)
    site.address(pod(resident, UNLISTED))
    return Prepared(site=site, arm=arm, graph=graph, installation=installation, layout=layout)

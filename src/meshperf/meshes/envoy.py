"""Envoy as a static sidecar pair, without a control plane: the always-available mesh.

Options of an arm: `mtls` strict or off, `proxy_concurrency` workers a sidecar, `access_log`, `mode` http or tcp,
`envoy` a binary, `client_bootstrap` and `server_bootstrap` the user's own configuration templates. With templates of
the user's the claims are still tried out: what an arm declares is what must be seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.environments.asking import ask, mutual_tls
from meshperf.environments.probes import http_ready
from meshperf.environments.site import Process, ProcessSpec, Site, folder_name
from meshperf.errors import DocumentError, Location, PrerequisiteError, UsageError
from meshperf.load.plan import Target
from meshperf.meshes import envoy_admin
from meshperf.meshes.base import AppAddress, AppNeeds, ArmDeployment, Detection, Preparation, pod
from meshperf.meshes.envoy_binary import EnvoyBinary, find_envoy
from meshperf.meshes.envoy_claims import Observer
from meshperf.meshes.envoy_config import SidecarPair, client_bootstrap, config_digest, server_bootstrap
from meshperf.meshes.none import NO_LIBRARY
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import Graph
from meshperf.spec.records import Fact, Facts

__all__ = ["EnvoyMesh", "adapter"]

_READY_S = 15.0
_PROBE_HEADERS = frozenset({"host", "connection", "accept-encoding"})
"""Headers of the probe itself, which the pair did not add."""


class EnvoyMesh:
    """The adapter of `mesh: envoy`."""

    name = "envoy"

    def detect(self) -> Detection:
        try:
            binary = find_envoy()
        except PrerequisiteError as missing:
            return Detection(mesh=self.name, available=False, missing=f"{missing.message}; {missing.hint}")
        return Detection(
            mesh=self.name,
            available=True,
            version=f"{binary.version} ({binary.build}, from {binary.origin})",
            binaries={"envoy": binary.sha256},
        )

    def check(self, arm: Arm, graph: Graph, environment: str) -> None:
        if len(graph.services) > 1 or arm.functions.used() or arm.interception == "transparent":
            raise UsageError("MP1008", f"arm `{arm.name}`: not available yet with mesh envoy")
        find_envoy(arm.envoy_path)

    def prepare(self, site: Site, arm: Arm, resident: str, graph: Graph) -> Preparation:
        from meshperf.meshes.identities import Authority

        binary = find_envoy(arm.envoy_path)
        folder = site.work_dir / "envoy" / folder_name(resident)
        authority = Authority(folder / "certificates")
        return _Prepared(
            site=site, arm=arm, resident=resident, binary=binary, folder=folder, authority=authority, entry=graph.entry,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    site: Site
    arm: Arm
    resident: str
    binary: EnvoyBinary
    folder: Path
    authority: Any
    entry: str

    def needs(self, service: str) -> AppNeeds:
        return AppNeeds(
            host=pod(self.resident, service),
            trusted_peer=self.site.address(f"{self.resident}-server") if self.arm.mode == "http" else None,
        )

    def upstream(self, caller: str, callee: str) -> str:
        raise NotImplementedError

    def deploy(self, apps: Mapping[str, AppAddress]) -> ArmDeployment:
        app = apps[self.entry]
        client, server, stranger = (self.authority.issue(name) for name in ("client", "server", "stranger"))
        pair = SidecarPair(
            client_address=self.site.address(f"{self.resident}-client"),
            server_address=self.site.address(f"{self.resident}-server"),
            app_address=app.host,
            app_port=app.port,
            mtls=self.arm.mtls == "strict",
            mode=self.arm.mode,
            access_log=self.folder if self.arm.access_log else None,
            ca=self.authority.certificate,
            client_certificate=client.certificate,
            client_key=client.key,
            client_identity=client.uri,
            server_certificate=server.certificate,
            server_key=server.key,
            server_identity=server.uri,
        )
        processes = (
            self._start("server", pair, server_bootstrap(pair), self.arm.server_bootstrap, pair.server_admin),
            self._start("client", pair, client_bootstrap(pair), self.arm.client_bootstrap, pair.client_admin),
        )
        stranger_tls = mutual_tls(pair.ca, stranger.certificate, stranger.key)
        nobody_tls = mutual_tls(pair.ca, None, None)
        return ArmDeployment(
            target=Target(name=self.resident, address=pair.outbound, host="app.meshperf"),
            processes=processes,
            facts=self._facts(pair),
            observe=Observer(
                arm=self.arm,
                pair=pair,
                app=app,
                stranger=stranger_tls,
                nobody=nobody_tls,
                loaded={
                    admin: envoy_admin.configuration_digest(admin) for admin in (pair.client_admin, pair.server_admin)
                },
            ),
            observed_facts=lambda: _observed(self.arm, pair),
        )

    def _start(
        self, side: str, pair: SidecarPair, config: Mapping[str, Any], template: Path | None, admin: str
    ) -> Process:
        if template is None:
            path = self.folder / f"{side}.json"
            path.write_text(json.dumps(config))
        else:
            path = self.folder / f"{side}.yaml"
            path.write_text(_fill(template, pair))
        arguments = [
            str(self.binary.path), "-c", str(path), "--concurrency", str(self.arm.proxy_concurrency),
            "--disable-hot-restart", "-l", "warning",
        ]  # fmt: skip
        return self.site.start(
            ProcessSpec(
                name=f"{self.resident}-{side}-sidecar",
                role="sidecar",
                argv=arguments,
                ready=http_ready(admin, "/ready"),
                listens=(admin, pair.inbound if side == "server" else pair.outbound),
                deadline_s=_READY_S,
            )
        )

    def _digest(self, pair: SidecarPair) -> str:
        """Of our configuration without its addresses; of the user's own templates as they are written."""
        templates = (self.arm.client_bootstrap, self.arm.server_bootstrap)
        if templates == (None, None):
            return config_digest(pair)
        texts = [config_digest(pair).encode() if path is None else path.read_bytes() for path in templates]
        return hashlib.sha256(b"\0".join(texts)).hexdigest()

    def _facts(self, pair: SidecarPair) -> Facts:
        return {
            "mesh.type": Fact(value="envoy", source="experiment"),
            "mesh.mode": Fact(value="sidecar", source="adapter"),
            "mesh.version": Fact(value=self.binary.version, source="envoy --version"),
            "mesh.control_plane": Fact(value="none (static configuration)", source="adapter"),
            "proxy.version": Fact(value=f"{self.binary.revision}/{self.binary.version}", source="envoy --version"),
            "proxy.build": Fact(value=self.binary.build, source="envoy --version"),
            "proxy.sha256": Fact(value=self.binary.sha256, source="binary"),
            "proxy.concurrency": Fact(value=self.arm.proxy_concurrency, source="experiment", observed=False),
            "proxy.access_log": Fact(value=self.arm.access_log, source="experiment", observed=False),
            "proxy.mode": Fact(value=self.arm.mode, source="experiment", observed=False),
            "proxy.config_digest": Fact(value=self._digest(pair), source="adapter"),
            "interception.kind": Fact(value="explicit port", source="adapter"),
            "security.mtls": Fact(value=self.arm.mtls, source="experiment", observed=False),
            "security.key_type": Fact(value="ECDSA P-256" if pair.mtls else "none", source="lab authority"),
            **NO_LIBRARY,
        }


def _fill(template: Path, pair: SidecarPair) -> str:
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    try:
        environment = SandboxedEnvironment(undefined=StrictUndefined)
        return environment.from_string(template.read_text()).render(pair.template_values())
    except (OSError, UnicodeDecodeError, TemplateError) as failure:
        raise DocumentError(
            "MP2001" if isinstance(failure, OSError) else "MP2104",
            f"the Envoy bootstrap template cannot be used: {failure}",
            location=Location(path=template, line=getattr(failure, "lineno", None)),
            hint=f"a template may use: {', '.join(sorted(pair.template_values()))}",
        ) from failure


def _observed(arm: Arm, pair: SidecarPair) -> Facts:
    """TLS as the client sidecar's own connections agreed it, and the headers that the pair adds."""
    seen = envoy_admin.tls_seen(pair.client_admin)
    reused = sum(
        value for name, value in envoy_admin.counters(pair.client_admin).items() if name.endswith(".ssl.session_reused")
    )
    source = "client sidecar's handshakes"
    facts: dict[str, Fact] = {
        "security.mtls": Fact(value="strict" if seen else "off", source=source),
        "security.resumption": Fact(value=reused > 0, source=source),
        "proxy.concurrency": Fact(value=envoy_admin.workers(pair.client_admin), source="server_info"),
    }
    for name in ("tls_version", "tls_cipher", "tls_group", "tls_signature"):
        facts[f"security.{name}"] = Fact(value=seen.get(name, "none"), source=source)
    reply = ask(pair.outbound, "/whoami").json() if arm.mode == "http" else {}
    headers = reply.get("headers")
    if isinstance(headers, dict):
        added = {name: value for name, value in headers.items() if name not in _PROBE_HEADERS}
        size = sum(len(name) + len(str(value)) + 4 for name, value in added.items())
        facts["proxy.header_growth_bytes"] = Fact(value=size, source="whoami")
    return facts


def adapter() -> EnvoyMesh:
    return EnvoyMesh()

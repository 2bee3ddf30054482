"""No mesh: load goes straight to the application, plain, or with mutual TLS inside the application itself.

The second is the client-library arm. It does what a mesh's data plane would do for transport security, with the same
identities, key type, cipher, curve and (absent) resumption as the sidecars, in the generator and the workload.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshperf.environments.asking import ask, mutual_tls
from meshperf.environments.site import Site, folder_name
from meshperf.errors import UsageError
from meshperf.load.plan import Target, TlsSettings
from meshperf.meshes import claims
from meshperf.meshes.base import (
    APP_PORT,
    AppAddress,
    AppNeeds,
    ArmDeployment,
    Detection,
    Preparation,
    TlsFiles,
    pod,
)
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT, Graph
from meshperf.spec.records import Claim, Fact, Facts

__all__ = ["NO_LIBRARY", "NoMesh", "adapter"]

CIPHER = "TLS13_AES_128_GCM_SHA256"
"""What Envoy (BoringSSL) and rustls agree on where the processor has AES instructions; pinned so that they do."""
GROUP = "X25519"

_NONE = (
    *(f"mesh.{name}" for name in ("type", "mode", "version", "release", "label", "defaults", "control_plane")),
    "mesh.config_digest",
    *(f"proxy.{name}" for name in ("version", "build", "sha256", "mode", "config_digest", "functions", "telemetry")),
    "proxy.placement",
    "proxy.request_timeout_s",
    "interception.kind",
    *(f"hop.{name}" for name in ("client_sidecar", "between", "app", "downgrade")),
)
_NUMBERS: Mapping[str, int | bool] = {
    "proxy.header_growth_bytes": 0,
    "proxy.concurrency": 0,
    "proxy.access_log": False,
    "proxy.retries": 0,
    "mesh.first_request_s": 0,
    "mesh.proven": True,
}

ABSENT: Facts = {
    **{name: Fact(value="none", source="experiment") for name in _NONE},
    **{name: Fact(value=value, source="experiment") for name, value in _NUMBERS.items()},
}
"""The facts of `docs/reference/facts-of-a-mesh.md`, of an arm that has no mesh."""

NO_LIBRARY: Facts = {
    "client_library.functions": Fact(value="none", source="experiment"),
    "client_library.name": Fact(value="none", source="experiment"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    """A resident without any security: callers dial their callees."""

    site: Site
    resident: str
    entry: str

    def needs(self, service: str) -> AppNeeds:
        return AppNeeds(host=pod(self.resident, service))

    def upstream(self, caller: str, callee: str) -> str:
        return f"{self.site.address(pod(self.resident, callee))}:{APP_PORT}"

    def deploy(self, apps: Mapping[str, AppAddress]) -> ArmDeployment:
        app = apps[self.entry]
        client = pod(self.resident, CLIENT)
        address = self.site.reach(client, app.port, at=app.host)

        def observe(when: str) -> Sequence[Claim]:
            return (
                claims.identity_seen("no mesh: the workload sees no identity", address, None, when=when),
                claims.forged_identity_ignored(address, when=when),
            )

        return ArmDeployment(
            target=Target(
                name="app",
                address=app.address,
                host="app.meshperf",
                network_namespace=self.site.namespace(client),
            ),
            processes=(),
            facts={**ABSENT, **_security("off"), **NO_LIBRARY},
            observe=observe,
            observed_facts=lambda: {"security.mtls": Fact(value="off", source="plain requests answered")},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClientLibrary:
    """A resident whose application and generator speak mutual TLS themselves."""

    site: Site
    resident: str
    entry: str
    files: Mapping[str, TlsFiles]
    """By service."""
    callees: Mapping[str, Mapping[str, str]]
    """By service: the identity of each of its callees."""
    target_tls: TlsSettings
    caller: str
    admitted: ssl.SSLContext
    stranger: ssl.SSLContext
    nobody: ssl.SSLContext

    def needs(self, service: str) -> AppNeeds:
        return AppNeeds(
            host=pod(self.resident, service), tls=self.files[service], callee_identities=self.callees[service]
        )

    def upstream(self, caller: str, callee: str) -> str:
        return f"{self.site.address(pod(self.resident, callee))}:{APP_PORT}"

    def deploy(self, apps: Mapping[str, AppAddress]) -> ArmDeployment:
        app = apps[self.entry]
        client = pod(self.resident, CLIENT)
        address = self.site.reach(client, app.port, at=app.host)

        def observe(when: str) -> Sequence[Claim]:
            return (
                claims.refused("mtls: plaintext is refused", address, when=when, who="a plaintext request"),
                claims.refused(
                    "mtls: no certificate is refused",
                    address,
                    when=when,
                    tls=self.nobody,
                    who="a caller without certificate",
                ),
                claims.refused(
                    "mtls: a wrong identity is refused",
                    address,
                    when=when,
                    tls=self.stranger,
                    who="another identity of the same authority",
                ),
                claims.identity_seen(
                    "mtls: the workload sees the caller", address, self.caller, when=when, tls=self.admitted
                ),
                claims.forged_identity_ignored(address, when=when, tls=self.admitted),
                *self._inner(apps, when),
            )

        def observed() -> Facts:
            seen = ask(address, "/whoami", tls=self.admitted).json()
            return {
                "security.mtls": Fact(
                    value="strict" if seen.get("identity") == self.caller else "off", source="whoami"
                ),
                "security.tls_version": Fact(value=seen.get("tls_version"), source="whoami"),
                "security.identity": Fact(value=seen.get("identity") or "none", source="whoami"),
            }

        return ArmDeployment(
            target=Target(
                name="app",
                address=app.address,
                host="app.meshperf",
                tls=self.target_tls,
                network_namespace=self.site.namespace(client),
            ),
            processes=(),
            facts={
                **ABSENT,
                **_security("strict"),
                "client_library.functions": Fact(value="mutual TLS", source="experiment"),
                "client_library.name": Fact(value="rustls (ring)", source="build"),
            },
            observe=observe,
            observed_facts=observed,
        )

    def _inner(self, apps: Mapping[str, AppAddress], when: str) -> Sequence[Claim]:
        """Of every service behind the entry: who is refused there. The client is a stranger to them too."""
        tries = (
            ("plaintext", None, "a plaintext request"),
            ("no certificate", self.nobody, "a caller without certificate"),
            ("the client itself", self.admitted, "the client, which is no caller of it,"),
        )
        return tuple(
            claims.refused(
                f"mtls: {what} is refused at {name}",
                self.site.reach(pod(self.resident, CLIENT), app.port, at=app.host),
                when=when,
                tls=tls,
                who=who,
            )
            for name, app in apps.items()
            if name != self.entry
            for what, tls, who in tries
        )


class NoMesh:
    """The adapter of `mesh: none`."""

    name = "none"

    def detect(self) -> Detection:
        return Detection(mesh=self.name, available=True, version="none")

    def check(self, arm: Arm, graph: Graph, environment: str) -> None:
        if arm.functions.used():
            raise UsageError("MP1008", f"arm `{arm.name}` has no mesh that could do {', '.join(arm.functions.used())}")

    def prepare(self, site: Site, arm: Arm, resident: str, graph: Graph) -> Preparation:
        if arm.client_library is None or not arm.client_library.mtls:
            return _Plain(site=site, resident=resident, entry=graph.entry)
        from meshperf.meshes.identities import Authority

        authority = Authority(site.work_dir / "certificates" / folder_name(resident))
        names = (CLIENT, *(service.name for service in graph.services))
        identities = {name: authority.issue(name) for name in names}
        client, entry, stranger = identities[CLIENT], identities[graph.entry], authority.issue("stranger")
        edges = tuple(graph.edges())
        tls = TlsSettings(
            ca_pem=authority.certificate.read_text(),
            server_name=graph.entry,
            server_identity=entry.uri,
            certificate_pem=client.certificate.read_text(),
            key_pem=client.key.read_text(),
            cipher_suites=(CIPHER,),
            groups=(GROUP,),
        )
        files = {
            service.name: TlsFiles(
                certificate=identities[service.name].certificate,
                key=identities[service.name].key,
                client_ca=authority.certificate,
                client_identities=tuple(identities[caller].uri for caller, callee in edges if callee == service.name),
                cipher=CIPHER,
                group=GROUP,
            )
            for service in graph.services
        }
        return _ClientLibrary(
            site=site,
            resident=resident,
            entry=graph.entry,
            files=files,
            callees={
                service.name: {callee: identities[callee].uri for caller, callee in edges if caller == service.name}
                for service in graph.services
            },
            target_tls=tls,
            caller=client.uri,
            admitted=mutual_tls(authority.certificate, client.certificate, client.key),
            stranger=mutual_tls(authority.certificate, stranger.certificate, stranger.key),
            nobody=mutual_tls(authority.certificate, None, None),
        )


def _security(mtls: str) -> Facts:
    """What is configured; `observed_facts` puts what was seen over it."""
    on = mtls == "strict"
    return {
        "security.mtls": Fact(value=mtls, source="experiment", observed=False),
        "security.tls_version": Fact(value="TLSv1.3" if on else "none", source="experiment", observed=False),
        "security.tls_cipher": Fact(
            value=CIPHER.replace("TLS13_", "TLS_") if on else "none", source="engine", observed=False
        ),
        "security.tls_group": Fact(value=GROUP if on else "none", source="engine", observed=False),
        "security.resumption": Fact(value=False, source="engine", observed=False),
        # What a P-256 key signs with in TLS 1.3; neither side of rustls says it.
        "security.tls_signature": Fact(
            value="ecdsa_secp256r1_sha256" if on else "none", source="key type", observed=False
        ),
        "security.key_type": Fact(value="ECDSA P-256" if on else "none", source="lab authority"),
        "security.identity": Fact(value="none", source="whoami", observed=False),
    }


def adapter() -> NoMesh:
    return NoMesh()

"""What an Istio arm says of itself, tried out: who is refused, whom the application sees, which way the load went.

Refusals are tried from a pod without a sidecar, at the address of the service itself: that they are refused there shows
redirection and mutual TLS at once, because nobody but the application listens at that port. That the virtual address
answers shows redirection at the caller's side, because nobody owns it. The last claims follow the load by the counters
of all sidecars and services, so they hold whatever the configuration says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshperf.environments.asking import ask
from meshperf.environments.site import Site
from meshperf.meshes import claims, envoy_admin
from meshperf.meshes.base import APP_PORT, AppAddress, pod
from meshperf.meshes.envoy.http_filters import DENIED
from meshperf.meshes.envoy.scraping import Scraping
from meshperf.meshes.envoy_facts import Hops
from meshperf.meshes.istio.control_plane import ControlPlane
from meshperf.meshes.istio.credentials import Credentials
from meshperf.meshes.istio.functions_in_force import functions_claim
from meshperf.meshes.istio.layout import NAMESPACE, OUTSIDER, Layout
from meshperf.meshes.istio.sidecar import Sidecar
from meshperf.meshes.istio.traffic import edge_claims
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT
from meshperf.spec.records import Claim

__all__ = ["Observer", "unsettled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Tries the claims of one arm when it is called with `begin` or `end`."""

    arm: Arm
    layout: Layout
    site: Site
    apps: Mapping[str, AppAddress]
    sidecars: Mapping[str, Sidecar]
    plane: ControlPlane
    credentials: Credentials
    hops: Hops
    loaded: Mapping[str, str | None]
    """Digest of the configuration that each sidecar had when everything was up, by workload."""

    scraping: Scraping | None = None
    """Where metrics are scraped."""

    def __call__(self, when: str) -> Sequence[Claim]:
        found: list[Claim] = []
        if self.arm.mtls == "strict":
            found += self._refusals(when)
        if self.arm.mode == "http":
            found += self._identities(when)
        found += self._way(when)
        if used := [name for name in self.arm.functions.used() if name != "metrics"]:
            found.append(
                functions_claim(self.arm.functions, used, self._dump(CLIENT), self._dump(self.layout.entry), when)
            )
        if self.arm.functions.authorization_rules:
            found.append(claims.denied("rules deny what none of them admits", self._inside(), DENIED, when=when))
        if self.scraping is not None:
            claim, held, evidence = self.scraping.tried(when)
            found.append(Claim(claim=claim, held=held, evidence=evidence, when=when))
        found.append(self._acknowledged(when))
        for name, sidecar in self.sidecars.items():
            found += [self._workers(name, sidecar, when), self._unchanged(name, sidecar, when)]
        if when == "begin":
            self.hops.begin()
        return found

    def _refusals(self, when: str) -> Sequence[Claim]:
        found = []
        for service in self.layout.services:
            at = f"at {service.name}" if len(self.layout.services) > 1 else ""
            found.append(claims.plaintext_refused(self._outside(service.name), when=when, at=at))
        entry, credentials = self._outside(self.layout.entry), self.credentials
        found += [
            claims.no_certificate_refused(entry, credentials.nobody, when=when),
            claims.refused(
                "mtls: an identity of another authority is refused",
                entry,
                when=when,
                tls=credentials.foreigner,
                who="the client's identity from another authority",
            ),
        ]
        if self.arm.functions.authorization_rules:
            found.append(claims.wrong_identity_refused(entry, credentials.stranger, when=when, statuses=(403,)))
        return found

    def _identities(self, when: str) -> Sequence[Claim]:
        entry = self.layout.service(self.layout.entry)
        inside = self._inside()
        strict = self.arm.mtls == "strict"
        expected = self.layout.identity(CLIENT) if strict else None
        claim = "the workload sees the client's identity" if expected else "the workload sees no identity"
        found = [
            claims.identity_seen(claim, inside, expected, when=when),
            claims.forged_identity_ignored(inside, when=when),
            # From inside the service's pod, past its sidecar: whoever comes so is nobody.
            claims.forged_identity_ignored(
                self.site.reach(pod(self.layout.resident, entry.name), APP_PORT),
                when=when,
                how="straight to the application",
            ),
        ]
        if strict and not self.arm.functions.authorization_rules:
            another = claims.forged_identity_ignored(
                self._outside(entry.name), when=when, tls=self.credentials.stranger, how="of another workload"
            )
            found.append(another)
        return found

    def _way(self, when: str) -> Sequence[Claim]:
        counted = {name: envoy_admin.counters(sidecar.admin) for name, sidecar in self.sidecars.items()}
        received = {name: ask(app.admin, "/counters").json().get("bytes_in") for name, app in self.apps.items()}
        return edge_claims(self.layout, counted, received, mtls=self.arm.mtls, when=when)

    def _acknowledged(self, when: str) -> Claim:
        late = unsettled(self.plane, self.sidecars)
        evidence = "; ".join(late) or "istiod: everything sent was acknowledged; no sidecar refused an update"
        return Claim(claim="every sidecar has taken its configuration", held=not late, evidence=evidence, when=when)

    def _workers(self, name: str, sidecar: Sidecar, when: str) -> Claim:
        wanted, count = self.arm.proxy_concurrency, envoy_admin.workers(sidecar.admin)
        claim = f"the sidecar of {name} runs {wanted} workers"
        return Claim(claim=claim, held=count == wanted, evidence=f"it says {count}", when=when)

    def _unchanged(self, name: str, sidecar: Sidecar, when: str) -> Claim:
        loaded, now = self.loaded[name], envoy_admin.configuration_digest(sidecar.admin)
        held = now is not None and now == loaded
        told = [digest[:12] if digest else "unreadable" for digest in (now, loaded)]
        evidence = "the digest of what is in force has not changed"
        if not held:
            evidence = f"digest {told[0]} in force, {told[1]} when everything was up"
        claim = f"the configuration of the sidecar of {name} does not change"
        return Claim(claim=claim, held=held, evidence=evidence, when=when)

    def _inside(self) -> str:
        """The entry as the client dials it."""
        entry = self.layout.service(self.layout.entry)
        return self.site.reach(pod(self.layout.resident, CLIENT), APP_PORT, at=entry.virtual)

    def _outside(self, service: str) -> str:
        return self.site.reach(pod(self.layout.resident, OUTSIDER), APP_PORT, at=self.layout.service(service).address)

    def _dump(self, workload: str) -> bytes:
        return ask(self.sidecars[workload].admin, "/config_dump").body


def unsettled(plane: ControlPlane, sidecars: Mapping[str, Sidecar]) -> Sequence[str]:
    """What keeps the sidecars from being as istiod wants them, in words; empty when nothing does."""
    answer = plane.sync()
    if answer is None:
        return ("istiod does not answer",)
    seen = {status.proxy: status.waiting for status in answer}
    found = []
    for name, sidecar in sidecars.items():
        waiting = seen.get(f"{name}.{NAMESPACE}")
        if waiting is None:
            found.append(f"istiod does not know the sidecar of {name}")
        elif waiting:
            found.append(f"{name} has not acknowledged {', '.join(waiting)}")
        if refused := sidecar.refused():
            found.append(f"{name} refused an update ({', '.join(refused)})")
    return found

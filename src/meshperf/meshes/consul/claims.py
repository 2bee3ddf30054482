"""What a Consul arm says of itself, tried out at every service: who is refused, who is denied, which way the load went.

Consul refuses twice. The handshake refuses whoever has no certificate of its authority; intentions deny whoever has
one and is no caller of the service. Both are tried, the second with a certificate that the agent itself issued for a
service that nobody knows. That a listed caller's certificate is admitted on the same port shows that it was the
identity that was denied. The way of the load rests on counters of the sidecars and the services, not on configuration.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from meshperf.environments.asking import ask
from meshperf.meshes import claims, envoy_admin
from meshperf.meshes.base import AppAddress
from meshperf.meshes.consul.layout import PUBLIC_PORT, Layout, Workload
from meshperf.meshes.consul.proofs import proofs
from meshperf.meshes.consul.questions import spiffe_id
from meshperf.meshes.envoy.scraping import Scraping
from meshperf.meshes.envoy_facts import Hops
from meshperf.meshes.sidecar_claims import came_through, named, unchanged, workers
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT
from meshperf.spec.records import Claim

__all__ = ["Callers", "Observer", "is_hop", "is_own_app", "toward"]

_DENIED = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Who tries to come in."""

    stranger: ssl.SSLContext
    """With a certificate of another authority that claims a listed caller's name."""
    nobody: ssl.SSLContext
    """Without a certificate."""
    unlisted: ssl.SSLContext
    """With a certificate of Consul's authority for a service that no intention names."""
    listed: Mapping[str, ssl.SSLContext]
    """By service, with the certificate of one of its callers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Tries the claims of one arm when it is called with `begin` or `end`."""

    arm: Arm
    layout: Layout
    apps: Mapping[str, AppAddress]
    addresses: Mapping[str, str]
    """By service, the application itself as meshperf dials it."""
    edges: Mapping[tuple[str, str], str]
    """By caller and callee, the upstream listener as meshperf dials it from within the caller's pod."""
    domain: str
    callers: Callers
    outside: Mapping[str, str]
    """By service, its public listener as a host without a sidecar dials it; empty on loopback."""
    loaded: Mapping[str, str | None]
    """By workload, digest of the configuration that its sidecar had when it was ready."""
    hops: Hops
    """Told when the probes of the beginning are over."""
    scraping: Scraping | None = None

    def __call__(self, when: str) -> Sequence[Claim]:
        found: list[Claim] = []
        for service in self.layout.services:
            found += self._refusals(service, when)
            if self.arm.mode == "http":
                found += self._identities(service, when)
        found += proofs(self.arm, self.layout, self.edges[CLIENT, self.layout.entry], when)
        if self.scraping is not None:
            claim, held, evidence = self.scraping.tried(when)
            found.append(Claim(claim=claim, held=held, evidence=evidence, when=when))
        found += self._way(when)
        for workload in self.layout.workloads:
            found += [
                workers(workload.name, workload.admin, self.arm.proxy_concurrency, when=when),
                unchanged(workload.name, workload.admin, self.loaded[workload.name], when=when),
            ]
        if when == "begin":
            self.hops.begin()
        return found

    def _at(self, service: Workload) -> str:
        return f"at {service.name}" if len(self.layout.services) > 1 else ""

    def _refusals(self, service: Workload, when: str) -> Iterator[Claim]:
        at, public = self._at(service), service.public
        yield claims.plaintext_refused(public, when=when, at=at)
        yield claims.no_certificate_refused(public, self.callers.nobody, when=when, at=at)
        yield claims.refused(
            named("mtls: a certificate of another authority is refused", at),
            public,
            when=when,
            tls=self.callers.stranger,
            who="a caller with a certificate of another authority",
        )
        yield claims.wrong_identity_refused(
            public, self.callers.unlisted, when=when, at=at, statuses=(_DENIED,) if self.arm.mode == "http" else ()
        )
        yield self._admitted(service, when)
        if service.name in self.outside:
            yield claims.outside_caller_refused(self.outside[service.name], when=when, at=at)

    def _admitted(self, service: Workload, when: str) -> Claim:
        reply = ask(service.public, "/whoami", tls=self.callers.listed[service.name])
        held = reply.answered and reply.status != _DENIED
        told = f"status {reply.status}" if reply.answered else reply.failure
        who = self.layout.callers[service.name][0]
        return Claim(
            claim=named("intentions: a listed caller is admitted where another one is denied", self._at(service)),
            held=held,
            evidence=f"the identity of {who} was answered with {told}",
            when=when,
        )

    def _identities(self, service: Workload, when: str) -> Iterator[Claim]:
        at = self._at(service)
        # To gRPC services Consul's sidecars write no header about the caller.
        told = service.protocol != "grpc"
        for caller in self.layout.callers[service.name]:
            claim = f"the workload sees the identity of {caller}'s sidecar" if told else "the workload sees no identity"
            expected = spiffe_id(self.domain, caller) if told else None
            address = self.edges[caller, service.name]
            yield claims.identity_seen(named(claim, at), address, expected, when=when)
        first = self.edges[self.layout.callers[service.name][0], service.name]
        yield claims.forged_identity_ignored(first, when=when, how=at)
        direct: dict[str, tuple[str, ssl.SSLContext | None]] = {
            "straight to the sidecar": (service.public, self.callers.listed[service.name])
        }
        if not self.layout.transparent:  # there nobody gets straight to the application
            direct["straight to the application"] = (self.addresses[service.name], None)
        for how, (address, tls) in direct.items():
            yield claims.forged_identity_ignored(address, when=when, tls=tls, how=named(how, at))

    def _way(self, when: str) -> Iterator[Claim]:
        """Over every edge the load goes through both sidecars, and each of their connections is mutual TLS."""
        for address in self.edges.values():
            ask(address, "/whoami")  # something has gone this way even before the load
        seen = {workload.name: envoy_admin.counters(workload.admin) for workload in self.layout.workloads}
        for service in self.layout.services:
            at, callers = self._at(service), self.layout.callers[service.name]
            sent = seen[service.name].get("cluster.local_app.upstream_cx_tx_bytes_total", 0)
            yield came_through(self.apps[service.name].admin, sent, at=at, when=when)
            between = sum(toward(seen[caller], service.name, "upstream_cx_total") for caller in callers)
            shaken = sum(toward(seen[caller], service.name, "ssl.handshake") for caller in callers)
            arrived = _arrived(seen[service.name])
            yield Claim(
                claim=named("what the sidecar receives comes from its callers' sidecars", at),
                held=arrived >= between > 0,
                evidence="all connections of the callers' sidecars arrived there"
                if arrived >= between > 0
                else f"the callers' sidecars opened {between} connections, {arrived} arrived",
                when=when,
            )
            yield Claim(
                claim=named("mtls: strict, as every connection between the sidecars shows", at),
                held=shaken >= between > 0,
                evidence="every connection made a TLS handshake"
                if shaken >= between > 0
                else f"{shaken} TLS handshakes on {between} connections",
                when=when,
            )


def is_hop(cluster: str) -> bool:
    """Whether a cluster of a sidecar carries the application's requests; the others are Consul's own."""
    return is_own_app(cluster) or ".internal." in cluster


def is_own_app(cluster: str) -> bool:
    """Whether a cluster leads to the sidecar's own service."""
    return cluster == "local_app"


def toward(counters: Mapping[str, int], service: str, name: str) -> int:
    """A counter of a caller's sidecar summed over its clusters for one callee, whatever subsets they are split into."""
    cluster = re.compile(rf"cluster\.(?:[^.]+\.)?{re.escape(service)}\.default\.dc1\.internal\..*\.{re.escape(name)}")
    return sum(count for path, count in counters.items() if cluster.fullmatch(path))


def _arrived(counters: Mapping[str, int]) -> int:
    ending = f"_{PUBLIC_PORT}.downstream_cx_total"
    return sum(count for path, count in counters.items() if path.startswith("listener.") and path.endswith(ending))

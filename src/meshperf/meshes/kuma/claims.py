"""What a Kuma arm says of itself, tried out at every service: who is refused, who is denied, which way the load went.

Nobody outside of the control plane gets a certificate of Kuma's authority. That another identity is denied was
therefore tried before the load by a sidecar of its own, which no permission names and which is gone by now. The way of
the load rests on counters of the sidecars and the services.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from meshperf.environments.asking import ask
from meshperf.meshes import claims, envoy_admin
from meshperf.meshes.base import APP_PORT, AppAddress
from meshperf.meshes.envoy_facts import Hops
from meshperf.meshes.kuma.layout import Layout
from meshperf.meshes.kuma.policies import MESH
from meshperf.meshes.sidecar_claims import came_through, named, unchanged, workers
from meshperf.spec.experiment import Arm
from meshperf.spec.records import Claim

__all__ = ["Observer", "is_hop", "is_own_app", "spiffe_id", "toward"]

_OWN_APP = f"localhost_{APP_PORT}"
_CALLEE = re.compile(r"[a-z][a-z0-9-]*")
_KUMAS_OWN = ("ads_cluster", "access_log_sink", "kuma", "inbound", "outbound", "plugins", "meshtrace")


def spiffe_id(service: str) -> str:
    """The identity of a service, as Kuma forms it."""
    return f"spiffe://{MESH}/{service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Tries the claims of one arm when it is called with `begin` or `end`."""

    arm: Arm
    layout: Layout
    apps: Mapping[str, AppAddress]
    admins: Mapping[str, str]
    """By workload, the admin interface of its sidecar."""
    edges: Mapping[tuple[str, str], str]
    """By caller and callee, what the caller's application dials, as meshperf dials it from the caller's pod."""
    inbounds: Mapping[str, str]
    """By service, its sidecar's inbound port as dialled from the client's pod."""
    outside: Mapping[str, str]
    """The same from a pod without a sidecar."""
    nobody: ssl.SSLContext
    stranger: ssl.SSLContext
    denied: Claim | None
    """That a sidecar which no permission names was denied; None without mutual TLS."""
    loaded: Mapping[str, str | None]
    hops: Hops

    def __call__(self, when: str) -> Sequence[Claim]:
        found: list[Claim] = []
        for service in self.layout.services:
            if self.arm.mtls == "strict":
                found += self._refusals(service.name, when)
            if self.arm.mode == "http":
                found += self._identities(service.name, when)
        found += [self.denied] if self.denied is not None else []
        found += self._way(when)
        for workload, admin in self.admins.items():
            found += [
                workers(workload, admin, self.arm.proxy_concurrency, when=when),
                unchanged(workload, admin, self.loaded[workload], when=when),
            ]
        if when == "begin":
            self.hops.begin()
        return found

    def _at(self, service: str) -> str:
        return f"at {service}" if len(self.layout.services) > 1 else ""

    def _refusals(self, service: str, when: str) -> Iterator[Claim]:
        at, inbound = self._at(service), self.inbounds[service]
        yield claims.plaintext_refused(inbound, when=when, at=at)
        yield claims.no_certificate_refused(self.outside[service], self.nobody, when=when, at=at)
        yield claims.refused(
            named("mtls: a certificate of another authority is refused", at),
            self.outside[service],
            when=when,
            tls=self.stranger,
            who="a caller with a certificate of another authority",
        )
        yield claims.outside_caller_refused(self.outside[service], when=when, at=at)

    def _identities(self, service: str, when: str) -> Iterator[Claim]:
        at, strict = self._at(service), self.arm.mtls == "strict"
        for caller in self.layout.callers[service]:
            claim = (
                f"the workload sees the identity of {caller}'s sidecar" if strict else "the workload sees no identity"
            )
            expected = spiffe_id(caller) if strict else None
            yield claims.identity_seen(named(claim, at), self.edges[caller, service], expected, when=when)
        first = self.edges[self.layout.callers[service][0], service]
        yield claims.forged_identity_ignored(first, when=when, how=at)

    def _way(self, when: str) -> Iterator[Claim]:
        for address in self.edges.values():
            ask(address, "/whoami")  # something has gone this way even before the load
        seen = {workload: envoy_admin.counters(admin) for workload, admin in self.admins.items()}
        for service in self.layout.services:
            at, callers = self._at(service.name), self.layout.callers[service.name]
            sent = seen[service.name].get(f"cluster.{_OWN_APP}.upstream_cx_tx_bytes_total", 0)
            yield came_through(self.apps[service.name].admin, sent, at=at, when=when)
            between = sum(toward(seen[caller], service.name, "upstream_cx_total") for caller in callers)
            shaken = sum(toward(seen[caller], service.name, "ssl.handshake") for caller in callers)
            declared = shaken >= between > 0 if self.arm.mtls == "strict" else shaken == 0 < between
            yield Claim(
                claim=named(f"mtls: {self.arm.mtls}, as every connection between the sidecars shows", at),
                held=declared,
                evidence=f"{'every' if shaken else 'no'} connection made a TLS handshake"
                if declared
                else f"{shaken} TLS handshakes on {between} connections",
                when=when,
            )


def is_own_app(cluster: str) -> bool:
    """Whether a cluster leads to the sidecar's own service."""
    return cluster == _OWN_APP


def is_hop(cluster: str) -> bool:
    """Whether a cluster of a sidecar carries the application's requests; the others are Kuma's own."""
    return is_own_app(cluster) or (_CALLEE.fullmatch(cluster) is not None and not cluster.startswith(_KUMAS_OWN))


def toward(counters: Mapping[str, int], service: str, name: str) -> int:
    """A counter of a caller's sidecar summed over its clusters for one callee; a route has a cluster of its own, with
    a digest behind the service's name."""
    cluster = re.compile(rf"cluster\.{re.escape(service)}(?:-[0-9a-f]{{16}})?\.{re.escape(name)}")
    return sum(count for path, count in counters.items() if cluster.fullmatch(path))

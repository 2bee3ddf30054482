"""What an Envoy arm says of itself, tried out: who is refused, whom each service sees, which way the load went.

Refusals look at the sidecars' inbound ports. That alone would let an arm pass whose load takes another way, so the
last claims follow the load: what a service received must have been sent by its own sidecar, what that one received by
its callers' sidecars, and every connection between sidecars must have made a TLS handshake, or none where mutual TLS
is off. Where there is one sidecar alone, the service must have received from it all that it received. These claims rest
on counters of the admin interfaces and of the services, not on the configuration, so they hold for configuration
templates of the user's as well.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from meshperf.environments.asking import ask
from meshperf.environments.site import Site
from meshperf.meshes import claims, envoy_admin
from meshperf.meshes.base import APP_PORT, AppAddress
from meshperf.meshes.envoy.counts import everything, from_callers, leads_to, to_callees, to_service, upstream
from meshperf.meshes.envoy.gateway import passed_on
from meshperf.meshes.envoy.layout import INBOUND_PORT, Callee, Layout, Sidecar
from meshperf.meshes.envoy.proofs import Proofs
from meshperf.meshes.envoy_facts import Hops
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import CLIENT
from meshperf.spec.records import Claim

__all__ = ["Observer", "way_in"]

_SLACK = 0.01
_SLACK_BYTES = 8192
"""What may differ between two counters of the same traffic: they are read one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Tries the claims of one arm when it is called with `begin` or `end`."""

    site: Site
    arm: Arm
    layout: Layout
    apps: Mapping[str, AppAddress]
    stranger: ssl.SSLContext
    nobody: ssl.SSLContext
    own: Mapping[str, ssl.SSLContext]
    """By service: a caller that has this service's identity."""
    loaded: Mapping[str, str | None]
    """Digest of the configuration that each sidecar was started with, by its service."""
    hops: Hops
    proofs: Proofs

    def __call__(self, when: str) -> Sequence[Claim]:
        found: list[Claim] = []
        sidecars = self.layout.sidecars.values()
        for sidecar in sidecars:
            if self.arm.mtls == "strict" and sidecar.callers:
                found += self._refusals(sidecar, when)
        for sidecar in sidecars:
            for callee in sidecar.callees:
                found += self._identities(sidecar, callee, when)
        if self.arm.proxies == "server":
            found += self._identities(None, None, when)
        for sidecar in sidecars:
            found += self._way(sidecar, when)
        for sidecar in sidecars:
            found += (self._workers(sidecar, when), self._unchanged(sidecar, when))
        if self.layout.gateway is not None:
            for claim, held, told in passed_on(self.layout.gateway, self.layout.client.admin_reach):
                found.append(Claim(claim=claim, held=held, evidence=told, when=when))
        found += self.proofs(when)
        if when == "begin":
            self.hops.begin()
        return found

    def _at(self, sidecar: Sidecar) -> str:
        """Words that name a place in claims of a graph; a single service needs none."""
        return "" if self.layout.single else f"by {sidecar.name}"

    def _refusals(self, sidecar: Sidecar, when: str) -> Iterator[Claim]:
        """Whoever is no caller is not let in. Where calls are redirected, the service's own port is the way in."""
        port = APP_PORT if self.layout.transparent else INBOUND_PORT
        outside = self.layout.outsider if self.site.kind == "netns" else sidecar.host
        address = self.site.reach(outside, port, at=sidecar.address)
        at = self._at(sidecar)
        yield claims.plaintext_refused(address, when=when, at=at)
        yield claims.no_certificate_refused(address, self.nobody, when=when, at=at)
        yield claims.wrong_identity_refused(address, self.stranger, when=when, at=at)
        if self.layout.transparent:
            yield claims.outside_caller_refused(address, when=when, at=at)
        for other in self.layout.sidecars.values():
            if not self.layout.single and other.identity.uri not in sidecar.callers and other is not sidecar:
                who = f"{other.name}, which is no caller,"
                yield claims.refused(
                    f"mtls: {other.name} is refused {at}", address, when=when, tls=self.own[other.service], who=who
                )
                break  # one service that is no caller shows it; all of them would be a square of connections

    def _identities(self, caller: Sidecar | None, callee: Callee | None, when: str) -> Iterator[Claim]:
        """Whom a callee sees; None: the load generator itself calls, at the one sidecar that there is."""
        if caller is None or callee is None:
            through = way_in(self.site, self.layout)
        else:
            through = _dialled(self.site, caller, callee)
        if self.arm.mode != "http":
            ask(through, "/whoami")  # something has gone this way even before the load
            return
        expected = caller.identity.uri if caller is not None and self.arm.mtls == "strict" else None
        if self.layout.single or caller is None or callee is None:
            claim = "the workload sees the client sidecar's identity" if expected else "the workload sees no identity"
            how = ""
        else:
            claim = f"{callee.name} sees {'the identity of' if expected else 'no identity of'} {caller.name}"
            how = f"from {caller.name} to {callee.name}"
        yield claims.identity_seen(claim, through, expected, when=when)
        yield claims.forged_identity_ignored(through, when=when, how=how)
        if not self.layout.transparent and (caller is None or caller.service == CLIENT):
            # Not from the sidecar's address: whoever reaches the application directly is nobody.
            app = self.apps[self.layout.entry]
            host = self.layout.caller if caller is None else caller.host
            direct = self.site.reach(host, app.port, at=app.host)
            yield claims.forged_identity_ignored(direct, when=when, how="straight to the application")

    def _way(self, sidecar: Sidecar, when: str) -> Iterator[Claim]:
        """The load goes through the sidecars, and between them as the arm declares."""
        now = envoy_admin.counters(sidecar.admin_reach)
        if sidecar.service in self.apps or self.arm.proxies != "both":
            yield self._received(sidecar, now, when)
        if self.arm.proxies == "server":
            yield self._plain(sidecar, now, when)
        elif sidecar.service in self.apps:
            yield self._arrived(sidecar, now, when)
        if not sidecar.callees:
            return
        which = everything if self.layout.single else to_callees
        between, handshakes = (upstream(now, name, which) for name in ("upstream_cx_total", "ssl.handshake"))
        strict = self.arm.mtls == "strict"
        declared = handshakes >= between > 0 if strict else handshakes == 0 < between
        where = "between the sidecars" if self.layout.single else f"from {sidecar.name}"
        if self.arm.proxies == "client":
            where = f"from the {sidecar.title}"
        yield Claim(
            claim=f"mtls: {self.arm.mtls}, as every connection {where} shows",
            held=declared,
            evidence=(
                f"{'every' if handshakes else 'no'} connection made a TLS handshake"
                if declared
                else f"{handshakes} TLS handshakes on {between} connections"
            ),
            when=when,
        )

    def _plain(self, sidecar: Sidecar, now: Mapping[str, int], when: str) -> Claim:
        """Of a service's sidecar alone: load dials it, without TLS."""
        came, handshakes = (from_callers(now, name) for name in ("downstream_cx_total", "ssl.handshake"))
        return Claim(
            claim=f"mtls: off, as every connection to the {sidecar.title} shows",
            held=handshakes == 0 < came,
            evidence="no connection made a TLS handshake"
            if handshakes == 0 < came
            else f"{handshakes} TLS handshakes on {came} connections",
            when=when,
        )

    def _received(self, sidecar: Sidecar, now: Mapping[str, int], when: str) -> Claim:
        service = self.layout.entry if self.arm.proxies == "client" else sidecar.service
        received = ask(self.apps[service].admin, "/counters").json().get("bytes_in")
        which = everything if self.layout.single else to_service
        sent = upstream(now, "upstream_cx_tx_bytes_total", which)
        held = isinstance(received, int) and received <= sent * (1 + _SLACK) + _SLACK_BYTES
        title, what = f"the {sidecar.title}", "the application" if self.layout.single else sidecar.name
        return Claim(
            claim=f"what {what} receives comes through {title}",
            held=held,
            evidence=f"{title} sent all of it" if held else f"{what} received {received} bytes, {title} sent it {sent}",
            when=when,
        )

    def _arrived(self, sidecar: Sidecar, now: Mapping[str, int], when: str) -> Claim:
        callers = [
            other
            for other in self.layout.sidecars.values()
            if any(callee.name == sidecar.name for callee in other.callees)
        ]
        which = everything if self.layout.single else leads_to(sidecar.name)
        opened = sum(upstream(envoy_admin.counters(other.admin_reach), "upstream_cx_total", which) for other in callers)
        arrived = from_callers(now, "downstream_cx_total")
        held, title = arrived >= opened > 0, f"the {sidecar.title}"
        source = "the client sidecar" if self.layout.single else "its callers' sidecars"
        return Claim(
            claim=f"what {title} receives comes from {source}",
            held=held,
            evidence=(
                f"all connections of {source} arrived there"
                if held
                else f"{source} opened {opened} connections, {arrived} arrived at {title}"
            ),
            when=when,
        )

    def _workers(self, sidecar: Sidecar, when: str) -> Claim:
        count = envoy_admin.workers(sidecar.admin_reach)
        wanted = self.arm.proxy_concurrency
        claim = f"the {sidecar.title} runs {wanted} workers"
        return Claim(claim=claim, held=count == wanted, evidence=f"it says {count}", when=when)

    def _unchanged(self, sidecar: Sidecar, when: str) -> Claim:
        loaded, now = self.loaded[sidecar.service], envoy_admin.configuration_digest(sidecar.admin_reach)
        held = now is not None and now == loaded
        evidence = "the digest of what is in force has not changed"
        if not held:
            evidence = f"digest {_shortened(now)} in force, {_shortened(loaded)} when it was started"
        claim = f"the {sidecar.title}'s configuration is the one it was started with"
        return Claim(claim=claim, held=held, evidence=evidence, when=when)


def way_in(site: Site, layout: Layout) -> str:
    """How meshperf calls the entry as load does."""
    ip, port = layout.dialled(CLIENT, layout.entry)
    host = layout.client.host if CLIENT in layout.sidecars else layout.caller
    return site.reach(host, port, at=ip)


def _dialled(site: Site, caller: Sidecar, callee: Callee) -> str:
    """How meshperf calls a callee as the caller's application does."""
    ip, port = callee.dialled
    return site.reach(caller.host, port, at=ip)


def _shortened(digest: str | None) -> str:
    return digest[:12] if digest else "unreadable"

"""What an Envoy arm says of itself, tried out: who is refused, whom the application sees, which way the load went.

The refusals look at the server sidecar's port. That alone would let an arm pass whose load takes another way, so the
last claims follow the load: what the application received must have been sent by the server sidecar, what that one
received by the client sidecar, and every connection between the two must have made a TLS handshake, or none where
mutual TLS is off. They rest on counters of the two admin interfaces and of the application, not on the configuration,
so they hold for configuration templates of the user's as well.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshperf.environments.asking import ask
from meshperf.meshes import claims, envoy_admin
from meshperf.meshes.base import AppAddress
from meshperf.meshes.envoy_config import SidecarPair
from meshperf.spec.experiment import Arm
from meshperf.spec.records import Claim

__all__ = ["Observer"]

_SLACK = 0.01
_SLACK_BYTES = 8192
"""What may differ between two counters of the same traffic: they are read one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Tries the claims of one arm when it is called with `begin` or `end`."""

    arm: Arm
    pair: SidecarPair
    app: AppAddress
    stranger: ssl.SSLContext
    nobody: ssl.SSLContext
    loaded: Mapping[str, str | None]
    """Digest of the configuration that each sidecar was started with, by its admin address."""

    def __call__(self, when: str) -> Sequence[Claim]:
        found: list[Claim] = []
        if self.arm.mtls == "strict":
            found += _refusals(self.pair, when, stranger=self.stranger, nobody=self.nobody)
        if self.arm.mode == "http":
            found += _identities(self.arm, self.pair, self.app, when)
        found += _way(self.arm, self.pair, self.app, when)
        found += [_workers(self.arm, admin, when) for admin in self.loaded]
        found += [_unchanged(admin, digest, when) for admin, digest in self.loaded.items()]
        return found


def _refusals(pair: SidecarPair, when: str, *, stranger: ssl.SSLContext, nobody: ssl.SSLContext) -> Sequence[Claim]:
    tries: Sequence[tuple[str, ssl.SSLContext | None, str]] = (
        ("plaintext", None, "a plaintext request"),
        ("no certificate", nobody, "a caller without certificate"),
        ("a wrong identity", stranger, "another identity of the same authority"),
    )
    return [
        claims.refused(f"mtls: {what} is refused", pair.inbound, when=when, tls=tls, who=who)
        for what, tls, who in tries
    ]


def _identities(arm: Arm, pair: SidecarPair, app: AppAddress, when: str) -> Sequence[Claim]:
    expected = pair.client_identity if arm.mtls == "strict" else None
    claim = "the workload sees the client sidecar's identity" if expected else "the workload sees no identity"
    return (
        claims.identity_seen(claim, pair.outbound, expected, when=when),
        claims.forged_identity_ignored(pair.outbound, when=when),
        # Not from the sidecar's address: whoever reaches the application directly is nobody.
        claims.forged_identity_ignored(app.address, when=when, how="straight to the application"),
    )


def _way(arm: Arm, pair: SidecarPair, app: AppAddress, when: str) -> Sequence[Claim]:
    """The load goes through both sidecars, and between them as the arm declares."""
    ask(pair.outbound, "/whoami")  # something has gone this way even before the load
    client, server = envoy_admin.counters(pair.client_admin), envoy_admin.counters(pair.server_admin)
    received = ask(app.admin, "/counters").json().get("bytes_in")
    sent = _upstream(server, "upstream_cx_tx_bytes_total")
    between = _upstream(client, "upstream_cx_total")
    handshakes = _upstream(client, "ssl.handshake")
    through = isinstance(received, int) and received <= sent * (1 + _SLACK) + _SLACK_BYTES
    declared = handshakes >= between > 0 if arm.mtls == "strict" else handshakes == 0 < between
    arrived = _listener(server, "downstream_cx_total")
    return (
        Claim(
            claim="what the application receives comes through the server sidecar",
            held=through,
            evidence=(
                "the server sidecar sent all of it"
                if through
                else f"the application received {received} bytes, the server sidecar sent it {sent}"
            ),
            when=when,
        ),
        Claim(
            claim="what the server sidecar receives comes from the client sidecar",
            held=arrived >= between > 0,
            evidence=(
                "all connections of the client sidecar arrived there"
                if arrived >= between > 0
                else f"the client sidecar opened {between} connections, {arrived} arrived at the server sidecar"
            ),
            when=when,
        ),
        Claim(
            claim=f"mtls: {arm.mtls}, as every connection between the sidecars shows",
            held=declared,
            evidence=(
                f"{'every' if handshakes else 'no'} connection made a TLS handshake"
                if declared
                else f"{handshakes} TLS handshakes on {between} connections"
            ),
            when=when,
        ),
    )


def _upstream(counters: Mapping[str, int], name: str) -> int:
    """A counter summed over all clusters, whatever their names are."""
    return sum(count for path, count in counters.items() if path.startswith("cluster.") and path.endswith(f".{name}"))


def _listener(counters: Mapping[str, int], name: str) -> int:
    """A counter summed over all listeners but the admin interface."""
    return sum(
        count
        for path, count in counters.items()
        if path.startswith("listener.") and path.endswith(f".{name}") and not path.startswith("listener.admin.")
    )


def _workers(arm: Arm, admin: str, when: str) -> Claim:
    count = envoy_admin.workers(admin)
    claim = f"a sidecar runs {arm.proxy_concurrency} workers"
    return Claim(claim=claim, held=count == arm.proxy_concurrency, evidence=f"it says {count}", when=when)


def _unchanged(admin: str, loaded: str | None, when: str) -> Claim:
    now = envoy_admin.configuration_digest(admin)
    held = now is not None and now == loaded
    evidence = "the digest of what is in force has not changed"
    if not held:
        evidence = f"digest {_shortened(now)} in force, {_shortened(loaded)} when it was started"
    claim = "a sidecar's configuration is the one it was started with"
    return Claim(claim=claim, held=held, evidence=evidence, when=when)


def _shortened(digest: str | None) -> str:
    return digest[:12] if digest else "unreadable"

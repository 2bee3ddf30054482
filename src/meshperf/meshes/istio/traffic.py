"""Which way the load went, by counters of sidecars and services: every edge of the graph crossed both of its sidecars.

What a service received, its own sidecar must have sent; what arrived there, the callers' sidecars must have opened; and
every connection between two sidecars must have made a TLS handshake, or none where mutual TLS is off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshperf.meshes.base import APP_PORT
from meshperf.meshes.istio.layout import INBOUND_PORT, Layout
from meshperf.spec.graph import CLIENT
from meshperf.spec.records import Claim

__all__ = ["edge_claims"]

Counters = Mapping[str, int]

_SLACK = 0.01
_SLACK_BYTES = 8192
"""What may differ between two counters of the same traffic: they are read one after the other, and meshperf's own
question past the sidecar counts at the service only."""


def edge_claims(
    layout: Layout, sidecars: Mapping[str, Counters], received: Mapping[str, object], *, mtls: str, when: str
) -> Sequence[Claim]:
    """One claim per question, over all edges of the graph.

    Args:
        sidecars: counters of each sidecar by workload.
        received: bytes that each service received, by its own count; anything but a number is no answer.
    """
    sent, arrived, shaken = [], [], []
    for service in layout.services:
        own = sidecars[service.name]
        got, passed = received.get(service.name), _sent_inside(own)
        if not isinstance(got, int):
            sent.append(f"{service.name} does not tell what it received")
        elif got > passed * (1 + _SLACK) + _SLACK_BYTES:
            sent.append(f"{service.name} received {got} bytes, its sidecar sent it {passed}")
        opened = 0
        for caller in layout.callers.get(service.name, ()):
            host = service.host
            total, failed, handshakes = (
                _outbound(sidecars[caller], host, name)
                for name in ("upstream_cx_total", "upstream_cx_connect_fail", "ssl.handshake")
            )
            made = total - failed
            opened += made
            # Deeper in a graph a call may be rare; that none is lost is a claim about the services' own counters.
            if not made and caller == CLIENT:
                arrived.append(f"the sidecar of {caller} opened no connection to {service.name}")
            fits = handshakes >= made if mtls == "strict" else handshakes == 0
            if not fits:
                shaken.append(f"{handshakes} TLS handshakes on {made} connections from {caller} to {service.name}")
        listened = _listened(own)
        if listened < opened:
            arrived.append(f"{opened} connections were opened to {service.name}, {listened} arrived at its sidecar")
    every = "every" if mtls == "strict" else "no"
    return (
        _claim("what a service receives comes through its sidecar", sent, "the sidecars sent all of it", when),
        _claim(
            "what a sidecar receives comes from its callers' sidecars", arrived, "all their connections arrived", when
        ),
        _claim(
            f"mtls: {mtls}, as every connection between sidecars shows",
            shaken,
            f"{every} connection made a TLS handshake",
            when,
        ),
    )


def _claim(claim: str, faults: Sequence[str], held: str, when: str) -> Claim:
    return Claim(claim=claim, held=not faults, evidence="; ".join(faults) or held, when=when)


def _sent_inside(counters: Counters) -> int:
    """Bytes that a sidecar sent to the application of its own pod."""
    return sum(
        count
        for name, count in counters.items()
        if name.startswith(f"cluster.inbound|{APP_PORT}|") and name.endswith(".upstream_cx_tx_bytes_total")
    )


def _outbound(counters: Counters, host: str, name: str) -> int:
    """A counter summed over the clusters of one service, its subsets included: `outbound|PORT|SUBSET|HOST;`."""
    total = 0
    for path, count in counters.items():
        if path.startswith(f"cluster.outbound|{APP_PORT}|") and path.endswith(f".{name}"):
            cluster = path.removeprefix("cluster.").removesuffix(f".{name}")
            if cluster.rstrip(";").rpartition("|")[2] == host:
                total += count
    return total


def _listened(counters: Counters) -> int:
    return counters.get(f"listener.0.0.0.0_{INBOUND_PORT}.downstream_cx_total", 0)

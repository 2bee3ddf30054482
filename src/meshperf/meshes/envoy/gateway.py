"""The gateway between two clusters: client and services share no network, but each reaches the other cluster's gateway.

    client's sidecar ─ link ─ gateway ─ sidecar of the entry

It stands in the services' cluster and forwards bytes. Under mutual TLS it chooses by the name that the caller asks for
(SNI) and sees nothing else: the handshake is between the two sidecars, as it is without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from meshperf.meshes import envoy_admin
from meshperf.meshes.envoy.counts import everything, from_callers, upstream
from meshperf.meshes.envoy.pieces import UNLIMITED, extension, socket

__all__ = ["GATEWAY_PORT", "Gateway", "gateway_bootstrap", "passed_on"]

GATEWAY_PORT = 15443
_NAME = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Where the gateway of one resident stands, and where it leads."""

    name: str
    host: str
    address: str
    admin: tuple[str, int]
    admin_reach: str
    onwards: tuple[str, int]
    """IP and port of the entry's sidecar."""
    asked_for: str | None
    """The name that callers ask for under TLS; None: calls are plain."""


def gateway_bootstrap(gateway: Gateway) -> dict[str, Any]:
    """Bytes in, bytes out; a caller that asks for another name finds no way."""
    forward = extension(
        "envoy.filters.network.tcp_proxy", "filters.network.tcp_proxy.v3.TcpProxy", stat_prefix=_NAME, cluster=_NAME
    )
    listener: dict[str, Any] = {"name": _NAME, "address": socket(gateway.address, GATEWAY_PORT)}
    chain: dict[str, Any] = {"filters": [forward]}
    if gateway.asked_for is not None:
        chain["filter_chain_match"] = {"server_names": [gateway.asked_for]}
        listener["listener_filters"] = [
            extension("envoy.filters.listener.tls_inspector", "filters.listener.tls_inspector.v3.TlsInspector")
        ]
    limits = {"max_connections": UNLIMITED, "max_pending_requests": UNLIMITED, "max_requests": UNLIMITED}
    cluster = {
        "name": _NAME,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {
            "cluster_name": _NAME,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(*gateway.onwards)}}]}],
        },
    }
    return {
        "node": {"id": gateway.name, "cluster": "meshperf"},
        "admin": {"address": socket(*gateway.admin)},
        "stats_flush_on_admin": True,
        "static_resources": {"listeners": [{**listener, "filter_chains": [chain]}], "clusters": [cluster]},
    }


def passed_on(gateway: Gateway, client_admin: str) -> Iterator[tuple[str, bool, str]]:
    """Claim, whether it holds, evidence: what the client's sidecar sends crosses the gateway and goes on."""
    sent = upstream(envoy_admin.counters(client_admin), "upstream_cx_total", everything)
    counters = envoy_admin.counters(gateway.admin_reach)
    came, went = from_callers(counters, "downstream_cx_total"), upstream(counters, "upstream_cx_total", everything)
    told = f"the client sidecar opened {sent} connections, {came} came in at the gateway and {went} went on"
    yield "what the client sidecar sends crosses the gateway", came >= sent > 0 and went >= sent, told

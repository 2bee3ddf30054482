"""Bootstrap configuration of an Envoy sidecar pair: plain data in, Envoy's static configuration out.

    load → client sidecar (plain in, mutual TLS out) → server sidecar (mutual TLS in, plain out) → application

Why each setting that a default would get wrong is there: TLS is pinned to 1.3 on both sides (Envoy as a client stops at
1.2 by itself); curve and resumption are pinned so that every arm pays the same handshake; circuit breakers are raised
(1024 by default, then a benchmark measures 503s); the connection limit is set by the overload manager; the caller's
identity header is sanitised and set anew, so that a forged one cannot pass.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CURVE", "SidecarPair", "client_bootstrap", "config_digest", "server_bootstrap"]

CURVE = "X25519"
_TYPE = "type.googleapis.com/envoy.extensions."
_ADMIN_PORT = 15000
_OUTBOUND_PORT = 15001
_INBOUND_PORT = 15006
_UNLIMITED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarPair:
    """One resident's pair: addresses are IPs; paths are certificate files; identities are SPIFFE ids."""

    client_address: str
    server_address: str
    app_address: str
    app_port: int
    mtls: bool
    mode: str
    """http or tcp."""
    access_log: Path | None
    """Folder for the access logs of both sidecars; None: no access log."""
    ca: Path
    client_certificate: Path
    client_key: Path
    client_identity: str
    server_certificate: Path
    server_key: Path
    server_identity: str

    @property
    def outbound(self) -> str:
        """Where load goes in."""
        return f"{self.client_address}:{_OUTBOUND_PORT}"

    @property
    def inbound(self) -> str:
        """Where the server sidecar listens."""
        return f"{self.server_address}:{_INBOUND_PORT}"

    @property
    def client_admin(self) -> str:
        return f"{self.client_address}:{_ADMIN_PORT}"

    @property
    def server_admin(self) -> str:
        return f"{self.server_address}:{_ADMIN_PORT}"

    def template_values(self) -> Mapping[str, str | int]:
        """What a user's own bootstrap template may refer to."""
        return {
            "client_address": self.client_address,
            "server_address": self.server_address,
            "app_address": self.app_address,
            "app_port": self.app_port,
            "admin_port": _ADMIN_PORT,
            "outbound_port": _OUTBOUND_PORT,
            "inbound_port": _INBOUND_PORT,
            "ca": str(self.ca),
            "client_certificate": str(self.client_certificate),
            "client_key": str(self.client_key),
            "client_identity": self.client_identity,
            "server_certificate": str(self.server_certificate),
            "server_key": str(self.server_key),
            "server_identity": self.server_identity,
        }


def client_bootstrap(pair: SidecarPair) -> dict[str, Any]:
    """The client sidecar: what the application sends leaves under the client's identity."""
    cluster = _cluster("outbound", pair.server_address, _INBOUND_PORT, source=pair.client_address, http=_is_http(pair))
    if pair.mtls:
        context = {
            "@type": _TYPE + "transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": "server",
            "max_session_keys": 0,
            "common_tls_context": _tls(pair, pair.client_certificate, pair.client_key, pair.server_identity),
        }
        cluster["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    chain: dict[str, Any] = {"filters": [_filter(pair, "outbound", forward_identity=False)]}
    return _bootstrap("client", pair.client_address, _OUTBOUND_PORT, chain, cluster)


def server_bootstrap(pair: SidecarPair) -> dict[str, Any]:
    """The server sidecar: admits only the client's identity, and tells the application who called."""
    cluster = _cluster("inbound", pair.app_address, pair.app_port, source=pair.server_address, http=_is_http(pair))
    chain: dict[str, Any] = {"filters": [_filter(pair, "inbound", forward_identity=pair.mtls)]}
    if pair.mtls:
        common = _tls(pair, pair.server_certificate, pair.server_key, pair.client_identity)
        common["alpn_protocols"] = ["http/1.1"]
        context = {
            "@type": _TYPE + "transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": True,
            "disable_stateless_session_resumption": True,
            "disable_stateful_session_resumption": True,
            "common_tls_context": common,
        }
        chain["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    return _bootstrap("server", pair.server_address, _INBOUND_PORT, chain, cluster)


def config_digest(pair: SidecarPair) -> str:
    """Digest of what the pair does, without addresses and paths: equal settings give equal digests on any machine."""
    text = json.dumps([client_bootstrap(pair), server_bootstrap(pair)], sort_keys=True)
    values = sorted(((str(value), name) for name, value in pair.template_values().items()), key=lambda v: -len(v[0]))
    for value, name in values:
        if not value.isdigit():
            text = text.replace(value, f"<{name}>")
    if pair.access_log is not None:
        text = text.replace(str(pair.access_log), "<logs>")
    return hashlib.sha256(text.encode()).hexdigest()


def _is_http(pair: SidecarPair) -> bool:
    return pair.mode == "http"


def _tls(pair: SidecarPair, certificate: Path, key: Path, peer_identity: str) -> dict[str, Any]:
    return {
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_3",
            "tls_maximum_protocol_version": "TLSv1_3",
            "ecdh_curves": [CURVE],
        },
        "tls_certificates": [
            {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(key)}}
        ],
        "validation_context": {
            "trusted_ca": {"filename": str(pair.ca)},
            "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": peer_identity}}],
        },
    }


def _filter(pair: SidecarPair, name: str, *, forward_identity: bool) -> dict[str, Any]:
    logs = _access_log(pair, name)
    if not _is_http(pair):
        tcp = {"@type": _TYPE + "filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": name, "cluster": name, **logs}
        return {"name": "envoy.filters.network.tcp_proxy", "typed_config": tcp}
    manager: dict[str, Any] = {
        "@type": _TYPE + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "AUTO",
        "generate_request_id": False,
        "forward_client_cert_details": "SANITIZE_SET" if forward_identity else "SANITIZE",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": name, "timeout": "15s"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _TYPE + "filters.http.router.v3.Router"},
            }
        ],
        **logs,
    }
    if forward_identity:
        manager["set_current_client_cert_details"] = {"uri": True}
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}


def _access_log(pair: SidecarPair, name: str) -> dict[str, Any]:
    if pair.access_log is None:
        return {}
    config = {
        "@type": _TYPE + "access_loggers.file.v3.FileAccessLog",
        "path": str(pair.access_log / f"{name}-{pair.client_address}.access.log"),
    }
    return {"access_log": [{"name": "envoy.access_loggers.file", "typed_config": config}]}


def _cluster(name: str, address: str, port: int, *, source: str, http: bool) -> dict[str, Any]:
    cluster: dict[str, Any] = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": _UNLIMITED, "max_pending_requests": _UNLIMITED, "max_requests": _UNLIMITED}
            ]
        },
        # The application believes an identity header only from this address.
        "upstream_bind_config": {"source_address": {"address": source, "port_value": 0}},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _socket(address, port)}}]}],
        },
    }
    if http:
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _TYPE + "upstreams.http.v3.HttpProtocolOptions",
                "use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}},
            }
        }
    return cluster


def _socket(address: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": port}}


def _bootstrap(side: str, address: str, port: int, chain: dict[str, Any], cluster: dict[str, Any]) -> dict[str, Any]:
    limit = {
        "@type": _TYPE + "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": _UNLIMITED,
    }
    return {
        "node": {"id": f"{side}-sidecar", "cluster": "meshperf"},
        # No authentication on the admin interface, hence loopback only.
        "admin": {"address": _socket(address, _ADMIN_PORT)},
        "stats_flush_on_admin": True,
        "overload_manager": {
            "resource_monitors": [
                {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": limit}
            ]
        },
        "static_resources": {
            "listeners": [{"name": side, "address": _socket(address, port), "filter_chains": [chain]}],
            "clusters": [cluster],
        },
    }

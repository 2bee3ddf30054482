"""Bootstrap configuration of one sidecar: plain data in, Envoy's static configuration out.

Why settings that a default would get wrong are there: circuit breakers are raised (1024 by default, then a benchmark
measures 503s); the connection limit is set by the overload manager; the protocol of the caller is kept at every hop;
the application is called from an address by which it knows its own sidecar.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from meshperf.meshes.base import AppAddress
from meshperf.meshes.envoy.http_filters import inbound_manager, outbound_manager
from meshperf.meshes.envoy.layout import INBOUND_PORT, LOCAL, REDIRECTED_PORT, Callee, Layout, Sidecar
from meshperf.meshes.envoy.pieces import EXTENSIONS, INBOUND, NOWHERE, UNLIMITED, extension, outbound, socket
from meshperf.meshes.envoy.redirection import MARK
from meshperf.meshes.envoy.tls import towards_callee, towards_callers
from meshperf.spec.experiment import Arm

__all__ = ["bootstrap", "config_digest"]

_SOL_SOCKET, _SO_MARK = 1, 36


def bootstrap(arm: Arm, layout: Layout, sidecar: Sidecar, app: AppAddress | None) -> dict[str, Any]:
    """Configuration of one sidecar; `app` is the service beside it, None for the client's."""
    listeners = [_outbound_listener(arm, layout, sidecar, callee) for callee in sidecar.callees]
    clusters = [cluster for callee in sidecar.callees for cluster in _callee_clusters(arm, layout, sidecar, callee)]
    if layout.transparent:
        listeners.append(_redirected_listener())
    if layout.transparent or arm.functions.tracing:
        clusters.append({"name": NOWHERE, "type": "STATIC", "connect_timeout": "1s"})
    if app is not None:
        listeners.append(_inbound_listener(arm, layout, sidecar))
        clusters.append(_cluster(arm, INBOUND, app.host, app.port, source=sidecar.own_source))
    limit = extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=UNLIMITED,
    )
    return {
        "node": {"id": f"{sidecar.name}-sidecar", "cluster": "meshperf"},
        # No authentication on the admin interface, hence loopback only.
        "admin": {"address": socket(*sidecar.admin)},
        "stats_flush_on_admin": True,
        "overload_manager": {"resource_monitors": [limit]},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }


def config_digest(layout: Layout, sidecars: Sequence[dict[str, Any]]) -> str:
    """Digest of what the sidecars do, without addresses and paths: equal settings give equal digests on any machine."""
    text = json.dumps(sidecars, sort_keys=True).replace(str(layout.folder), "<folder>")
    for address, name in layout.addresses.items():
        text = text.replace(f'"{address}"', f'"<{name}>"')
    return hashlib.sha256(text.encode()).hexdigest()


def _outbound_listener(arm: Arm, layout: Layout, sidecar: Sidecar, callee: Callee) -> dict[str, Any]:
    name = outbound(callee.name)
    log = _access_log(arm, layout, f"{sidecar.name}-{name}")
    filter_ = outbound_manager(arm, callee.name, log) if arm.mode == "http" else _bytes(name, log)
    return {
        "name": name,
        "address": socket(*callee.dialled),
        # Where calls are redirected, this one is handed those that were meant for its address.
        **({} if callee.bound else {"bind_to_port": False}),
        "filter_chains": [{"filters": [filter_]}],
    }


def _redirected_listener() -> dict[str, Any]:
    """Takes what the pod's rules redirect; what is meant for no callee ends here."""
    return {
        "name": "redirected",
        "address": socket(LOCAL, REDIRECTED_PORT),
        "use_original_dst": True,
        "filter_chains": [
            {
                "filters": [
                    extension(
                        "envoy.filters.network.tcp_proxy",
                        "filters.network.tcp_proxy.v3.TcpProxy",
                        stat_prefix=NOWHERE,
                        cluster=NOWHERE,
                    )
                ]
            }
        ],
    }


def _inbound_listener(arm: Arm, layout: Layout, sidecar: Sidecar) -> dict[str, Any]:
    log = _access_log(arm, layout, f"{sidecar.name}-{INBOUND}")
    http = arm.mode == "http"
    chain: dict[str, Any] = {"filters": [inbound_manager(arm, sidecar.callers, log) if http else _bytes(INBOUND, log)]}
    if arm.mtls == "strict":
        chain["transport_socket"] = towards_callers(
            sidecar.identity, layout.authority, callers=sidecar.callers, http=http, pinned=arm.defaults == "equal"
        )
    return {"name": INBOUND, "address": socket(sidecar.address, INBOUND_PORT), "filter_chains": [chain]}


def _bytes(name: str, log: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return extension(
        "envoy.filters.network.tcp_proxy",
        "filters.network.tcp_proxy.v3.TcpProxy",
        stat_prefix=name,
        cluster=name,
        **({"access_log": list(log)} if log else {}),
    )


def _access_log(arm: Arm, layout: Layout, name: str) -> Sequence[dict[str, Any]]:
    if not arm.access_log:
        return ()
    path = str(layout.folder / f"{name}.access.log")
    return (extension("envoy.access_loggers.file", "access_loggers.file.v3.FileAccessLog", path=path),)


def _callee_clusters(arm: Arm, layout: Layout, sidecar: Sidecar, callee: Callee) -> list[dict[str, Any]]:
    """One cluster, or one for each subset of a split; all lead to the same sidecar."""
    subsets = range(len(arm.functions.split)) if arm.functions.split else (None,)
    clusters = []
    for subset in subsets:
        name = outbound(callee.name, subset)
        cluster = _cluster(arm, name, *callee.peer, source=sidecar.peer_source)
        if layout.transparent:
            mark = {"level": _SOL_SOCKET, "name": _SO_MARK, "int_value": MARK, "state": "STATE_PREBIND"}
            cluster["upstream_bind_config"] = {"socket_options": [mark]}
        if arm.mtls == "strict":
            cluster["transport_socket"] = towards_callee(
                sidecar.identity,
                layout.authority,
                callee=callee.identity,
                sni=callee.name,
                pinned=arm.defaults == "equal",
            )
        clusters.append(cluster)
    return clusters


def _cluster(arm: Arm, name: str, ip: str, port: int, *, source: str | None) -> dict[str, Any]:
    limits = {"max_connections": UNLIMITED, "max_pending_requests": UNLIMITED, "max_requests": UNLIMITED}
    limits |= {"max_retries": UNLIMITED}
    cluster: dict[str, Any] = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(ip, port)}}]}],
        },
    }
    if source is not None:
        # The application believes an identity header only from this address.
        cluster["upstream_bind_config"] = {"source_address": {"address": source, "port_value": 0}}
    if arm.mode == "http":
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{EXTENSIONS}upstreams.http.v3.HttpProtocolOptions",
                "use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}},
            }
        }
    return cluster

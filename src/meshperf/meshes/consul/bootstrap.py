"""The bootstrap configuration of a sidecar: what `consul connect envoy` prints, and the little that is added to it.

Always: the address that the sidecar dials from, by which a service knows its own sidecar, and fresh counters on demand.
With `defaults: equal`: no limit on connections, and the key exchange that the other arms use (Envoy since 1.36 prefers
a post-quantum one, which Consul cannot be told to leave out).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meshperf.errors import DeploymentError
from meshperf.meshes.base import APP_PORT
from meshperf.meshes.consul.layout import (
    ADMIN_PORT,
    GRPC_PORT,
    HTTP_PORT,
    PUBLIC_PORT,
    UPSTREAM_PORT,
    Layout,
    Workload,
)

__all__ = ["PROXY_USER", "bootstrap_argv", "completed", "redirection_argv", "sidecar_argv"]

PROXY_USER = (5995, 5995)
"""Whose connections the rules of redirection leave alone. A number is enough: nobody has to be in the list of users."""
_UNLIMITED = 100_000
_CONNECTIONS = "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3."
_LAYER = {"name": "meshperf", "static_layer": {"envoy.reloadable_features.pqc_default_ecdh_curves": False}}


def bootstrap_argv(program: Path, layout: Layout, workload: Workload) -> list[str]:
    """Command that prints the bootstrap configuration of one sidecar."""
    return [
        str(program), "connect", "envoy",
        "-sidecar-for", workload.name,
        "-http-addr", f"{layout.agent}:{HTTP_PORT}",
        "-grpc-addr", f"{layout.agent}:{GRPC_PORT}",
        "-admin-bind", f"{workload.inner}:{ADMIN_PORT}",
        # One Envoy for every mesh: newer than those that Consul lists.
        "-ignore-envoy-compatibility",
        "-bootstrap",
    ]  # fmt: skip


def redirection_argv(program: Path, layout: Layout, workload: Workload) -> list[str]:
    """Command that sets the rules of redirection of one pod; the port that answers about the service stays open."""
    return [
        str(program), "connect", "redirect-traffic",
        "-http-addr", f"{layout.agent}:{HTTP_PORT}",
        "-proxy-uid", str(PROXY_USER[0]),
        "-proxy-inbound-port", str(PUBLIC_PORT),
        "-proxy-outbound-port", str(UPSTREAM_PORT),
        "-exclude-inbound-port", str(APP_PORT + 1),
        # Who asks the service about itself from its own pod.
        "-exclude-outbound-cidr", f"{workload.address}/32",
    ]  # fmt: skip


def sidecar_argv(envoy: Path, config: Path, *, concurrency: int) -> list[str]:
    """Command line of one sidecar."""
    return [
        str(envoy), "-c", str(config), "--concurrency", str(concurrency), "--disable-hot-restart", "-l", "warning",
    ]  # fmt: skip


def completed(printed: str, workload: Workload, *, equal: bool) -> dict[str, Any]:
    """The configuration that the sidecar is started with.

    Raises:
        DeploymentError: what was printed is no configuration (MP5102).
    """
    try:
        config = json.loads(printed)
    except ValueError as failure:
        raise _unreadable(printed.splitlines()[-3:]) from failure
    if not isinstance(config, dict) or "dynamic_resources" not in config:
        raise _unreadable(printed.splitlines()[-3:])
    config["cluster_manager"] = {
        "upstream_bind_config": {"source_address": {"address": workload.address, "port_value": 0}}
    }
    config["stats_flush_on_admin"] = True
    if equal:
        config.setdefault("layered_runtime", {}).setdefault("layers", []).append(_LAYER)
        limit = {
            "@type": _CONNECTIONS + "DownstreamConnectionsConfig",
            "max_active_downstream_connections": _UNLIMITED,
        }
        config["overload_manager"] = {
            "resource_monitors": [
                {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": limit}
            ]
        }
    return config


def _unreadable(lines: Sequence[str]) -> DeploymentError:
    return DeploymentError(
        "MP5102",
        "`consul connect envoy` printed no bootstrap configuration",
        log=lines,
        hint="is this Consul 1.17 or later?",
    )

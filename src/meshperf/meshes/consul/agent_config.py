"""The agent's one configuration file: where it listens, its services with their sidecars, its configuration entries.

Everything that meshperf does not need of an agent is off: DNS, the page for people, the search for newer versions,
gossip beyond itself. Every port is explicit and on the agent's own address.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from meshperf.errors import UsageError
from meshperf.meshes.base import AppAddress
from meshperf.meshes.consul.entries import configuration_entries
from meshperf.meshes.consul.layout import (
    GOSSIP_PORT,
    GRPC_PORT,
    HTTP_PORT,
    PUBLIC_PORT,
    SERVER_PORT,
    UPSTREAM_PORT,
    Layout,
    Workload,
)
from meshperf.spec.experiment import Arm

__all__ = ["agent_configuration", "check_settings", "configuration_digest"]

_OURS = ("bind_addr", "client_addr", "advertise_addr", "ports", "addresses", "services", "config_entries", "connect",
         "default_intention_policy", "data_dir", "node_name", "datacenter", "acl")  # fmt: skip
"""What the adapter itself rests on."""


def agent_configuration(layout: Layout, arm: Arm, apps: Mapping[str, AppAddress], *, log_folder: str) -> dict[str, Any]:
    """What the agent is started with.

    Args:
        apps: where each service answers; the client's is nowhere, because nobody calls it.
        log_folder: for access logs.

    Raises:
        UsageError: a setting of the arm's `control_plane` is one that the adapter makes itself (MP1008).
    """
    configuration: dict[str, Any] = {
        "node_name": "control",
        "datacenter": "dc1",
        "bind_addr": layout.agent,
        "advertise_addr": layout.agent,
        "client_addr": layout.agent,
        "disable_update_check": True,
        "log_level": "warn",
        "ui_config": {"enabled": False},
        "ports": {
            "http": HTTP_PORT,
            "grpc": GRPC_PORT,
            "server": SERVER_PORT,
            "serf_lan": GOSSIP_PORT,
            # `consul connect envoy` would want to be told an authority for a port with TLS.
            **dict.fromkeys(("https", "grpc_tls", "dns", "serf_wan"), -1),
        },
        "connect": {"enabled": True},
        "default_intention_policy": "deny",
        "config_entries": {"bootstrap": configuration_entries(layout, arm, log_folder=log_folder)},
        "services": [_service(workload, layout, arm, apps.get(workload.name)) for workload in layout.workloads],
    }
    check_settings(arm)
    for path, value in arm.control_plane.items():
        _set(configuration, path, value)
    return configuration


def check_settings(arm: Arm) -> None:
    """Refuse settings of the control plane that would take the adapter's own from under it.

    Raises:
        UsageError: MP1008.
    """
    for path in arm.control_plane:
        if path.split(".")[0] in _OURS:
            raise UsageError(
                "MP1008",
                f"arm `{arm.name}`: `{path}` is a setting that meshperf makes itself",
                hint="write a path of the agent's configuration file, such as performance.raft_multiplier",
            )


def configuration_digest(configuration: Mapping[str, Any], layout: Layout, *, log_folder: str) -> str:
    """Digest of what the agent is told, without addresses and paths: equal settings give equal digests anywhere."""
    text = json.dumps(configuration, sort_keys=True).replace(log_folder, "<logs>")
    own = {workload.app.rpartition(":")[0]: f"<{workload.name}>" for workload in layout.workloads}
    sidecars = {workload.address: f"<{workload.name}'s sidecar>" for workload in layout.workloads}
    names = {**own, **sidecars, layout.agent: "<agent>"}
    for address in sorted(names, key=len, reverse=True):  # 10.0.0.11 before 10.0.0.1
        text = text.replace(f'"{address}"', f'"{names[address]}"')
    return hashlib.sha256(text.encode()).hexdigest()


def _service(workload: Workload, layout: Layout, arm: Arm, app: AppAddress | None) -> dict[str, Any]:
    proxy: dict[str, Any] = {"config": {"bind_address": workload.address}}
    if layout.transparent:
        # Whom it may call follows from the intentions.
        proxy |= {"mode": "transparent", "transparent_proxy": {"outbound_listener_port": UPSTREAM_PORT}}
    else:
        proxy["upstreams"] = [_upstream(callee, place) for callee, place in workload.upstreams.items()]
    if app is not None:
        proxy |= {"local_service_address": app.host, "local_service_port": app.port}
    sidecar: dict[str, Any] = {"address": workload.address, "port": PUBLIC_PORT, "proxy": proxy}
    if arm.defaults == "equal":
        # As shipped, the agent dials every sidecar each ten seconds, and load waits for the first time it does.
        sidecar["checks"] = [{"name": "the service itself", "alias_service": workload.name}]
    port = app.port if app is not None else int(workload.app.rpartition(":")[2])
    virtual = {"tagged_addresses": {"virtual": {"address": workload.virtual, "port": port}}} if workload.virtual else {}
    return {
        "name": workload.name,
        "id": workload.name,
        "address": workload.address,
        "port": port,
        "connect": {"sidecar_service": {**sidecar, **virtual}},
        **virtual,
    }


def _upstream(callee: str, place: str) -> dict[str, Any]:
    address, _, port = place.rpartition(":")
    return {"destination_name": callee, "local_bind_address": address, "local_bind_port": int(port)}


def _set(configuration: dict[str, Any], path: str, value: str) -> None:
    """Set one value by its path; what reads as JSON is taken as that."""
    *folders, last = path.split(".")
    for folder in folders:
        configuration = configuration.setdefault(folder, {})
    try:
        configuration[last] = json.loads(value)
    except ValueError:
        configuration[last] = value

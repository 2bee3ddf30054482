"""Pieces of Envoy's configuration that every other module here writes: type names, addresses, names of clusters."""

from __future__ import annotations

from typing import Any

__all__ = ["EXTENSIONS", "INBOUND", "NOWHERE", "UNLIMITED", "extension", "outbound", "socket"]

EXTENSIONS = "type.googleapis.com/envoy.extensions."
INBOUND = "inbound"
"""Name of the cluster, listener and counters towards the pod's own service."""
NOWHERE = "nowhere"
"""Name of the cluster without endpoints, for what is to end in the sidecar."""
UNLIMITED = 100_000
"""Above what any load point opens: a limit that is reached would be measured as an error of the mesh."""


def outbound(callee: str, subset: int | None = None) -> str:
    """Name of the cluster, listener and counters towards a callee, or towards one subset of a traffic split."""
    return f"outbound_{callee}" if subset is None else f"outbound_{callee}_{subset}"


def socket(ip: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": ip, "port_value": port}}


def extension(name: str, kind: str, **settings: Any) -> dict[str, Any]:
    """A named extension with its configuration, such as a filter."""
    return {"name": name, "typed_config": {"@type": EXTENSIONS + kind, **settings}}

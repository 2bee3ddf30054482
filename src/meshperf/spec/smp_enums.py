"""The enum names and numbers of SMP that documents may use either of; numbers from 1000 are meshperf's extensions."""

from __future__ import annotations

__all__ = ["CLIENT_PROTOCOLS", "MESH_ALIASES", "MESH_TYPES"]

MESH_TYPES: dict[int, str] = {
    0: "INVALID_MESH",
    1: "APP_MESH",
    2: "CONSUL",
    3: "ISTIO",
    4: "KUMA",
    5: "LINKERD",
    6: "TRAEFIK_MESH",
    7: "OCTARINE",
    8: "NETWORK_SERVICE_MESH",
    9: "TANZU",
    10: "OPEN_SERVICE_MESH",
    11: "NGINX_SERVICE_MESH",
    12: "CILIUM_SERVICE_MESH",
    1000: "NO_MESH",
    1001: "ISTIO_AMBIENT",
    1002: "KMESH",
    1003: "ENVOY",
    1004: "HAPROXY",
    1005: "NGINX",
    1006: "GRPC_PROXYLESS",
    1007: "KONG_MESH",
    1999: "OTHER",
}

MESH_ALIASES: dict[str, str] = {"MAESH": "TRAEFIK_MESH"}
"""Names that the standard gave up, by the name of the same number today."""

CLIENT_PROTOCOLS: dict[int, str] = {
    0: "PROTOCOL_INVALID",
    1: "PROTOCOL_HTTP",
    2: "PROTOCOL_TCP",
    3: "PROTOCOL_UDP",
    4: "PROTOCOL_GRPC",
}

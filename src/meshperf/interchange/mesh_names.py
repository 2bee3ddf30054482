"""Names that tools and people give meshes, as the names of SMP's enum."""

from __future__ import annotations

import re

from meshperf.spec.smp_enums import MESH_ALIASES, MESH_TYPES

__all__ = ["mesh_of"]

_ALSO = {
    "NONE": "NO_MESH",
    "BASELINE": "NO_MESH",
    "AWS_APP_MESH": "APP_MESH",
    "APPMESH": "APP_MESH",
    "CONSUL_CONNECT": "CONSUL",
    "OSM": "OPEN_SERVICE_MESH",
    "NSM": "NETWORK_SERVICE_MESH",
    "NGINX_SM": "NGINX_SERVICE_MESH",
    "TRAEFIK": "TRAEFIK_MESH",
    "CILIUM": "CILIUM_SERVICE_MESH",
    "TANZU_SERVICE_MESH": "TANZU",
    **MESH_ALIASES,
}


def mesh_of(name: str) -> str | None:
    """The enum's name; None for an empty name, `OTHER` for a mesh it does not have."""
    word = re.sub(r"[^A-Z0-9]+", "_", name.strip().upper()).strip("_")
    if not word or word == "INVALID_MESH":
        return None
    word = _ALSO.get(word, word)
    return word if word in MESH_TYPES.values() else "OTHER"

"""The registry line of every mesh: the word for an arm's `mesh` key. Its adapter is `meshperf.meshes.<word>`.

The words stand here, below the adapters, so that a file can be validated without loading one of them.
"""

from __future__ import annotations

__all__ = ["KNOWN_MESHES"]

KNOWN_MESHES = (
    "none",
    "envoy",
    "istio",
    "consul",
    "kuma",
    "linkerd",
)
"""Values of an arm's `mesh` key that this version can deploy."""

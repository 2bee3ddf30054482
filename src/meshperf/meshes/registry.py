"""The meshes there are, by name. A module is imported when its mesh is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from meshperf.meshes.base import Mesh

__all__ = ["mesh_names", "open_mesh"]

_MODULES = {
    "none": "meshperf.meshes.none",
    "envoy": "meshperf.meshes.envoy",
}


def mesh_names() -> Sequence[str]:
    """All meshes that have an adapter."""
    return tuple(_MODULES)


def open_mesh(name: str) -> Mesh:
    """The adapter of one mesh. `name` was validated by `spec`; an unknown one is a KeyError."""
    mesh: Mesh = importlib.import_module(_MODULES[name]).adapter()
    return mesh

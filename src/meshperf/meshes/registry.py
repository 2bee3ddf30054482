"""The meshes there are, by name. A module is imported when its mesh is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from meshperf.meshes.base import Mesh
from meshperf.spec.mesh_names import KNOWN_MESHES

__all__ = ["mesh_names", "open_mesh"]


def mesh_names() -> Sequence[str]:
    """All meshes that have an adapter."""
    return KNOWN_MESHES


def open_mesh(name: str) -> Mesh:
    """The adapter of one mesh: module `meshperf.meshes.<name>`. `name` was validated by `spec`."""
    if name not in KNOWN_MESHES:
        raise KeyError(name)
    mesh: Mesh = importlib.import_module(f"meshperf.meshes.{name}").adapter()
    return mesh

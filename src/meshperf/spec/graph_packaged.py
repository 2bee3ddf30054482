"""The graphs that come with meshperf: their names, and where their documents are.

The documents are data of the package that starts workloads; reading them must not load it, so they are found by path.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["ECHO", "PACKAGED_GRAPHS", "is_graph_file", "packaged_path"]

ECHO = "echo"
"""One service with the settings of `workload` itself."""
PACKAGED_GRAPHS = ("chain", "tree", "bookinfo", "emojivoto", "boutique")
_FOLDER = Path(__file__).parents[1] / "workloads" / "graphs"
_ENDINGS = (".yaml", ".yml", ".json")


def packaged_path(name: str) -> Path:
    """The document of a graph that comes with the package."""
    return _FOLDER / f"{name}.yaml"


def is_graph_file(given: str) -> bool:
    """Whether what stands under `workload.graph` names a file instead of a graph of the package."""
    return "/" in given or given.lower().endswith(_ENDINGS)

"""The cache folder: where programs lie that `meshperf lab install` built, for meshes and load generators alike."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["cache_dir", "program_dir"]


def cache_dir() -> Path:
    """`$MESHPERF_CACHE_DIR`, else `meshperf` in the user's cache folder. Need not exist."""
    named = os.environ.get("MESHPERF_CACHE_DIR")
    return Path(named).absolute() if named else Path(platformdirs.user_cache_dir("meshperf"))


def program_dir() -> Path:
    """Where built programs lie, each beside its build record."""
    return cache_dir() / "bin"

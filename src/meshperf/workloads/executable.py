"""Where the workload's executable is.

It is a compiled program of its own, installed inside the package: no interpreter runs in a measured process.
"""

from __future__ import annotations

import os
from pathlib import Path

from meshperf.errors import PrerequisiteError

__all__ = ["executable"]

OVERRIDE = "MESHPERF_WORKLOAD"


def executable() -> Path:
    """The `meshperf-workload` program: `$MESHPERF_WORKLOAD` where that is set, else the one inside this package.

    Raises:
        PrerequisiteError: MP3002, there is no such program or it may not be executed.
    """
    chosen = os.environ.get(OVERRIDE)
    path = Path(chosen) if chosen else Path(__file__).parents[1] / "_bin" / "meshperf-workload"
    if path.is_file() and os.access(path, os.X_OK):
        return path.absolute()
    if chosen:
        raise PrerequisiteError(
            "MP3002",
            f"{OVERRIDE} names {chosen}, which is no executable file",
            hint=f"unset {OVERRIDE} to use the installed workload",
        )
    raise PrerequisiteError(
        "MP3002",
        "the workload executable is not installed with this meshperf",
        hint="install meshperf from a wheel for this platform, or run `make build` in its source tree",
    )

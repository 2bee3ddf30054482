"""Where the store lies when nobody says otherwise."""

from __future__ import annotations

import os
from pathlib import Path

from meshperf.errors import StorageError

__all__ = ["VARIABLE", "default_path"]

VARIABLE = "MESHPERF_STORE"
"""Environment variable with the path of the store's file."""


def default_path() -> Path:
    """`MESHPERF_STORE`, or `meshperf.sqlite` in the user's data folder.

    Raises:
        StorageError: MP5404, the variable holds an address instead of a path.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if "://" in given:
        raise StorageError(
            "MP5404", f"{VARIABLE} holds an address, {given.split('://')[0]}://…", hint="give the path of a file"
        )
    if given:
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("meshperf", appauthor=False) / "meshperf.sqlite"

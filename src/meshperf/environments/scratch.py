"""Folders below a site's scratch folder, also for processes that run as another user.

The scratch folder stays 0700. Such a process keeps the one right to read past file modes (`supervisor.Launch`), so it
needs a folder of its own only for what it writes.
"""

from __future__ import annotations

import os
from pathlib import Path

from meshperf.errors import StorageError

__all__ = ["make_folder"]


def make_folder(scratch: Path, name: str, user: tuple[int, int] | None) -> Path:
    """A folder of that name (it may have `/`) below the scratch folder; mode 0700, the user's own where one is given.

    Raises:
        ValueError: the name leads out of the scratch folder. StorageError: it cannot be made.
    """
    folder = Path(os.path.normpath(scratch / name))
    if folder == scratch or not folder.is_relative_to(scratch):
        raise ValueError(f"{name!r} is not a name below the scratch folder")
    try:
        between = [above for above in folder.parents if above.is_relative_to(scratch) and above != scratch]
        for each in (*reversed(between), folder):
            each.mkdir(mode=0o700, exist_ok=True)
        if user is not None:
            os.chown(folder, *user)
    except OSError as error:
        code = "MP5402" if error.errno == 28 else "MP5401"
        raise StorageError(code, f"cannot make the folder {folder}: {error.strerror}") from error
    return folder

"""Writing a report's files: each beside its place first, then renamed, so that a reader never sees half a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from meshperf.errors import StorageError

__all__ = ["place"]


def place(path: Path, content: bytes) -> Path:
    """Write `content` to `path` whole or not at all, making its folder.

    Raises:
        StorageError: no space left (MP5402), or the folder cannot be written (MP5401).
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                "MP5402",
                f"no space left to write the report's {path.name}",
                hint="free some space and run `meshperf report` again",
            ) from error
        raise StorageError(
            "MP5401",
            f"cannot write the report's {path.name} in {path.parent}: {error.strerror}",
            hint="choose a folder that you may write with --out",
        ) from error
    return path

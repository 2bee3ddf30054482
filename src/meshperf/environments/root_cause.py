"""What is behind the error with which a site is left: a full disk, or a process that died and took others with it.

A sidecar waits for its control plane and is late, a question to an agent fails: what is noticed first is often not what
happened. A site still knows which of its processes are gone, and whether there is room left in its scratch folder.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from meshperf.errors import CaptureError, DeploymentError, MeshperfError, StorageError

__all__ = ["root_cause"]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_ROOM = 1 << 16
"""Bytes that a device must have free, or what a process wanted to write may have found no place."""


def root_cause(error: BaseException | None, scratch: Path, check: Callable[[], None]) -> MeshperfError | None:
    """The error to be told instead; None: what is known says it best.

    Args:
        check: raises DeploymentError (MP5104) when a process that should be running has ended.
    """
    if isinstance(error, OSError) and error.errno in _NO_ROOM and _free(scratch) < _ROOM:
        return _full(scratch, error.strerror or str(error))
    if not isinstance(error, DeploymentError) or error.code == "MP5104":
        return None
    if _free(scratch) < _ROOM:
        return _full(scratch, error.message)
    try:
        check()
    except DeploymentError as died:
        return died
    except CaptureError:
        return None  # nobody is left to be asked, and that is no answer
    return None


def _free(folder: Path) -> float:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return float("inf")  # there is no such folder: it is not what is full


def _full(scratch: Path, what: str) -> StorageError:
    return StorageError(
        "MP5402",
        f"no space left for the scratch folder {scratch}: {what}",
        hint=f"free some space in {scratch.parent}, or name another folder with TMPDIR; finished rounds are kept",
    )

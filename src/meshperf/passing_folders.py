"""Folders in the system's temporary folder that do not outlive the process that made them, however it ends.

What it decides: a `with` block removes its folder, but `kill -9` ends no block. So whoever makes such a folder holds a
lock on it, and whoever makes the next one, or starts an experiment, removes those that nobody holds.
Why a lock and not a pid in the name: the kernel drops a lock with its holder, whereas a pid means something in one
boot and one pid namespace only, and containers may share a temporary folder.
What it assumes: `flock` on folders. Where a file system has none, a killed process's folder stays.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["passing_folder", "remove_forsaken_folders"]

_PREFIX = "meshperf-passing-"
_NAME = re.compile(rf"{_PREFIX}[a-z]+-[0-9a-f]{{32}}")


@contextmanager
def passing_folder(purpose: str) -> Iterator[Path]:
    """An empty folder, mode 0700, for as long as the block lasts. Those that killed processes left are removed first.

    Args:
        purpose: one word in lower case, for people who look into the temporary folder.

    Raises:
        OSError: the temporary folder cannot be written.
    """
    remove_forsaken_folders()
    folder, held = _made(purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def remove_forsaken_folders() -> int:
    """Remove our folders of this kind whose owner is dead; returns how many there were."""
    there = (folder for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*") if _NAME.fullmatch(folder.name))
    return sum(_removed_if_forsaken(folder) for folder in there)


def _made(purpose: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.gettempdir()).absolute() / f"{_PREFIX}{purpose}-{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700)
        try:
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # taken for forsaken before it was locked
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
        except OSError:
            return folder, held  # there are no locks here, so nobody else takes it for forsaken either
        if folder.is_dir():
            return folder, held
        os.close(held)


def _removed_if_forsaken(folder: Path) -> bool:
    try:
        found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # removed just now, a link, or somebody else's
    try:
        if os.fstat(found).st_uid != os.getuid():
            return False
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # its owner lives
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(found)

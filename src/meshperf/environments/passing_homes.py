"""Folders that are home to a program for the one question it is asked, and their removal after a `kill -9`.

No state file speaks of them: they are gone within seconds. Their name says whose they are, so that the next start finds
those of a meshperf that was killed in between.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshperf.environments.processes import runs, start_ticks

__all__ = ["passing_home", "remove_forsaken_homes"]

_NAME = re.compile(r"meshperf-asked-(\d+)-(\d+)-\w+")


@contextmanager
def passing_home() -> Iterator[Path]:
    """An empty folder for as long as the block lasts."""
    owner = os.getpid()
    with tempfile.TemporaryDirectory(prefix=f"meshperf-asked-{owner}-{start_ticks(owner) or 0}-") as name:
        yield Path(name)


def remove_forsaken_homes() -> int:
    """Remove our folders of this kind whose owner is dead; returns how many there were."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob("meshperf-asked-*"):
        match = _NAME.fullmatch(folder.name)
        if match is None or folder.is_symlink() or runs(int(match[1]), int(match[2])):
            continue
        try:
            ours = folder.is_dir() and folder.stat().st_uid == os.getuid()
        except OSError:
            continue  # its owner removed it just now
        if ours:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed

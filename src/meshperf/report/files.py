"""Writing a report's files, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

from meshperf.experiment.durable import storage_errors, write_whole

__all__ = ["place"]


def place(path: Path, content: bytes) -> Path:
    """Write `content` to `path` whole or not at all, making its folder.

    Raises:
        StorageError: no space left (MP5402), or the folder cannot be written (MP5401).
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return path

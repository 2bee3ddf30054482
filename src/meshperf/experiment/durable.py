"""Files that are there whole or not at all, and the errors of a disk said in our words.

What it decides: the order of write, fsync and rename, so that after a power cut or a `kill -9` a name never holds half
a document. Why this way: POSIX promises that `rename` replaces a name in one step, but not that the data reached the
disk before it; so the data is flushed first and the folder after.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshperf.errors import StorageError

__all__ = ["BESIDE", "storage_errors", "write_whole"]

BESIDE = ".part"
"""Suffix of a file that is still being written. Whoever finds one may delete it: its writer is gone."""


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` about `path` into a StorageError.

    Raises:
        StorageError: MP5402 when the device or the quota is full, MP5401 for anything else the system refuses.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                "MP5402",
                f"no space left while writing {path}",
                hint="free some space, then go on with `meshperf run … --resume DIR`; finished rounds are kept",
            ) from error
        raise StorageError(
            "MP5401",
            f"cannot write {path}: {os.strerror(error.errno) if error.errno else error}",
            hint="choose another folder with --out",
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` under `path` in one step: beside it, flushed, renamed, and the folder flushed.

    Raises:
        StorageError: see `storage_errors`; `path` is then as it was before.
    """
    beside = path.with_name(f".{path.name}{BESIDE}")
    with storage_errors(path):
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(beside, path)  # noqa: PTH104  (the system call the promise is about)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise
        _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except (
        OSError
    ) as error:  # some file systems refuse to flush a folder; the rename is then as durable as they make it
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)

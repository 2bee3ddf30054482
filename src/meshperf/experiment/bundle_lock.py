"""One writer a bundle: a lock that is held by a living process and by nothing else.

Why `flock` and not a file whose presence means "taken": after `kill -9` nobody removes such a file, and the bundle
could only be resumed by deleting it by hand. The kernel drops this lock with the process. The number inside the file is
for the message only; it decides nothing.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from meshperf.errors import StorageError
from meshperf.experiment.durable import storage_errors

__all__ = ["LOCK_NAME", "BundleLock"]

LOCK_NAME = ".lock"


class BundleLock:
    """The exclusive right to write one bundle. Held from construction until `release` or the end of the process.

    Raises:
        StorageError: MP5403 when another process holds it (its pid is in the message); MP5401 when the folder cannot
            be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_NAME
        self._descriptor = self._acquire()

    def _acquire(self) -> int:
        while True:
            with storage_errors(self._path):
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_current(descriptor):
                    with storage_errors(self._path):
                        os.ftruncate(descriptor, 0)
                        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                    return descriptor
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(descriptor)
                raise StorageError(
                    "MP5403",
                    f"process {holder} is writing the bundle {self._path.parent}",
                    hint="wait for it to end, or choose another folder with --out",
                ) from None
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # the holder before us removed the file between our open and our lock: once more

    def _is_current(self, descriptor: int) -> bool:
        """Whether the name still leads to the file we locked."""
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        locked = os.fstat(descriptor)
        return (named.st_dev, named.st_ino) == (locked.st_dev, locked.st_ino)

    def moved(self, folder: Path) -> None:
        """The locked folder has this name now; its lock file went with it, and the lock is held as before."""
        self._path = folder / LOCK_NAME

    def release(self) -> None:
        """Give the right up and remove the lock file. Idempotent."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        with suppress(OSError):  # a left-over lock file is held by nobody and stops nobody
            self._path.unlink()
        os.close(descriptor)

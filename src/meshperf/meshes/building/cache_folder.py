"""The cache folder while something is built into it: one builder at a time, room on the disk, no leftovers."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from meshperf.errors import StorageError
from meshperf.folders import cache_dir, program_dir
from meshperf.meshes.building.recipes import Recipe
from meshperf.meshes.building.toolchain import Go

__all__ = ["PART", "once", "only_one", "require_room", "storage"]

PART = ".part"
"""Ending of a file that is not a whole program yet."""


@contextlib.contextmanager
def only_one() -> Iterator[Path]:
    """Hold the lock of the cache folder, give a scratch folder in it, and leave nothing but programs there."""
    folder = cache_dir()
    with storage(folder):
        program_dir().mkdir(parents=True, exist_ok=True)
        lock = (folder / "install.lock").open("ab")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise StorageError(
                "MP5405",
                f"another `meshperf lab install` builds into {folder}",
                hint="wait for it to end, or choose another folder with MESHPERF_CACHE_DIR",
            ) from taken
        for left in (*folder.glob("build-*"), *program_dir().glob(f".*{PART}*")):  # of an install that was killed
            _remove(left)
        with storage(folder):
            scratch = Path(tempfile.mkdtemp(prefix="build-", dir=folder))
        try:
            yield scratch
        finally:
            _remove(scratch)
            for left in program_dir().glob(f".*{PART}*"):
                _remove(left)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def storage(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses into our error (MP5401, MP5402)."""
    try:
        yield
    except OSError as error:
        code = "MP5402" if error.errno == errno.ENOSPC else "MP5401"
        raise StorageError(
            code, f"cannot write to the cache folder {folder}: {error.strerror}", hint="choose one: MESHPERF_CACHE_DIR"
        ) from error


def once(recipes: Sequence[Recipe]) -> Sequence[Recipe]:
    """Each recipe once, in the order of their first naming."""
    return tuple({recipe.name: recipe for recipe in recipes}.values())


def require_room(recipes: Sequence[Recipe], go: Go) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        StorageError: MP5402.
    """
    rooms = [recipe.room for recipe in once(recipes)]
    needs = (
        (program_dir(), sum(room.programs for room in rooms)),
        (go.build_cache, sum(room.build_cache for room in rooms)),
        (go.module_cache, sum(room.modules for room in rooms)),
    )
    by_device: dict[int, tuple[Path, int]] = {}
    for folder, size in needs:
        place = next(path for path in (folder, *folder.parents) if path.exists())
        device = place.stat().st_dev
        by_device[device] = (place, by_device.get(device, (place, 0))[1] + size)
    for place, size in by_device.values():
        free = shutil.disk_usage(place).free
        if free < size:
            raise StorageError(
                "MP5402",
                f"the build may take {size / 1e9:.1f} GB at {place}, where {free / 1e9:.1f} GB are free",
                hint="free some space, or move the folders: MESHPERF_CACHE_DIR, GOCACHE, GOMODCACHE",
            )

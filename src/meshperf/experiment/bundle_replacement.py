"""Replace an old bundle by a new one: the old one is gone only when the new one is there.

What it decides: what `--overwrite` may delete. That is a folder that holds a bundle and nothing else; a link, or a file
that no run writes, means that the folder is not ours alone, and then nothing in it is touched.
Why by renaming: until the new bundle is on disk the old one lies beside it, whole, and comes back if anything fails.
After `kill -9` the next run that is to write there does what was left to do (`settle_replacement`). Whether a process
still replaces is told by the lock on the old bundle, which goes aside with it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from meshperf.errors import StorageError
from meshperf.experiment.bundle import Bundle, occupied
from meshperf.experiment.bundle_lock import LOCK_NAME, BundleLock
from meshperf.experiment.bundle_reading import (
    COMPARISON,
    ENVIRONMENT,
    EXCLUDED,
    EXPERIMENT,
    JOURNAL,
    MANIFEST,
    PILOT,
    PLAN,
    RESULTS,
    TEMPLATES,
    UNDER_WAY,
    BundleView,
)
from meshperf.experiment.durable import BESIDE, storage_errors

__all__ = ["replace_bundle", "settle_replacement"]

_OURS = (
    MANIFEST, JOURNAL, EXPERIMENT, ENVIRONMENT, COMPARISON, PLAN, UNDER_WAY, LOCK_NAME, f".*{BESIDE}", f"*/.*{BESIDE}",
    f"{RESULTS}/*.json", f"{EXCLUDED}/*.json", f"{TEMPLATES}/*.yaml", "charts/*.svg", "charts/*.png",
    "report.html", "report.md", "data.json", "data.csv",
)  # fmt: skip
"""A bundle that was cut off holds files that its manifest does not list yet; these are their names."""


def replace_bundle(folder: Path, create: Callable[[Path], Bundle]) -> Bundle:
    """Create a bundle in `folder` in place of the one that is there; where there is none, just create it.

    Args:
        create: makes the new bundle in the folder it is given.

    Raises:
        StorageError: MP5401, the folder is a link or holds files that are no bundle's; MP5403, a process writes it.
            The old bundle is then as it was. Also what `create` raises.
        DocumentError: MP2201, MP2303: the old bundle's manifest cannot be read, so nobody knows whose files these are.
    """
    if folder.is_symlink():
        raise StorageError(
            "MP5401",
            f"{folder} is a link, and --overwrite deletes only what lies in the folder itself",
            hint="name the folder that it leads to, or choose another one with --out; nothing was touched",
        )
    if not (folder / MANIFEST).is_file():
        return create(folder)
    place = folder.absolute()
    aside = place.with_name(f"{_beside(place)}{os.getpid()}")
    lock = BundleLock(folder)
    try:
        _refuse_foreign(folder)
        with storage_errors(place):
            place.rename(aside)
        lock.moved(aside)
        try:
            bundle = create(folder)
        except BaseException:
            with storage_errors(place):
                if place.exists():
                    shutil.rmtree(place)
                aside.rename(place)
            lock.moved(place)
            raise
        try:
            with storage_errors(aside):
                shutil.rmtree(aside)
        except BaseException:
            bundle.close()
            raise
        return bundle
    finally:
        lock.release()


def settle_replacement(folder: Path) -> None:
    """End what a killed process began: its old bundle comes back, or goes where the new one is there already.

    An old bundle that a living process has put aside, or that holds files of nobody knows whom, stays where it is.

    Raises:
        StorageError: MP5401, the folder beside cannot be written.
    """
    place = folder.absolute()
    for aside in _put_aside(place):
        try:
            lock = BundleLock(aside)
        except StorageError:
            continue  # its owner is at work
        try:
            _settle(place, aside, lock)
        finally:
            lock.release()


def _settle(place: Path, aside: Path, lock: BundleLock) -> None:
    whole = (aside / MANIFEST).is_file()
    with storage_errors(place):
        if (place / MANIFEST).is_file():
            if not any(_foreign(aside, BundleView(aside).manifest().files.keys() if whole else ())):
                shutil.rmtree(aside)
        elif whole and _vacated(place):
            aside.rename(place)
            lock.moved(place)


def _put_aside(place: Path) -> list[Path]:
    beside = _beside(place)
    with storage_errors(place.parent):
        there = list(place.parent.iterdir()) if place.parent.is_dir() else []
    named = [path for path in there if path.name.startswith(beside) and path.name.removeprefix(beside).isdecimal()]
    return [path for path in named if path.is_dir() and not path.is_symlink()]


def _vacated(place: Path) -> bool:
    """Whether the name is free, once what a new bundle left that was cut off before it had begun is removed."""
    if not place.exists():
        return True
    if not place.is_dir() or occupied(place):
        return False
    lock = BundleLock(place)
    try:
        shutil.rmtree(place)
    finally:
        lock.release()
    return True


def _beside(place: Path) -> str:
    """How the name of a bundle begins that was put aside; its process's number follows, for people."""
    return f".{place.name}.replaced-"


def _refuse_foreign(folder: Path) -> None:
    listed = BundleView(folder).manifest().files.keys()
    foreign = sorted(_foreign(folder, listed))
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise StorageError(
            "MP5401",
            f"{folder} holds files that belong to no bundle: {', '.join(foreign[:3])}{more}",
            hint="move them away, or choose another folder with --out; nothing was touched",
        )


def _foreign(folder: Path, listed: Collection[str]) -> Iterator[str]:
    with storage_errors(folder):
        for path in folder.rglob("*"):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_dir() or name in listed or _is_ours(name)):
                yield name


def _is_ours(name: str) -> bool:
    """Whether a run may have written a file of this name. A `*` stands for no part of a folder's name."""
    name = name.removeprefix(f"{PILOT}/")  # a bundle like any other
    return any(name.count("/") == ours.count("/") and fnmatchcase(name, ours) for ours in _OURS)

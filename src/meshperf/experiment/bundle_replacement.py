"""Replace an old bundle by a new one: the old one is gone only when the new one is there.

What it decides: what `--overwrite` may delete. That is a folder that holds a bundle and nothing else; a link, or a file
that no run writes, means that the folder is not ours alone, and then nothing in it is touched.
Why by renaming: until the new bundle is on disk the old one lies beside it, whole, and comes back if anything fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from meshperf.errors import StorageError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.bundle_lock import LOCK_NAME, BundleLock
from meshperf.experiment.bundle_reading import (
    COMPARISON,
    ENVIRONMENT,
    EXCLUDED,
    EXPERIMENT,
    JOURNAL,
    MANIFEST,
    RESULTS,
    TEMPLATES,
    UNDER_WAY,
    BundleView,
)
from meshperf.experiment.durable import BESIDE, storage_errors

__all__ = ["replace_bundle"]

_OURS = (
    MANIFEST, JOURNAL, EXPERIMENT, ENVIRONMENT, COMPARISON, UNDER_WAY, LOCK_NAME, f".*{BESIDE}", f"*/.*{BESIDE}",
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
    aside = place.with_name(f".{place.name}.replaced-{os.getpid()}")
    lock = BundleLock(folder)
    try:
        _refuse_foreign(folder)
        with storage_errors(place):
            place.rename(aside)
    finally:
        lock.release()
    try:
        bundle = create(folder)
    except BaseException:
        with storage_errors(place):
            if place.exists():
                shutil.rmtree(place)
            aside.rename(place)
            (place / LOCK_NAME).unlink(missing_ok=True)
        raise
    try:
        with storage_errors(aside):
            shutil.rmtree(aside)
    except BaseException:
        bundle.close()
        raise
    return bundle


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
    return any(name.count("/") == ours.count("/") and fnmatchcase(name, ours) for ours in _OURS)

"""Where a verb may write: never into a result bundle, which lists every file it holds."""

from __future__ import annotations

from pathlib import Path

from meshperf.errors import UsageError
from meshperf.experiment.bundle_reading import MANIFEST

__all__ = ["refuse_bundle"]


def refuse_bundle(folder: Path) -> None:
    """Refuse to write into a bundle: one file more would make `verify` fail.

    Raises:
        UsageError: MP1002, the folder is a bundle or lies in one.
    """
    inside = folder.resolve()
    if any((parent / MANIFEST).is_file() for parent in (inside, *inside.parents)):
        raise UsageError(
            "MP1002",
            f"{folder} lies in a result bundle, whose files are listed and sealed",
            hint="choose a folder outside it with --out",
        )

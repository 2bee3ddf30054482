"""A module around the one to build, so that the Go command takes the versions which its makers chose.

Built from outside, a module's own `replace` lines do not hold, and relative ones could not. The wrapper is the
upstream go.mod under another name: it keeps what is required, and the replacements that name a version; it leaves out
those that name a folder, whose modules are published under the versions that upstream requires.
"""

from __future__ import annotations

import re
from pathlib import Path

from meshperf.meshes.building.recipes import Recipe, start_program

__all__ = ["MODULE", "go_line", "wrapper_go_mod", "write_wrapper"]

MODULE = "lab.meshperf.invalid"
_DROPPED = ("module", "retract", "tool", "ignore")
"""Of the upstream module alone, and without meaning for a build from outside."""


def wrapper_go_mod(upstream: str, module: str, version: str) -> str:
    """The go.mod of the wrapper, from the text of the upstream one."""
    kept = [f"module {MODULE}", ""]
    block: str | None = None
    for line in upstream.splitlines():
        words = line.split("//", 1)[0].split()
        if not words:
            continue
        if block is None and words[-1] == "(":
            block = words[0]
            continue
        if block is not None and words == [")"]:
            block = None
            continue
        words = [block, *words] if block is not None else words
        if words[0] in _DROPPED or (words[0] == "replace" and _is_folder(words)):
            continue
        kept.append(" ".join(words))
    kept.append(f"require {module} {version}")
    return "\n".join(kept) + "\n"


def _is_folder(words: list[str]) -> bool:
    """A replacement without a version is a folder: `replace a => ./b`."""
    return len(words) - words.index("=>") == 2


def go_line(go_mod: str) -> str | None:
    """The version that a go.mod's `go` line asks for."""
    found = re.search(r"(?m)^go\s+(\S+)", go_mod)
    return found[1] if found else None


def write_wrapper(folder: Path, recipe: Recipe, upstream: Path) -> None:
    """Write go.mod, go.sum and the start programs of a wrapper into an empty folder.

    Args:
        upstream: the module's folder in Go's module cache, whose content was checked against the pin.
    """
    text = (upstream / "go.mod").read_text()
    (folder / "go.mod").write_text(wrapper_go_mod(text, recipe.module, recipe.version))
    sums = upstream / "go.sum"
    pinned = [f"{name} {h1}" for name, h1 in recipe.nested.items()]
    pinned.append(f"{recipe.module} {recipe.version} {recipe.h1}")
    lines = [*(sums.read_text().splitlines() if sums.exists() else ()), *pinned]
    (folder / "go.sum").write_text("\n".join(lines) + "\n")
    for program in recipe.programs:
        if program.start is not None:
            place = folder / program.package
            place.mkdir(parents=True)
            (place / "main.go").write_text(start_program(program.start))

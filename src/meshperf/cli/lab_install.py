"""The phases of `meshperf lab install`: names, build with progress, what lies there now, what is had elsewhere."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from meshperf.cli.output import consoles
from meshperf.errors import ExitCode, PrerequisiteError, UsageError
from meshperf.meshes.building import ELSEWHERE, RECIPES, Installed, Progress, install

__all__ = ["run_install"]

_EVERY_S = 10.0


def run_install(names: Sequence[str], *, go: Path | None, rebuild: bool, as_json: bool) -> int:
    """Build what can be built, print it, then refuse what cannot. Returns 0."""
    unknown = [name for name in names if name not in RECIPES and name not in ELSEWHERE]
    if unknown:
        raise UsageError(
            "MP1001",
            f"meshperf knows no program called {', '.join(unknown)}",
            hint=f"it builds {', '.join(RECIPES)}, and says how to get {', '.join(ELSEWHERE)}",
        )
    to_show, to_tell = consoles()
    recipes = [RECIPES[name] for name in names if name in RECIPES]
    if recipes:
        done = install(recipes, go=go, rebuild=rebuild, note=Teller(to_tell))
        for recipe in {recipe.name: recipe for recipe in recipes}.values():
            if recipe.remark:
                to_tell.print(f"{recipe.name}: {recipe.remark}", markup=False)
        if as_json:
            sys.stdout.write(json.dumps([_document(each) for each in done], indent=2) + "\n")
        else:
            _show(done, to_show)
    elsewhere = [name for name in dict.fromkeys(names) if name in ELSEWHERE]
    if elsewhere:
        raise PrerequisiteError(
            "MP3008",
            f"meshperf does not build {' and '.join(elsewhere)}",
            hint="\n".join(f"{name}: {ELSEWHERE[name]}" for name in elsewhere),
        )
    return ExitCode.OK


class Teller:
    """Tells the begin of each program, and how far it is every ten seconds: a line each, also where nobody watches."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._at: tuple[str, str] | None = None
        self._told = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        at = (progress.program, progress.stage)
        begins = at != self._at
        if not begins and now - self._told < _EVERY_S:
            return
        self._at, self._told = at, now
        far = f"{progress.elapsed_s:4.0f} s, {progress.packages} packages compiled: "
        self._console.print(f"{progress.program}: {'' if begins else far}{progress.doing}", markup=False)


def _document(installed: Installed) -> dict[str, object]:
    return {
        "state": installed.state,
        "path": str(installed.path),
        "elapsed_s": round(installed.elapsed_s, 3),
        **dataclasses.asdict(installed.record),
    }


def _show(done: Sequence[Installed], console: Console) -> None:
    table = Table(box=None, header_style="bold")
    for column in ("program", "state", "version", "size", "seconds", "sha256"):
        table.add_column(column, overflow="fold", justify="right" if column in {"size", "seconds"} else "left")
    for each in done:
        record = each.record
        seconds = f"{each.elapsed_s:.0f}" if each.state == "built" else ""
        version = f"{record.version} (start patched)" if record.patched else record.version
        table.add_row(record.name, each.state, version, f"{record.size / 1e6:.0f} MB", seconds, record.sha256[:12])
    console.print(table)

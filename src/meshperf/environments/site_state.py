"""The file that says which processes and which scratch folder a site has, and the sweep that reads it later.

What it decides: at the next start of meshperf, whatever a dead meshperf left behind is ended and removed. A process is
ended only when pid, start time, boot and pid namespace are those recorded; a folder is removed only when it is ours and
carries the name that only a site gives. A file of a meshperf that still lives is left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from meshperf.environments.processes import boot_and_namespace, kill_and_wait, orphans_of, runs, with_descendants
from meshperf.errors import StorageError

__all__ = ["SCRATCH_PREFIX", "SiteState", "sweep"]

SCRATCH_PREFIX = "meshperf-"
SUPERVISOR_ENDS_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteState:
    """What must be gone when the site is gone. Processes are `[pid, start ticks]` by name; `where` is the boot."""

    experiment_id: str
    where: str
    owner: tuple[int, int]
    supervisor: tuple[int, int] | None
    processes: Mapping[str, tuple[int, int]]
    scratch: str

    def write(self, path: Path) -> None:
        """Write in one step, so that a reader finds the old or the new state.

        Raises:
            StorageError: MP5401 or MP5402, the folder cannot be written.
        """
        beside = path.with_suffix(".part")
        try:
            beside.write_text(json.dumps({"version": 1, **asdict(self)}))
            beside.replace(path)
        except OSError as error:
            code = "MP5402" if error.errno == 28 else "MP5401"
            raise StorageError(code, f"cannot note the site's processes in {path.parent}: {error.strerror}") from error

    @classmethod
    def read(cls, path: Path) -> SiteState | None:
        """Read one state file; None when it is not one that this version understands."""
        try:
            given: dict[str, Any] = json.loads(path.read_text())
            supervisor = given["supervisor"]
            return cls(
                experiment_id=str(given["experiment_id"]),
                where=str(given["where"]),
                owner=_identity(given["owner"]),
                supervisor=None if supervisor is None else _identity(supervisor),
                processes={str(name): _identity(value) for name, value in given["processes"].items()},
                scratch=str(given["scratch"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _identity(value: Any) -> tuple[int, int]:
    pid, ticks = value
    return int(pid), int(ticks)


def sweep(state_dir: Path) -> tuple[str, ...]:
    """End what dead meshperf processes left behind and remove their scratch folders.

    Args:
        state_dir: where sites note their state; need not exist.

    Returns:
        One sentence for each thing that was ended, removed or could not be.
    """
    done: list[str] = []
    here = boot_and_namespace()
    for path in sorted(state_dir.glob("site-*.json")) if state_dir.is_dir() else ():
        state = SiteState.read(path)
        if state is None:
            if path.exists():
                done.append(f"left {path.name} alone: it cannot be understood")
            continue
        if state.where == here:
            if runs(*state.owner):
                continue
            stuck = _end(state, done)
            if stuck:
                done.append(f"could not end {len(stuck)} processes of {state.experiment_id}")
                continue
        elif state.where.split()[0] == here.split()[0]:
            continue  # another pid namespace of this boot: its meshperf may well be alive
        if _remove_scratch(Path(state.scratch)):
            done.append(f"removed the scratch folder of {state.experiment_id}")
        path.unlink(missing_ok=True)
    return tuple(done)


def _end(state: SiteState, done: list[str]) -> set[tuple[int, int]]:
    if state.supervisor is not None:
        # It notices the end of its meshperf by itself and ends the tree in order; it may be about to.
        deadline = time.monotonic() + SUPERVISOR_ENDS_WITHIN_S
        while runs(*state.supervisor) and time.monotonic() < deadline:
            time.sleep(0.02)
    roots = [*state.processes.values(), *([state.supervisor] if state.supervisor else [])]
    left = with_descendants(roots) | orphans_of((pid for pid, _ in state.processes.values()), Path(state.scratch))
    named = {identity: name for name, identity in state.processes.items()}
    done += [f"ended {named.get(item, 'a process below')} (pid {item[0]}) of {state.experiment_id}" for item in left]
    return kill_and_wait(left)


def _remove_scratch(folder: Path) -> bool:
    """Remove a site's scratch folder, but nothing that merely has its name in a file."""
    with contextlib.suppress(FileNotFoundError):
        if folder.name.startswith(SCRATCH_PREFIX) and not folder.is_symlink() and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)
            return True
    return False

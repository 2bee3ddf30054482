"""The file that says which processes and which scratch folder a site has, and the sweep that reads it later.

What it decides: at the next start of meshperf, whatever a dead meshperf left behind is ended and removed. A process is
ended only when pid, start time, boot and pid namespace are those recorded, or when it is inside a namespace or control
group of the site. A folder, network namespace or control group is removed only when a state file speaks of it and it
carries the name that only a site gives. A file of a meshperf that still lives is left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from meshperf.environments.namespaces.removal import inhabitants, remove
from meshperf.environments.pod_limits import members, remove_groups
from meshperf.environments.processes import boot_and_namespace, kill_and_wait, orphans_of, runs, with_descendants
from meshperf.errors import StorageError
from meshperf.passing_folders import remove_forsaken_folders

__all__ = ["SCRATCH_PREFIX", "SiteState", "sweep"]

SCRATCH_PREFIX = "meshperf-"
SUPERVISOR_ENDS_WITHIN_S = 2.0
_WRITTEN_WITHIN_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteState:
    """What must be gone when the site is gone. Processes are `[pid, start ticks]` by name; `where` is the boot."""

    experiment_id: str
    where: str
    owner: tuple[int, int]
    supervisor: tuple[int, int] | None
    processes: Mapping[str, tuple[int, int]]
    scratch: str
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """Names of network namespaces by host."""
    groups: tuple[str, ...] = ()
    """Folders of control groups, those of the site and not those of its pods."""

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
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            code = "MP5402" if error.errno == 28 else "MP5401"
            what = f"cannot note the site's processes in {path.parent}: {error.strerror}"
            raise StorageError(code, what, hint="mend that, or name another folder with MESHPERF_STATE") from error

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
                # Files of versions that knew no pods have neither.
                namespaces={str(host): str(name) for host, name in given.get("namespaces", {}).items()},
                groups=tuple(str(folder) for folder in given.get("groups", ())),
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
            try:
                _remove_pods(state, done)
            except OSError as error:
                done.append(f"could not remove the pods of {state.experiment_id}: {error}")
                continue
        elif state.where.split()[0] == here.split()[0]:
            continue  # another pid namespace of this boot: its meshperf may well be alive
        if _remove_scratch(Path(state.scratch)):
            done.append(f"removed the scratch folder of {state.experiment_id}")
        path.unlink(missing_ok=True)
    _remove_unfinished(state_dir)
    if forsaken := remove_forsaken_folders():
        done.append(f"removed {forsaken} temporary folder{'s' if forsaken > 1 else ''} of processes that were killed")
    return tuple(done)


def _remove_unfinished(state_dir: Path) -> None:
    """Remove state files that were being written when their writer was killed; a living writer needs a moment only.

    Nothing was made yet that such a file alone speaks of: a file of its own name is there before anything else is.
    """
    seen = {path: _changed(path) for path in state_dir.glob("site-*.part")} if state_dir.is_dir() else {}
    if seen:
        time.sleep(_WRITTEN_WITHIN_S)
    for path, changed in seen.items():
        if changed is not None and _changed(path) == changed:
            path.unlink(missing_ok=True)


def _changed(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _end(state: SiteState, done: list[str]) -> set[tuple[int, int]]:
    if state.supervisor is not None:
        # It notices the end of its meshperf by itself and ends the tree in order; it may be about to.
        deadline = time.monotonic() + SUPERVISOR_ENDS_WITHIN_S
        while runs(*state.supervisor) and time.monotonic() < deadline:
            time.sleep(0.02)
    roots = [*state.processes.values(), *([state.supervisor] if state.supervisor else [])]
    left = with_descendants(roots) | orphans_of((pid for pid, _ in state.processes.values()), Path(state.scratch))
    left |= inhabitants(state.namespaces.values()) | members(state.groups)
    named = {identity: name for name, identity in state.processes.items()}
    done += [f"ended {named.get(item, 'a process below')} (pid {item[0]}) of {state.experiment_id}" for item in left]
    return kill_and_wait(left)


def _remove_pods(state: SiteState, done: list[str]) -> None:
    for name in remove(state.namespaces.values()):
        done.append(f"removed the network namespace {name} of {state.experiment_id}")
    for folder in remove_groups(state.groups):
        done.append(f"removed the control group {folder} of {state.experiment_id}")


def _remove_scratch(folder: Path) -> bool:
    """Remove a site's scratch folder, but nothing that merely has its name in a file."""
    with contextlib.suppress(FileNotFoundError):
        if folder.name.startswith(SCRATCH_PREFIX) and not folder.is_symlink() and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)
            return True
    return False

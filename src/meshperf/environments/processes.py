"""Who a process is: pid, start time, boot and pid namespace together, so that nobody else is ever taken for it.

A pid alone is reused; with the start time in clock ticks since boot it is unique within one boot and one pid namespace.
Everything that ends a process by a number read from a file asks here first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

__all__ = ["boot_and_namespace", "kill_and_wait", "orphans_of", "runs", "start_ticks", "with_descendants"]

PROC = Path("/proc")
Identity = tuple[int, int]
"""pid and start ticks."""


def stat_fields(pid: int) -> list[str] | None:
    """Fields of /proc/<pid>/stat from the third on (index 0 is the state); None when there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat, clock ticks since boot; None when the process is gone."""
    fields = stat_fields(pid)
    return None if fields is None else int(fields[19])


def runs(pid: int, ticks: int) -> bool:
    """Whether exactly that process is there; a zombie has ended."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in "ZX" and int(fields[19]) == ticks


def boot_and_namespace() -> str:
    """Where pids mean the same: the boot and the pid namespace. A recorded pid of another one says nothing here."""
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {(PROC / 'self/ns/pid').readlink()}"


def with_descendants(roots: Iterable[Identity]) -> set[Identity]:
    """The given processes that still run, and everything below them."""
    children: dict[int, list[Identity]] = {}
    for pid, fields in _all():
        children.setdefault(int(fields[1]), []).append((pid, int(fields[19])))
    found: set[Identity] = set()
    todo = [identity for identity in roots if runs(*identity)]
    while todo:
        identity = todo.pop()
        if identity not in found:
            found.add(identity)
            todo += children.get(identity[0], ())
    return found


def orphans_of(sessions: Iterable[int], folder: Path) -> set[Identity]:
    """Processes of these sessions that work inside `folder`: what a dead supervisor's children left behind.

    The session's number alone could belong to somebody else by now; a working folder that only this site made cannot.
    """
    wanted = set(sessions)
    found = set()
    for pid, fields in _all():
        if int(fields[3]) in wanted:
            with contextlib.suppress(OSError):  # gone, or another user's: not ours
                if (PROC / str(pid) / "cwd").readlink().is_relative_to(folder):
                    found.add((pid, int(fields[19])))
    return found


def kill_and_wait(identities: Iterable[Identity], *, within_s: float = 2.0) -> set[Identity]:
    """Send KILL to the given processes and wait until they are gone; returns those that are not (stuck in a call)."""
    left = {identity for identity in identities if runs(*identity)}
    for pid, _ in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + within_s
    while left and time.monotonic() < deadline:
        time.sleep(0.005)
        left = {identity for identity in left if runs(*identity)}
    return left


def _all() -> Iterable[tuple[int, list[str]]]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := stat_fields(int(entry.name))) is not None:
            yield int(entry.name), fields

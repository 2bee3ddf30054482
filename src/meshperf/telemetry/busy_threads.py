"""How busy the busiest thread of a process was: a service with one worker is full at one core, however many there are.

From `/proc/<pid>/task/<tid>/schedstat`, whose first number is the time on a core in nanoseconds. Threads that began or
ended between two readings are left out: their part is not known.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["busiest_share", "cores_of", "thread_cpu_s"]


def thread_cpu_s(pid: int, *, proc: Path = Path("/proc")) -> Mapping[int, float]:
    """CPU seconds of each living thread since it was started, by thread id; empty where the process is gone."""
    found: dict[int, float] = {}
    try:
        tasks = list((proc / str(pid) / "task").iterdir())
    except OSError:
        return found
    for task in tasks:
        try:
            found[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
        except (OSError, ValueError, IndexError):
            continue  # the thread ended meanwhile, or this kernel keeps no such account
    return found


def busiest_share(before: Mapping[int, float], after: Mapping[int, float], wall_s: float) -> float | None:
    """Share of `wall_s` that the busiest thread was on a core, in [0, 1]; None without a thread in both readings."""
    spent = [after[tid] - before[tid] for tid in after if tid in before]
    return min(1.0, max(spent) / wall_s) if spent and wall_s > 0 else None


def cores_of(pid: int, threads: int) -> int:
    """On how many cores a process can be at once: those it may use, and no more than it has threads; at least 1."""
    try:
        allowed = len(os.sched_getaffinity(pid))
    except OSError:
        allowed = os.cpu_count() or 1
    return max(1, min(allowed, threads))

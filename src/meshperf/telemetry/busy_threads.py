"""How busy the busiest thread of a process was, and how long its threads waited for a core.

A service with one worker is full at one core, however many there are; and one that waits for a core is slowed down by
others, whatever it does itself. From `/proc/<pid>/task/<tid>/schedstat`: nanoseconds on a core, nanoseconds waiting for
one. Threads that began or ended between two readings are left out: their part is not known.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ThreadTimes", "busiest_share", "cores_of", "longest_wait_share", "thread_times"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadTimes:
    """Of one thread since it was started, in seconds."""

    cpu_s: float
    wait_s: float
    """Ready to run, and waiting for a core."""


def thread_times(pid: int, *, proc: Path = Path("/proc")) -> Mapping[int, ThreadTimes]:
    """The times of each living thread, by thread id; empty where the process is gone."""
    found: dict[int, ThreadTimes] = {}
    try:
        tasks = list((proc / str(pid) / "task").iterdir())
    except OSError:
        return found
    for task in tasks:
        try:
            cpu, wait = (int(number) / 1e9 for number in (task / "schedstat").read_text().split()[:2])
        except (OSError, ValueError):
            continue  # the thread ended meanwhile, or this kernel keeps no such account
        found[int(task.name)] = ThreadTimes(cpu_s=cpu, wait_s=wait)
    return found


def busiest_share(before: Mapping[int, ThreadTimes], after: Mapping[int, ThreadTimes], wall_s: float) -> float | None:
    """Share of `wall_s` that the busiest thread was on a core, in [0, 1]; None without a thread in both readings."""
    return _greatest([after[tid].cpu_s - before[tid].cpu_s for tid in after if tid in before], wall_s)


def longest_wait_share(
    before: Mapping[int, ThreadTimes], after: Mapping[int, ThreadTimes], wall_s: float
) -> float | None:
    """Share of `wall_s` that a thread waited for a core, the worst of them; None without a thread in both readings."""
    return _greatest([after[tid].wait_s - before[tid].wait_s for tid in after if tid in before], wall_s)


def cores_of(pid: int, threads: int) -> int:
    """On how many cores a process can be at once: those it may use, and no more than it has threads; at least 1."""
    try:
        allowed = len(os.sched_getaffinity(pid))
    except OSError:
        allowed = os.cpu_count() or 1
    return max(1, min(allowed, threads))


def _greatest(spent_s: list[float], wall_s: float) -> float | None:
    return min(1.0, max(spent_s) / wall_s) if spent_s and wall_s > 0 else None

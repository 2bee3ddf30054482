"""How long threads were ready to run and had to wait for a core.

For the generator's workers this is the part of a late send that the machine, and not the generator's own work, is to
blame for. From `/proc/<pid>/task/<tid>/schedstat`: nanoseconds on a core, nanoseconds waiting for one, times scheduled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["RunQueueReading", "read_run_queue", "run_queue_wait"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQueueReading:
    """Seconds that each thread waited for a core since it was started, by thread id."""

    wait_s: Mapping[int, float]
    unavailable: Mapping[int, str] = field(default_factory=dict)


def read_run_queue(pid: int, tids: Iterable[int], *, proc: Path = Path("/proc")) -> RunQueueReading:
    """Read the run-queue wait of threads of one process; those that are gone are in `unavailable`."""
    waits: dict[int, float] = {}
    reasons: dict[int, str] = {}
    for tid in tids:
        try:
            waits[tid] = int((proc / str(pid) / "task" / str(tid) / "schedstat").read_text().split()[1]) / 1e9
        except OSError as error:
            reasons[tid] = f"schedstat of thread {tid}: {error.strerror}"
        except (ValueError, IndexError):
            reasons[tid] = f"schedstat of thread {tid} has an unexpected form"
    return RunQueueReading(wait_s=waits, unavailable=reasons)


def run_queue_wait(before: RunQueueReading, after: RunQueueReading) -> float | None:
    """Seconds that the threads waited between two readings, summed; None when one of them is missing in either."""
    if not after.wait_s or before.wait_s.keys() != after.wait_s.keys() or before.unavailable or after.unavailable:
        return None
    return sum(after.wait_s.values()) - sum(before.wait_s.values())

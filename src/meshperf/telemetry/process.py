"""What one process has used until now, and from two such readings what it used in between.

Why this way: CPU from the process's own CPU clock, which counts nanoseconds over all threads, ended ones too; utime and
stime of `/proc/<pid>/stat` come in steps of 10 ms. Memory as PSS and private bytes: RSS counts shared pages in full for
every process that maps them, and two Envoys share most of their program.

What it assumes: context switches are summed over the threads that live at the reading; those of threads that ended are
lost, and a sum that went down is reported as unavailable.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshperf.environments import processes
from meshperf.spec.records import ComponentUsage

__all__ = ["ProcessReading", "process_cpu_s", "read_process", "usage"]

PROC = Path("/proc")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessReading:
    """A process at one moment. CPU seconds since it was started; sizes in bytes; `unavailable` by field name."""

    pid: int
    start_ticks: int | None = None
    cpu_s: float | None = None
    pss_bytes: int | None = None
    private_bytes: int | None = None
    rss_bytes: int | None = None
    threads: int | None = None
    context_switches_voluntary: int | None = None
    context_switches_involuntary: int | None = None
    unavailable: Mapping[str, str] = field(default_factory=dict)


_MEMORY = ("pss_bytes", "private_bytes", "rss_bytes")
_SWITCHES = ("context_switches_voluntary", "context_switches_involuntary")
_ALL = ("start_ticks", "cpu_s", *_MEMORY, "threads", *_SWITCHES)


def process_cpu_s(pid: int) -> float:
    """CPU time that all threads of a process used since it was started, in seconds (resolution: nanoseconds).

    Raises:
        ProcessLookupError: it is gone. OSError: its clock may not be read.
    """
    clock = ctypes.c_int()
    number = _libc.clock_getcpuclockid(pid, ctypes.byref(clock))  # returns the error number, does not set errno
    if number != 0:
        raise OSError(number, os.strerror(number))
    try:
        return time.clock_gettime(clock.value)
    except OSError as error:
        # The clock of a process that ended in between is an invalid argument to the kernel.
        raise ProcessLookupError(f"process {pid} is gone") from error


def read_process(pid: int, *, start_ticks: int | None = None) -> ProcessReading:
    """Read what a process used until now. Never raises for a process that is gone: the reading says so.

    Args:
        pid: the process.
        start_ticks: when it was started, to tell it from a later process with the same number.
    """
    found = processes.start_ticks(pid)
    if found is None or (start_ticks is not None and found != start_ticks):
        return _gone(pid)
    reasons: dict[str, str] = {}
    cpu_s: float | None = None
    try:
        cpu_s = process_cpu_s(pid)
    except OSError as error:
        reasons["cpu_s"] = f"process CPU clock: {error}"
    memory = _memory(pid, reasons)
    threads, switches = _tasks(pid, reasons)
    if processes.start_ticks(pid) != found:
        return _gone(pid)
    return ProcessReading(
        pid=pid, start_ticks=found, cpu_s=cpu_s, threads=threads, unavailable=reasons, **memory, **switches
    )


def usage(
    before: ProcessReading,
    after: ProcessReading,
    *,
    component: str,
    role: str,
    requests: int | None = None,
    bytes_in: int | None = None,
    bytes_out: int | None = None,
) -> ComponentUsage:
    """What a process used between two readings; memory and threads as they are at the second.

    Args:
        before, after: readings of the same process.
        component, role: as in the result document.
        requests: counted requests the CPU time was spent on.
        bytes_in, bytes_out: from the counters of engine or workload, where there are any.
    """
    reasons = dict(after.unavailable)
    same = before.start_ticks is not None and before.start_ticks == after.start_ticks
    differences: dict[str, float | None] = {}
    for name in ("cpu_s", *_SWITCHES):
        old, new = getattr(before, name), getattr(after, name)
        differences[name] = None
        if old is None or new is None:
            reasons[name] = after.unavailable.get(name) or before.unavailable.get(name) or "not read"
        elif not same:
            reasons[name] = f"process {after.pid} is not the one of the first reading"
        elif new < old:
            reasons[name] = "threads ended meanwhile and took their counts with them"
        else:
            differences[name] = new - old
    for name, given in (("bytes_in", bytes_in), ("bytes_out", bytes_out), ("requests", requests)):
        if given is None:
            reasons[name] = "not counted for this component"
    reasons.pop("start_ticks", None)
    voluntary, involuntary = (differences[name] for name in _SWITCHES)
    return ComponentUsage(
        component=component,
        role=role,
        pid=after.pid,
        cpu_s=differences["cpu_s"],
        requests=requests,
        pss_bytes=after.pss_bytes,
        private_bytes=after.private_bytes,
        rss_bytes=after.rss_bytes,
        threads=after.threads,
        context_switches_voluntary=None if voluntary is None else int(voluntary),
        context_switches_involuntary=None if involuntary is None else int(involuntary),
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        unavailable=reasons,
    )


def _gone(pid: int) -> ProcessReading:
    return ProcessReading(pid=pid, unavailable=dict.fromkeys(_ALL, f"process {pid} is gone"))


def _memory(pid: int, reasons: dict[str, str]) -> dict[str, int | None]:
    try:
        table = _sizes((PROC / str(pid) / "smaps_rollup").read_text())
        return {
            "pss_bytes": table["Pss"],
            "private_bytes": table["Private_Clean"] + table["Private_Dirty"] + table.get("Private_Hugetlb", 0),
            "rss_bytes": table["Rss"],
        }
    except (OSError, KeyError) as error:
        why = f"smaps_rollup has no {error}" if isinstance(error, KeyError) else f"smaps_rollup: {error.strerror}"
        reasons.update(dict.fromkeys(_MEMORY, why))
        return dict.fromkeys(_MEMORY)


def _sizes(text: str) -> dict[str, int]:
    rows = (line.split() for line in text.splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) == 3 and row[2] == "kB"}


def _tasks(pid: int, reasons: dict[str, str]) -> tuple[int | None, dict[str, int | None]]:
    """Threads that live now, and their context switches; a thread that ends while we read is not counted."""
    threads = voluntary = involuntary = 0
    try:
        for task in (PROC / str(pid) / "task").iterdir():
            try:
                lines = (task / "status").read_text(errors="replace").splitlines()
            except (FileNotFoundError, ProcessLookupError):
                continue
            table = dict(line.split(":", 1) for line in lines if ":" in line)
            threads += 1
            voluntary += int(table["voluntary_ctxt_switches"])
            involuntary += int(table["nonvoluntary_ctxt_switches"])
    except (OSError, KeyError) as error:
        reasons.update(dict.fromkeys(("threads", *_SWITCHES), f"/proc/{pid}/task cannot be read: {error}"))
        return None, dict.fromkeys(_SWITCHES)
    return threads, {_SWITCHES[0]: voluntary, _SWITCHES[1]: involuntary}

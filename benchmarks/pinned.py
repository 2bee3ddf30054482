"""Processes on cores of their own, and the CPU time that the kernel charged them with."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class RunFailed(RuntimeError):
    """A run that gave nothing to compare; its text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a process that has ended took, and said."""

    cpu_s: float
    """User and system, all threads, of it and the children it waited for."""
    printed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """One core for the generator, one for the server; None twice on a machine with a single one."""

    generator: int | None
    server: int | None

    @classmethod
    def allowed(cls) -> Cores:
        cores = sorted(os.sched_getaffinity(0))
        return cls(generator=cores[0], server=cores[1]) if len(cores) > 1 else cls(generator=None, server=None)


def start(command: Sequence[str | Path], core: int | None, **options: object) -> subprocess.Popen[str]:
    """Start a process on a core (anywhere for None), with the project importable."""
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
        [str(part) for part in command],
        text=True,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        **options,
    )
    return process


def run(command: Sequence[str | Path], core: int | None, *, within_s: float, failing: bool = False) -> Spent:
    """Run to the end.

    Args:
        within_s: then it is killed.
        failing: whether it may end with an error by itself.

    Raises:
        RunFailed: it ended with an error, or had to be killed after `within_s`.
    """
    with tempfile.TemporaryFile("w+") as complaints:
        process = start(command, core, stdout=subprocess.PIPE, stderr=complaints)
        late = threading.Timer(within_s, process.kill)
        late.start()
        try:
            assert process.stdout is not None
            printed = process.stdout.read()
            process.stdout.close()
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait(10)
            raise
        finally:
            late.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode and not (failing and process.returncode > 0):
            complaints.seek(0)
            why = "did not end in time" if process.returncode == -signal.SIGKILL else f"ended with {process.returncode}"
            raise RunFailed(f"{why}: {said(complaints.read() + printed)}")
    return Spent(cpu_s=usage.ru_utime + usage.ru_stime, printed=printed)


def said(text: str) -> str:
    """The last line that speaks of an error, or else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["without a word"])[-1][:160]

"""One run of a program with a deadline, in a process group of its own that ends with us.

Its output goes to files of bounded size, never to a pipe that could fill up. At the deadline, at Ctrl-C and whenever an
exception passes, the whole group is killed, by the number of a process that was not yet waited for, so that it can be
nobody else. `launch.py` sees to it that the program is also killed when meshperf is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Ended", "run_child"]

MOST_OUTPUT_BYTES = 4 << 30
_TAIL_BYTES = 4096
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended."""

    code: int
    """Exit code, or minus the signal."""
    begun_unix_s: float
    wall_s: float
    cpu_s: float
    """CPU seconds of the program and of what it waited for, user and system."""
    output: Path
    """What it printed on standard output."""
    complaint: str
    """The end of what it printed on standard error."""
    late: bool = False
    """It was killed at the deadline."""
    stopped: bool = False
    """It was killed because `stop` said so."""


def run_child(
    program: Path,
    arguments: Sequence[str],
    *,
    folder: Path,
    name: str,
    within_s: float,
    environment: Mapping[str, str] | None = None,
    cpus: Sequence[int] = (),
    look: Callable[[float], None] = lambda elapsed_s: None,
    stop: Callable[[], bool] = lambda: False,
    every_s: float = 0.25,
) -> Ended:
    """Run a program to its end.

    Args:
        folder: where it works and where its output goes, as `name.out` and `name.err`.
        within_s: it is killed after so long.
        look: called from this thread about every `every_s` with the seconds since its start; what it raises ends the
            program and comes out here.

    Raises:
        OSError: the launcher could not be started.
    """
    output, complaints = folder / f"{name}.out", folder / f"{name}.err"
    launch = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
    line = [*launch, str(os.getpid()), ",".join(map(str, cpus)), str(MOST_OUTPUT_BYTES), str(program), *arguments]
    with output.open("wb") as out, complaints.open("wb") as err:
        begun_unix_s, begun = time.time(), time.monotonic()
        process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    late = stopped = False
    looked = begun
    try:
        while not _ended(process.pid):
            now = time.monotonic()
            if stop():
                stopped = True
                break
            if now - begun > within_s:
                late = True
                break
            if now - looked >= every_s:
                looked = now
                look(now - begun)
            time.sleep(_POLL_S)
    finally:
        # Not waited for yet, so that its number is still its own; what it left behind in its group goes with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(
        code=process.returncode,
        begun_unix_s=begun_unix_s,
        wall_s=time.monotonic() - begun,
        cpu_s=usage.ru_utime + usage.ru_stime,
        output=output,
        complaint=_tail(complaints) or _tail(output),
        late=late,
        stopped=stopped,
    )


def _ended(pid: int) -> bool:
    """Whether a child has ended, without waiting for it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace").strip()

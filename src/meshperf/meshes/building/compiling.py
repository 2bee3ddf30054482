"""Run a Go command to its end: its lines as they come, the last ones in the error, nothing left when interrupted."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from meshperf.errors import DeploymentError
from meshperf.meshes.building.toolchain import Go, go_environment

__all__ = ["run_go"]

LAST_LINES = 30
TICK_S = 1.0
_GRACE_S = 10.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
Line = Callable[[str | None], None]
"""Told every line of the command, and None once a second without one."""


def run_go(go: Go, arguments: Sequence[str], *, folder: Path, scratch: Path, what: str, line: Line, hint: str) -> str:
    """Run `go ARGUMENTS` in a folder and return what it printed to standard output.

    Raises:
        DeploymentError: MP5105, it failed; with its last lines.
    """
    last: deque[str] = deque(maxlen=LAST_LINES)
    with tempfile.TemporaryFile(dir=scratch) as printed:
        try:
            process = subprocess.Popen(
                [str(go.path), *arguments],
                cwd=folder,
                env=dict(go_environment(scratch)),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C reaches us alone; we end the command and its compilers in order
                preexec_fn=_ends_with_us,
            )
        except OSError as failure:
            raise DeploymentError("MP5105", f"{what} failed: Go cannot be run: {failure.strerror}") from failure
        try:
            _follow(process, last, line)
            status = process.wait()
        except BaseException:
            _end(process)
            raise
        finally:
            if process.stderr is not None:
                process.stderr.close()
        printed.seek(0)
        output = printed.read().decode(errors="replace")
    if status:
        raise DeploymentError("MP5105", f"{what} failed (exit code {status})", log=tuple(last), hint=hint)
    return output


def _ends_with_us() -> None:
    """In the child, before it becomes Go: interrupt it when we are killed, even where we were told to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)


def _follow(process: subprocess.Popen[bytes], last: deque[str], line: Line) -> None:
    """Tell its lines until it closes its output."""
    assert process.stderr is not None
    descriptor, unread = process.stderr.fileno(), b""
    told = time.monotonic()
    while True:
        ready, _, _ = select.select([descriptor], [], [], TICK_S)
        if ready:
            data = os.read(descriptor, 1 << 16)
            if not data:
                break
            *whole, unread = (unread + data).split(b"\n")
            for text in (part.decode(errors="replace").rstrip() for part in whole):
                if text:
                    last.append(text[:500])
                    line(text)
                    told = time.monotonic()
        if time.monotonic() - told >= TICK_S:
            line(None)
            told = time.monotonic()
    if unread.strip():
        last.append(unread.decode(errors="replace").strip()[:500])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command with its compilers; on SIGINT it removes its temporary files itself."""
    for sent, within_s in ((signal.SIGINT, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(within_s)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # a compiler that outlived the command

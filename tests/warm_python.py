"""Python processes that begin with everything imported: `WarmPython.run` in place of `subprocess.run([sys.executable…`.

Most of what a short command takes is its imports. Each run is still a process of its own, which may be killed, change
its folder and write to its streams as it likes. What a start from nothing is like is tried where that matters:
`tests/test_command_line.py`, `tests/e2e`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_READY_WITHIN_S = 25.0


class WarmPython:
    """A server of such processes, one at a time; a context manager."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("warm_server.py")
        path = os.pathsep.join([str(program.parents[1] / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._server = subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._ready = False
        self._unread = b""

    def run(
        self,
        *arguments: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        input: str = "",
        timeout: float = 20.0,
    ) -> subprocess.CompletedProcess[str]:
        """What `python ARGUMENTS` does, where they begin with `-c` or `-m`; its output as text.

        Raises:
            subprocess.TimeoutExpired: it was killed, with all of its process group.
        """
        if not self._ready:
            self._answer(_READY_WITHIN_S)
            self._ready = True
        with tempfile.TemporaryDirectory() as name:
            streams = {stream: Path(name) / stream for stream in ("input", "output", "errors")}
            for path in streams.values():
                path.write_text(input if path.name == "input" else "")
            asked = {
                "arguments": arguments,
                "cwd": str(cwd or Path.cwd()),
                "env": dict(os.environ if env is None else env),
                **{stream: str(path) for stream, path in streams.items()},
            }
            assert self._server.stdin is not None
            line = json.dumps(asked).encode() + b"\n"
            while line:
                line = line[self._server.stdin.write(line) or 0 :]
            pid: int = self._answer(_READY_WITHIN_S)["pid"]
            try:
                status: int = self._answer(timeout)["status"]
            except TimeoutError as late:
                os.killpg(pid, signal.SIGKILL)
                self._answer(_READY_WITHIN_S)
                raise subprocess.TimeoutExpired(list(arguments), timeout) from late
            output, errors = (streams[stream].read_text() for stream in ("output", "errors"))
        return subprocess.CompletedProcess(list(arguments), status, output, errors)

    def _answer(self, within_s: float) -> dict[str, Any]:
        assert self._server.stdout is not None
        deadline = time.monotonic() + within_s
        while b"\n" not in self._unread:
            if not select.select([self._server.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("no answer in time")
            data = os.read(self._server.stdout.fileno(), 1 << 16)
            assert data, "the server of processes has ended; what it said is above"
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> WarmPython:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(10)
        self._server.stdout.close()

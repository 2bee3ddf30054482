"""The meshperf end of the pipe to `supervisor.py`: commands as methods, answers matched by number.

What it assumes: one caller at a time (a lock), and that an exception may break off any call, Ctrl-C included. So
answers to calls that were given up are recognised by their number and dropped, and `close` never needs an answer: it
closes the pipe.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.errors import CaptureError

__all__ = ["Child", "Ended", "SpawnFailed", "Supervision"]

ANSWER_WITHIN_S = 5.0


class SpawnFailed(Exception):
    """The operating system could not start the program; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process as the supervisor knows it. `status`: exit code, minus the signal, or None while it runs."""

    name: str
    pid: int
    start_ticks: int
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command that was run ended. `late`: it was killed at its deadline."""

    status: int
    late: bool


class Supervision:
    """A running supervisor."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        program = Path(__file__).with_name("supervisor.py")
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(program)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(environment),
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        self.pid = self._process.pid
        self._lock = threading.RLock()
        self._number = 0
        self._unread = b""

    def spawn(
        self,
        *,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        cpus: Sequence[int],
        log: Path,
        cwd: Path,
        namespace: str | None = None,
        user: tuple[int, int] | None = None,
        groups: Sequence[str] = (),
    ) -> Child:
        """Start a program.

        Args:
            namespace: path of the network namespace it runs in.
            user: numeric user and group; the log becomes theirs.
            groups: files (`cgroup.procs`) of the control groups it enters before it is executed.

        Raises:
            SpawnFailed: it cannot be executed. CaptureError: MP5202, the supervisor does not answer.
        """
        answer = self._ask(
            "spawn",
            name=name,
            argv=list(argv),
            env=dict(env),
            cpus=list(cpus),
            log=str(log),
            cwd=str(cwd),
            namespace=namespace,
            user=user,
            groups=list(groups),
        )
        if "error" in answer:
            raise SpawnFailed(answer["error"])
        return Child(name=name, pid=answer["pid"], start_ticks=answer["start_ticks"])

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        output: Path,
        log: Path,
        cwd: Path,
        namespace: str | None,
        deadline_s: float,
    ) -> Ended:
        """Run a command to its end; standard output goes to one file, standard error to the other.

        Raises:
            SpawnFailed: it cannot be executed. CaptureError: MP5202, the supervisor does not answer.
        """
        answer = self._ask(
            "run",
            within_s=deadline_s + ANSWER_WITHIN_S,
            argv=list(argv),
            env=dict(env),
            cpus=[],
            output=str(output),
            log=str(log),
            cwd=str(cwd),
            namespace=namespace,
            deadline_s=deadline_s,
        )
        if "error" in answer:
            raise SpawnFailed(answer["error"])
        return Ended(status=answer["status"], late=answer["late"])

    def stop(self, pids: Sequence[int], *, grace_s: float) -> None:
        """End processes and everything they started: TERM, after `grace_s` KILL; returns when they are gone."""
        self._ask("stop", within_s=grace_s + ANSWER_WITHIN_S, pids=list(pids), grace_s=grace_s)

    def children(self) -> tuple[Child, ...]:
        """Every process ever started, the ended ones with their status."""
        return tuple(Child(**figures) for figures in self._ask("list")["processes"])

    def alive(self) -> bool:
        """Whether the supervisor itself runs."""
        return self._process.poll() is None

    def close(self, *, within_s: float) -> None:
        """End the supervisor by closing its pipe; it ends whatever still hangs below it. Kills it when it is late."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, command: str, *, within_s: float = ANSWER_WITHIN_S, **figures: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with self._lock:
            self._number += 1
            number = self._number
            line = json.dumps({"id": number, "command": command, **figures}).encode() + b"\n"
            try:
                while line:
                    line = line[os.write(self._process.stdin.fileno(), line) :]
                return self._answer_to(number, time.monotonic() + within_s)
            except (OSError, EOFError, ValueError) as error:  # the pipe broke, or is closed
                raise CaptureError("MP5202", f"the supervisor of the site's processes is gone ({error})") from error

    def _answer_to(self, number: int, deadline: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while True:
            while b"\n" in self._unread:
                line, self._unread = self._unread.split(b"\n", 1)
                answer: dict[str, Any] = json.loads(line)
                if answer.get("id") == number:
                    return answer
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise TimeoutError("no answer in time")
            data = os.read(descriptor, 1 << 16)
            if not data:
                raise EOFError("its output ended")
            self._unread += data

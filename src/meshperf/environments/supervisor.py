"""A small program of its own that holds every process of a site, so that none outlives meshperf.

Started as `python -I -S supervisor.py` in a session of its own; the standard library only. Newline JSON commands come
in on standard input, one answer a command goes out on standard output, in any order, matched by `id`:

    {"id": 1, "command": "spawn", "name": …, "argv": […], "env": {…}, "cpus": […], "log": "file", "cwd": "folder",
     "namespace": path or null, "user": [uid, gid] or null, "groups": [files of control groups to enter by]}
    {"id": 2, "command": "stop", "pids": […], "grace_s": 1.0}      answered when they and their trees are gone
    {"id": 3, "command": "list"}                                   every process ever started, with how it ended
    {"id": 4, "command": "ping"}
    {"id": 5, "command": "run", …as for spawn…, "output": "file", "deadline_s": 30.0}
                                   answered when it ended, with its status, or was killed at its deadline ("late")

Why a program and not a thread: `kill -9` of meshperf runs no handler, but it closes the pipe. When the pipe ends, or
meshperf does, everything below this process is killed. It is a child subreaper, so a grandchild whose parent died hangs
below it too and cannot hide. Each child carries a parent-death signal, for the case that this process is killed itself.
Ctrl-C in the terminal does not reach it (own session), and it ignores SIGINT, so meshperf can stop things in order.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Set as AbstractSet
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_READ_SEARCH = 2
CLONE_NEWNET = 0x40000000
END_WITHIN_S = 1.5
"""How long the end of the pipe may take; the promise to the outside is 2 s."""
STOP_POLL_MS = 10

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, argument: int, second: int = 0) -> None:
    """Call prctl(2) with one argument, or two.

    Raises:
        OSError: the kernel refused it.
    """
    _checked(_libc.prctl(option, ctypes.c_ulong(argument), ctypes.c_ulong(second), 0, 0), "prctl")


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def become(uid: int, gid: int) -> None:
    """Change to a user and group without further groups, and keep only the right to read past file modes.

    Raises:
        OSError: this process may not do so, or has not that right itself.
    """
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    prctl(PR_SET_KEEPCAPS, 1)
    os.setresuid(uid, uid, uid)
    kept = 1 << CAP_DAC_READ_SEARCH
    # Version 3 of the call: two sets of effective, permitted and inheritable rights, the second for numbers from 32 on.
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)
    _checked(_libc.capset(header, sets), f"keeping the right to read as user {uid}")
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH)


def stat_fields(pid: int) -> list[str] | None:
    """Fields of /proc/<pid>/stat from the third on (index 0 is the state), or None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            text = file.read()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def start_ticks(pid: int) -> int | None:
    """When the process was started, in clock ticks since boot; None when it is gone."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields is not None else None


def below(roots: AbstractSet[int], sessions: AbstractSet[int] = frozenset()) -> set[int]:
    """All processes under `roots` (not the roots), and of those under this process also all of the given sessions."""
    children: dict[int, list[int]] = {}
    session_of: dict[int, int] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 (no pathlib: it would double the start-up time)
        if entry.isdigit() and (fields := stat_fields(int(entry))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry))
            session_of[int(entry)] = int(fields[3])
    own = _reach(children, {os.getpid()}) if sessions else set()
    return _reach(children, roots) | {pid for pid in own if session_of.get(pid) in sessions and pid not in roots}


def _reach(children: dict[int, list[int]], roots: AbstractSet[int]) -> set[int]:
    found: set[int] = set()
    todo = list(roots)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found - roots


def runs(pid: int, ticks: int) -> bool:
    """Whether that very process is there and not a zombie."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in "ZX" and int(fields[19]) == ticks


def send(pid: int, number: int, *, group: bool = False) -> None:
    """Send a signal; a process that is already gone, or changed its user, is not an error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


class Stopping:
    """A `stop` under way: which processes must be gone, and when patience ends.

    `leaders` are started processes that were not reaped yet, so their numbers cannot mean anybody else.
    """

    def __init__(self, request: Any, pids: set[int], leaders: set[int], grace_s: float) -> None:
        self.request = request
        self.pids = pids
        self.kill_at = time.monotonic() + grace_s
        # Remembered at the beginning: a member that leaves the session and loses its parent would be forgotten.
        self.members = {pid: start_ticks(pid) for pid in leaders | below(leaders, pids)}
        for pid in leaders:
            send(pid, signal.SIGTERM, group=True)
        for pid in self.members.keys() - leaders:
            send(pid, signal.SIGTERM)

    def alive(self, leaders: set[int]) -> list[int]:
        """Members that still run; looks for late ones only when all known ones are gone, or must be killed."""
        known = self._known_alive()
        if not known or self.overdue:
            for pid in below(leaders, self.pids) - self.members.keys():
                self.members[pid] = start_ticks(pid)
            known = self._known_alive()
        return known

    def _known_alive(self) -> list[int]:
        return [pid for pid, ticks in self.members.items() if ticks is not None and runs(pid, ticks)]

    @property
    def overdue(self) -> bool:
        return time.monotonic() >= self.kill_at


class Run:
    """A command that is run to its end, or to its deadline."""

    def __init__(self, request: Any, process: subprocess.Popen[bytes], deadline_s: float) -> None:
        self.request = request
        self.process = process
        self.deadline = time.monotonic() + deadline_s
        self.late = False

    def kill_when_late(self) -> None:
        """End the command and all below it once its time is up."""
        if not self.late and time.monotonic() >= self.deadline:
            self.late = True
            for pid in below({self.process.pid}, {self.process.pid}):
                send(pid, signal.SIGKILL)
            send(self.process.pid, signal.SIGKILL, group=True)


class Launch:
    """What a new process does between fork and exec, in an order that matters.

    Network and control groups come first, while the rights are there; the user before the parent-death signal, which a
    change of user clears. Another user keeps one right of root's, to read past file modes: programs and certificates
    are often where only root may look, and the user is there for redirection rules, not to lock the program in.
    """

    def __init__(self, request: dict[str, Any], doors: contextlib.ExitStack) -> None:
        """Open whatever it takes, so that a missing file is named here and not in the new process (OSError)."""
        self._parent = os.getpid()
        self._cpus = request["cpus"]
        self._user = request.get("user")
        namespace = request.get("namespace")
        self._namespace = None if namespace is None else _opened(namespace, os.O_RDONLY, doors)
        self._groups = [_opened(path, os.O_WRONLY, doors) for path in request.get("groups", ())]

    def __call__(self) -> None:
        try:
            if self._namespace is not None:
                _checked(_libc.setns(self._namespace, CLONE_NEWNET), "entering the network namespace")
            for group in self._groups:
                os.write(group, b"0")
            if self._cpus:
                os.sched_setaffinity(0, self._cpus)
            if self._user is not None:
                become(*self._user)
        except OSError as error:
            os.write(2, f"before it was started: {error}\n".encode())  # 2 is the log by now
            raise
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:
            os._exit(1)  # the supervisor died before the signal was armed


def _opened(path: str, flags: int, doors: contextlib.ExitStack) -> int:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    doors.callback(os.close, descriptor)
    return descriptor


class Supervisor:
    """The table of processes and the loop that answers commands."""

    def __init__(self) -> None:
        self.started: dict[int, dict[str, Any]] = {}
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.stopping: list[Stopping] = []
        self.runs: dict[int, Run] = {}
        self.ending = False

    def run(self) -> None:
        """Answer commands until the pipe or meshperf ends, then end everything below this process."""
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGTERM, self._terminated)

        poll = select.poll()
        poll.register(sys.stdin.fileno(), select.POLLIN)
        poll.register(wake_read, select.POLLIN)
        # A copy of the pipe's other end may live on in a fork of meshperf; its pid tells the truth.
        with contextlib.suppress(OSError, AttributeError):
            poll.register(os.pidfd_open(os.getppid()), select.POLLIN)

        pending = b""
        try:
            while not self.ending:
                ready = {fd for fd, _ in poll.poll(STOP_POLL_MS if self.stopping or self.runs else None)}
                if wake_read in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_read, 4096)
                self._reap()
                self._advance_stops()
                for run in self.runs.values():
                    run.kill_when_late()
                if sys.stdin.fileno() in ready:
                    data = os.read(sys.stdin.fileno(), 1 << 16)
                    if not data:
                        break
                    *lines, pending = (pending + data).split(b"\n")
                    for line in lines:
                        self._handle(line)
                    ready.discard(sys.stdin.fileno())
                if ready - {wake_read}:
                    break  # only meshperf's pidfd is left: it died
        except BrokenPipeError:
            pass  # nobody reads the answers any more: the same as the end of the pipe
        finally:
            self._end_all()

    def _terminated(self, *_: object) -> None:
        self.ending = True

    def _handle(self, line: bytes) -> None:
        try:
            request = json.loads(line)
            number, command = request["id"], request["command"]
        except (ValueError, KeyError, TypeError) as error:
            self._answer(None, error=f"not a command: {error}")
            return
        if command == "spawn":
            self._spawn(number, request)
        elif command == "run":
            self._run(number, request)
        elif command == "stop":
            pids = {int(pid) for pid in request["pids"]} & self.started.keys()
            self.stopping.append(Stopping(number, pids, pids & self.running.keys(), float(request["grace_s"])))
            self._advance_stops()
        elif command == "list":
            self._answer(number, processes=list(self.started.values()))
        elif command == "ping":
            self._answer(number, pid=os.getpid())
        else:
            self._answer(number, error=f"unknown command {command!r}")

    def _spawn(self, number: Any, request: dict[str, Any]) -> None:
        process = self._launch(number, request)
        if process is None:
            return
        self.running[process.pid] = process
        self.started[process.pid] = {
            "name": request["name"],
            "pid": process.pid,
            "start_ticks": start_ticks(process.pid),  # at the latest a zombie: not reaped before the next turn
            "status": None,
        }
        self._answer(number, pid=process.pid, start_ticks=self.started[process.pid]["start_ticks"])

    def _run(self, number: Any, request: dict[str, Any]) -> None:
        process = self._launch(number, request)
        if process is not None:
            self.runs[process.pid] = Run(number, process, float(request["deadline_s"]))

    def _launch(self, number: Any, request: dict[str, Any]) -> subprocess.Popen[bytes] | None:
        """Start the program; when it cannot be, answer so and return None."""
        try:
            with contextlib.ExitStack() as doors:
                launch = Launch(request, doors)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                log = os.open(request["log"], flags, 0o600)
                doors.callback(os.close, log)
                if request.get("user") is not None:
                    os.fchown(log, *request["user"])  # a program may open /dev/stdout again, by its path
                output = log
                if "output" in request:
                    output = os.open(request["output"], flags, 0o600)
                    doors.callback(os.close, output)
                return subprocess.Popen(
                    request["argv"],
                    env=request["env"],
                    cwd=request["cwd"],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=launch,  # safe: there is one thread only
                )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._answer(number, error=str(error))
            return None

    def _reap(self) -> None:
        """Collect every child that ended, adopted grandchildren included. Status: exit code, or minus the signal."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            run = self.runs.pop(pid, None)
            if run is not None:
                run.process.returncode = os.waitstatus_to_exitcode(status)
                self._answer(run.request, status=run.process.returncode, late=run.late)
            process = self.running.pop(pid, None)
            if process is not None:
                process.returncode = os.waitstatus_to_exitcode(status)
                self.started[pid]["status"] = process.returncode

    def _advance_stops(self) -> None:
        for stop in list(self.stopping):
            leaders = stop.pids & self.running.keys()
            alive = stop.alive(leaders)
            if not alive and not leaders:
                self.stopping.remove(stop)
                self._answer(stop.request, gone=sorted(stop.pids))
            elif stop.overdue:
                for pid in alive:
                    send(pid, signal.SIGKILL)

    def _end_all(self) -> None:
        deadline = time.monotonic() + END_WITHIN_S
        while time.monotonic() < deadline:
            for pid in below({os.getpid()}):
                send(pid, signal.SIGKILL)
            self._reap()
            if not below({os.getpid()}):
                return
            time.sleep(0.005)

    def _answer(self, number: Any, **figures: Any) -> None:
        line = json.dumps({"id": number, **figures}).encode() + b"\n"
        while line:
            line = line[os.write(sys.stdout.fileno(), line) :]


if __name__ == "__main__":
    Supervisor().run()

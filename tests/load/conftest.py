"""Real servers on loopback for the engine's tests: the measured workload, and one that misbehaves as a test says."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sysconfig
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from meshperf.load import Arrivals, Phase, Target


def _workload_binary() -> Path | None:
    root = Path(__file__).parents[2]
    places = [
        os.environ.get("MESHPERF_WORKLOAD"),
        root / "src" / "meshperf" / "_bin" / "meshperf-workload",
        Path(sysconfig.get_path("purelib")) / "meshperf" / "_bin" / "meshperf-workload",
        shutil.which("meshperf-workload"),
    ]
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


class Workload:
    """A running workload process."""

    def __init__(self, process: subprocess.Popen[str], ready: Mapping[str, Any]) -> None:
        self.process = process
        self.ready = ready
        """What it said when it was: the addresses of its other listeners, its process, its beginning."""
        self.address: str = ready["address"]
        self.started_monotonic_ns: int = ready["started_monotonic_ns"]

    def counters(self) -> Mapping[str, Any]:
        """What it counted since it was started with `--admin 127.0.0.1:0`."""
        with urllib.request.urlopen(f"http://{self.ready['admin']}/counters", timeout=5) as answer:
            counted: Mapping[str, Any] = json.load(answer)
        return counted

    def target(self, **changes: object) -> Target:
        return Target(**{"name": "echo", "address": self.address, "host": "echo.example", "connections": 4, **changes})


@pytest.fixture
def start_workload() -> Iterator[Callable[..., Workload]]:
    """Start the workload with the options given; all of them end with the test."""
    binary = _workload_binary()
    if binary is None:
        pytest.skip("the workload executable is not built")
    with contextlib.ExitStack() as stack:

        def start(*options: str, listen: str = "127.0.0.1:0") -> Workload:
            process = subprocess.Popen(
                [binary, "--listen", listen, "--seconds", "60", *options], stdout=subprocess.PIPE, text=True
            )
            stack.callback(process.wait, timeout=10)
            stack.callback(process.kill)
            stack.callback(process.stdout.close)
            line = process.stdout.readline()
            assert line, f"the workload ended at once: {options}"
            return Workload(process, json.loads(line))

        yield start


@pytest.fixture
def workload(start_workload: Callable[..., Workload]) -> Workload:
    return start_workload()


class Script:
    """A server that hands every connection to a function, one thread each."""

    def __init__(self, behave: Callable[[socket.socket], None]) -> None:
        self.accepted = 0
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._sockets.append(connection)
            thread = threading.Thread(target=self._handle, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _handle(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._behave(connection)

    def target(self, **changes: object) -> Target:
        return Target(**{"name": "script", "address": self.address, "host": "script.example", **changes})

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], Script]]:
    """Start servers that behave as the test's function says on each connection."""
    with contextlib.ExitStack() as stack:

        def start(behave: Callable[[socket.socket], None]) -> Script:
            script = Script(behave)
            stack.callback(script.close)
            return script

        yield start


@pytest.fixture
def constant() -> Callable[..., Phase]:
    """A constant-rate phase: 200 requests per second for half a second unless told otherwise."""

    def make(**changes: object) -> Phase:
        phase = {"target": 0, "duration_s": 0.5, "arrivals": Arrivals.CONSTANT, "rate": 200.0, "drain_s": 1.0}
        return Phase(**{**phase, **changes})

    return make

"""The command line as a user has it: a process of its own, with a state and a store of its own.

What is refused before anything is started may be asked of a process that need not import (`python`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:  # benchmarks use this module too
    from tests.warm_python import WarmPython

ROOT = Path(__file__).resolve().parents[2]

SMALL = """\
experiment: small
subject: [client_library]
environment: local
workload: {graph: echo, response_bytes: 256}
load:
  - {protocol: http1, rate: 100, connections: 2, arrivals: poisson, warmup: 200ms, duration: 600ms}
design: interleaved
slice: 300ms
rounds: ROUNDS
seed: 7
arms:
  baseline:       {mesh: none}
  client-library: {mesh: none, client_library: {mtls: true}}
"""


class Command:
    """Runs `meshperf` with everything it keeps inside one folder."""

    def __init__(self, folder: Path, python: WarmPython | None = None) -> None:
        self.folder = folder
        self._python = python
        self.scratch = folder / "tmp"
        self.scratch.mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MESHPERF_")},
            "MESHPERF_STATE": str(folder / "state"),
            "MESHPERF_STORE": str(folder / "store.db"),
            "TMPDIR": str(self.scratch),
            "PYTHONPATH": str(ROOT / "src"),
            "NO_COLOR": "1",
        }

    def arguments(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "meshperf", *map(str, arguments)]

    def run(self, *arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        if self._python is not None:
            words = ("-m", "meshperf", *map(str, arguments))
            return self._python.run(*words, env=self.environment, timeout=timeout)
        command = self.arguments(*arguments)
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.arguments(*arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def leftovers(self) -> Sequence[psutil.Process]:
        """Processes that are alive and work in this folder's scratch or write a log there: the supervisor too."""
        found = []
        for process in psutil.process_iter():
            try:
                places = [process.cwd(), *(file.path for file in process.open_files())]
                ours = any(place.startswith(str(self.scratch)) for place in places)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def small_experiment(folder: Path, rounds: int = 3) -> Path:
    path = folder / "small.yaml"
    path.write_text(SMALL.replace("ROUNDS", str(rounds)))
    return path

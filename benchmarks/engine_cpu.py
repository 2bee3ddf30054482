"""CPU per request of the load engine beside wrk (and fortio, where installed), closed loop, on one server.

What is measured: user and system CPU of the whole generator process, as the kernel accounts it when the process ends,
less that of its start-up (the same program asked to send nothing), divided by the requests it completed. Tools take
turns, so that a slow minute of the machine falls on all; the lowest of the runs is compared, because everything else
that runs here can only add. Both sides of every turn are printed.

What it assumes: release builds. With two or more cores the generator has one and the server another.

    python benchmarks/engine_cpu.py [--runs 8] [--seconds 3] [--connections 50] [--server PATH]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOAL = 0.80
"""The engine's CPU per request by wrk's, at most."""

_GENERATE = """
import sys
from meshperf.load import Arrivals, NativeSession, Phase, SessionPlan, Target
address, connections, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
target = Target(name="server", address=address, host=address, connections=connections)
with NativeSession.open(SessionPlan(targets=(target,))) as session:
    recording = session.run([Phase(target=0, duration_s=seconds, arrivals=Arrivals.CLOSED)] if seconds else [])
print("requests", sum(phase.counts.ok for phase in recording.phases), recording.build)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A generator: its command for a run, its command for nothing but its start-up, and how it tells its requests."""

    name: str
    command: Sequence[str]
    idle: Sequence[str]
    requests: Callable[[str], int]


def tools(address: str, connections: int, seconds: int) -> list[Tool]:
    """meshperf, and the others that are installed."""
    engine = [sys.executable, "-c", _GENERATE, address, str(connections)]
    found = [
        Tool(
            name="meshperf",
            command=[*engine, str(seconds)],
            idle=[*engine, "0"],
            requests=lambda out: int(re.search(r"requests (\d+)", out)[1]),
        )
    ]
    if wrk := shutil.which("wrk"):
        found.append(
            Tool(
                name="wrk",
                command=[wrk, "-t1", f"-c{connections}", f"-d{seconds}s", f"http://{address}/"],
                idle=[wrk, "--version"],
                requests=lambda out: int(re.search(r"(\d+) requests in", out)[1]),
            )
        )
    if fortio := shutil.which("fortio"):
        load = [fortio, "load", "-quiet", "-qps", "0", "-c", str(connections), "-t", f"{seconds}s", "-json", "-"]
        found.append(
            Tool(
                name="fortio",
                command=[*load, f"http://{address}/"],
                idle=[fortio, "version"],
                requests=lambda out: int(json.loads(out)["DurationHistogram"]["Count"]),
            )
        )
    return found


def cpu_of(command: Sequence[str], core: int | None) -> tuple[float, str]:
    """Run to the end; user and system CPU seconds of the process, and what it printed."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])},
    )
    printed = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, printed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8, help="turns of every tool (8)")
    parser.add_argument("--seconds", type=int, default=3, help="of each run (3)")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--response-bytes", type=int, default=1024)
    parser.add_argument("--server", type=Path, default=ROOT / "target" / "release" / "meshperf-workload")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    ours, theirs = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    server = subprocess.Popen(
        [options.server, "--listen", "127.0.0.1:0", "--response-bytes", str(options.response_bytes)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=None if theirs is None else lambda: os.sched_setaffinity(0, {theirs}),
    )
    try:
        address = json.loads(server.stdout.readline())["address"]
        return compare(tools(address, options.connections, options.seconds), options.runs, ours)
    finally:
        server.terminate()
        server.wait(10)


def compare(found: Sequence[Tool], runs: int, core: int | None) -> int:
    """Print the table; 0 when the goal is met or there is no wrk to compare with."""
    start_up = {tool.name: min(cpu_of(tool.idle, core)[0] for _ in range(3)) for tool in found}
    print("CPU per request [us], start-up subtracted; in brackets thousands of requests per second of CPU")
    print("start-up [ms]: " + ", ".join(f"{name} {seconds * 1e3:.1f}" for name, seconds in start_up.items()))
    print("run  " + "  ".join(f"{tool.name:>18}" for tool in found))
    costs: dict[str, list[float]] = {tool.name: [] for tool in found}
    for run in range(runs):
        # Every other turn in reverse, so that no tool always follows the same one.
        for tool in found if run % 2 == 0 else reversed(found):
            seconds, printed = cpu_of(tool.command, core)
            costs[tool.name].append((seconds - start_up[tool.name]) / tool.requests(printed))
        cells = (f"{costs[tool.name][-1] * 1e6:9.3f} ({1e-3 / costs[tool.name][-1]:6.1f})" for tool in found)
        print(f"{run + 1:3}  " + "  ".join(f"{cell:>18}" for cell in cells), flush=True)
    lowest = {name: min(values) for name, values in costs.items()}
    print("low  " + "  ".join(f"{lowest[tool.name] * 1e6:9.3f}         " for tool in found))
    for name in list(lowest)[1:]:
        print(f"meshperf / {name}: {lowest['meshperf'] / lowest[name]:.3f}")
    if "wrk" not in lowest:
        print("wrk is not installed: nothing to compare with")
        return 0
    met = lowest["meshperf"] <= GOAL * lowest["wrk"]
    print(f"goal: at most {GOAL:.2f} of wrk: {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

"""Agents: programs of a mesh that start the proxy themselves, and which process that proxy is.

meshperf starts the agent only, but measures both, so it has to find the proxy among the agent's descendants.
"""

from __future__ import annotations

import time
from pathlib import Path

from meshperf.environments import processes
from meshperf.environments.site import Process
from meshperf.errors import DeploymentError

__all__ = ["child_of"]

_CHILD_WITHIN_S = 2.0


def child_of(agent: Process, *, name: str, program: Path) -> Process:
    """The process of a program that an agent started.

    Raises:
        DeploymentError: there is none (MP5102).
    """
    until = time.monotonic() + _CHILD_WITHIN_S
    while True:
        for pid, ticks in processes.with_descendants([(agent.pid, agent.start_ticks)]):
            if pid != agent.pid and _executes(pid, program):
                return Process(name=name, role="sidecar", pid=pid, start_ticks=ticks, log=agent.log, cpus=agent.cpus)
        if time.monotonic() >= until:
            raise DeploymentError(
                "MP5102", f"{agent.name} runs without {program.name}", hint="look at the agent's log, or try again"
            )
        time.sleep(0.01)


def _executes(pid: int, program: Path) -> bool:
    try:
        return (processes.PROC / str(pid) / "exe").readlink() == program.resolve()
    except OSError:  # it has just ended
        return False

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshperf.environments.processes import start_ticks
from meshperf.environments.site import Process
from meshperf.errors import DeploymentError
from meshperf.meshes.agents import child_of

SLEEP = Path(str(shutil.which("sleep")))


def process_of(pid: int, log: Path) -> Process:
    ticks = start_ticks(pid)
    assert ticks is not None
    return Process(name="istio-app-agent", role="sidecar", pid=pid, start_ticks=ticks, log=log, cpus=(0,))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Process]:
    """A program that starts another one and waits for it, as an agent does."""
    started = subprocess.Popen(["sh", "-c", f"{SLEEP} 30 & wait"], start_new_session=True)
    try:
        yield process_of(started.pid, tmp_path / "agent.log")
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def test_the_sidecar_is_the_agents_child_and_has_its_log(agent: Process) -> None:
    found = child_of(agent, name="istio-app-sidecar", program=SLEEP)
    assert found.pid != agent.pid
    assert found.start_ticks == start_ticks(found.pid)
    assert (found.name, found.role, found.log, found.cpus) == ("istio-app-sidecar", "sidecar", agent.log, agent.cpus)


def test_an_agent_without_its_sidecar_is_named(agent: Process) -> None:
    with pytest.raises(DeploymentError, match="istio-app-agent runs without envoy"):
        child_of(agent, name="istio-app-sidecar", program=Path("/nowhere/envoy"))

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from meshperf.environments.processes import start_ticks
from meshperf.environments.site import Process
from meshperf.errors import DeploymentError
from meshperf.meshes.istio.control_plane import ControlPlane
from meshperf.meshes.istio.sidecar import child_of, readiness

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


class Admin(BaseHTTPRequestHandler):
    """An Envoy that never gets ready; `rejected` is what its counters say."""

    rejected = 0

    def do_GET(self) -> None:
        body = f"listener_manager.lds.update_rejected: {self.rejected}\n".encode()
        self.send_response(200 if self.path.startswith("/stats") else 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def admin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Admin)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_sidecar_is_the_agents_child_and_has_its_log(agent: Process) -> None:
    found = child_of(agent, name="istio-app-sidecar", program=SLEEP)
    assert found.pid != agent.pid
    assert found.start_ticks == start_ticks(found.pid)
    assert (found.name, found.role, found.log, found.cpus) == ("istio-app-sidecar", "sidecar", agent.log, agent.cpus)


def test_an_agent_without_its_sidecar_is_named(agent: Process) -> None:
    with pytest.raises(DeploymentError, match="istio-app-agent runs without envoy"):
        child_of(agent, name="istio-app-sidecar", program=Path("/nowhere/envoy"))


def test_a_sidecar_that_is_still_starting_is_waited_for(
    admin: str, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Admin, "rejected", 0)
    plane = ControlPlane(process=_istiod(recorded), debug=admin, folder=tmp_path)
    assert readiness("istio-app-agent", admin, admin, plane)() is not None


def test_a_refused_configuration_ends_the_waiting_with_istiods_words(
    admin: str, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Admin, "rejected", 1)
    plane = ControlPlane(process=_istiod(recorded), debug=admin, folder=tmp_path)
    with pytest.raises(DeploymentError, match=r"istio-app-agent: .*lds.update_rejected") as refused:
        readiness("istio-app-agent", admin, admin, plane)()
    assert "istio.alpn" in refused.value.log[0]


def _istiod(recorded: Path) -> Process:
    log = recorded / "istiod-refusal.log"
    return Process(name="istio-istiod", role="control-plane", pid=1, start_ticks=1, log=log, cpus=())

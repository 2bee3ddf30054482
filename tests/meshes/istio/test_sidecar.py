from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from meshperf.environments.site import Process
from meshperf.errors import DeploymentError
from meshperf.meshes.istio.control_plane import ControlPlane
from meshperf.meshes.istio.sidecar import readiness


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

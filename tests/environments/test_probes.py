"""Readiness probes against real sockets."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshperf.environments.probes import all_ready, file_ready, http_ready, tcp_ready


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def _unused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_an_http_probe_is_ready_at_the_expected_status_only(server: str) -> None:
    assert http_ready(server, "/ready")() is None
    assert http_ready(server, "/other", expect=503)() is None
    missing = http_ready(server, "/other")()
    assert missing is not None and "answers 503, not yet 200" in missing


def test_probes_say_what_is_missing_where_nobody_listens() -> None:
    address = _unused()
    for probe in (tcp_ready(address), http_ready(address, "/ready")):
        missing = probe()
        assert missing is not None and address in missing


def test_a_tcp_probe_is_ready_when_a_connection_is_accepted(server: str) -> None:
    assert tcp_ready(server)() is None


def test_a_server_that_speaks_something_else_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"220 mail ready\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        missing = http_ready(f"127.0.0.1:{server.getsockname()[1]}", "/")()
        thread.join()
    assert missing is not None and "no answer" in missing


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("192.0.2.1:80", "loopback or into a pod"),
        ("10.1.2.3:15021", "loopback or into a pod"),
        ("127.0.0.1", "no address of the form"),
    ],
)
def test_probes_go_to_loopback_or_into_a_pod_only(address: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        tcp_ready(address)
    with pytest.raises(ValueError, match=why):
        http_ready(address, "/")


def test_a_probe_into_a_pod_that_is_gone_says_so() -> None:
    missing = tcp_ready("10.64.0.1:80@mp-000000-1")()
    assert missing is not None and "namespace mp-000000-1 is gone" in missing
    missing = http_ready("10.64.0.1:80@mp-000000-1", "/")()
    assert missing is not None and "namespace mp-000000-1 is gone" in missing


def test_a_file_probe_waits_for_content_and_all_ready_names_the_first_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "port"
    probe = all_ready(lambda: None, file_ready(path))
    assert probe() == "port is not written yet"
    path.touch()
    assert probe() == "port is still empty"
    path.write_text("8080")
    assert probe() is None

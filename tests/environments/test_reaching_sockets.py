"""Dialling what listens on a socket in the file system."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from meshperf.environments.asking import ask
from meshperf.environments.probes import http_ready
from meshperf.environments.reaching import connect, parse


def test_a_path_is_taken_apart_and_written_again(tmp_path: Path) -> None:
    place = parse(f"unix:{tmp_path}/admin.sock")
    assert place.path == tmp_path / "admin.sock"
    assert place.is_loopback
    assert str(place) == f"unix:{tmp_path}/admin.sock"


@pytest.mark.parametrize("address", ["unix:", "unix:admin.sock", "unix:/" + "x" * 107])
def test_what_no_socket_can_be_called_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no absolute path of at most 107 bytes"):
        parse(address)


def test_a_question_is_asked_through_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            for _ in range(2):
                caller, _ = listener.accept()
                with caller:
                    caller.recv(4096)
                    caller.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nLIVE")

        server = threading.Thread(target=answer, daemon=True)
        server.start()
        assert ask(f"unix:{path}", "/ready").body == b"LIVE"
        assert http_ready(f"unix:{path}", "/ready")() is None
        server.join(5)


def test_a_socket_that_is_not_there_is_not_reached(tmp_path: Path) -> None:
    assert not ask(f"unix:{tmp_path}/none.sock", "/ready").reached
    with pytest.raises(FileNotFoundError):
        connect(f"unix:{tmp_path}/none.sock", timeout_s=1)

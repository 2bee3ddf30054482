"""The grammar of addresses, and that asking inside a pod leaves the thread that asks where it was."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from meshperf.environments import reaching
from meshperf.environments.local import LocalSite
from meshperf.environments.reaching import Place, connect, inside, parse


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("127.0.0.1:80", Place(ip="127.0.0.1", port=80)),
        ("[::1]:8080", Place(ip="::1", port=8080)),
        ("10.64.0.1:15001@mp-012abc-3", Place(ip="10.64.0.1", port=15001, namespace="mp-012abc-3")),
        ("[fd00::1]:1@a.b_c-d", Place(ip="fd00::1", port=1, namespace="a.b_c-d")),
    ],
)
def test_an_address_is_taken_apart_and_written_again(address: str, place: Place) -> None:
    assert parse(address) == place
    assert str(place) == address


@pytest.mark.parametrize(
    "address",
    ["", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:٣",
     "localhost:80", "::1", "127.0.0.1:80@", "127.0.0.1:80@a/b", "127.0.0.1:80@..", "127.0.0.1:80@a@b"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|port|namespace"):
        parse(address)


def test_only_loopback_is_loopback() -> None:
    assert parse("127.3.2.1:1").is_loopback and parse("[::1]:1").is_loopback
    assert not parse("10.64.0.1:1").is_loopback


def test_a_connection_comes_from_the_source_that_was_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with connect(f"127.0.0.1:{port}", timeout_s=2.0, source="127.9.9.9") as caller:
            assert caller.getsockname()[0] == "127.9.9.9"
            assert caller.gettimeout() == 2.0


def test_a_namespace_that_is_gone_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="mp-000000-7 is gone"):
        inside("mp-000000-7", lambda: 1)


@pytest.mark.needs_netns
def test_what_is_no_namespace_cannot_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "NAMESPACES", tmp_path)
    (tmp_path / "mp-000000-1").touch()
    with pytest.raises(OSError, match="cannot enter the network namespace mp-000000-1"):
        inside("mp-000000-1", lambda: 1)


def test_without_a_namespace_work_is_done_at_once_on_the_same_thread() -> None:
    assert inside(None, threading.get_ident) == threading.get_ident()


@pytest.mark.needs_netns
def test_errors_come_back_and_the_thread_stays_in_its_network(pods: LocalSite) -> None:
    here = Path("/proc/thread-self/ns/net").stat().st_ino
    name = Path(pods.namespace("a") or "").name
    there = inside(name, lambda: Path("/proc/thread-self/ns/net").stat().st_ino)
    assert there == (reaching.NAMESPACES / name).stat().st_ino != here
    with pytest.raises(ZeroDivisionError):
        inside(name, lambda: 1 // 0)
    with pytest.raises(ConnectionRefusedError):
        connect(pods.reach("a", 9), timeout_s=1.0)
    assert Path("/proc/thread-self/ns/net").stat().st_ino == here

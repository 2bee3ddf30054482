"""Bytes without a protocol, as a client with a plain socket sees them."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from meshperf.workloads import counters

from .conftest import Pki, Running, Start, poll

pytestmark = pytest.mark.needs_native

SOCKET_TIMEOUT_S = 5.0
DATA = bytes(range(256)) * 4096  # 1 MiB


def tcp_address(running: Running) -> tuple[str, int]:
    assert running.endpoint.tcp is not None
    host, _, port = running.endpoint.tcp.rpartition(":")
    return host, int(port)


@contextlib.contextmanager
def connected(running: Running) -> Iterator[socket.socket]:
    with socket.create_connection(tcp_address(running), SOCKET_TIMEOUT_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def read_exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece, f"closed after {len(data)} of {size} bytes"
        data += piece
    return bytes(data)


def exchange(sock: socket.socket, data: bytes) -> bytes:
    """Everything that comes back for `data`, which is sent whenever the other side takes some."""
    back, sent = bytearray(), 0
    while len(back) < len(data):
        readable, writable, _ = select.select([sock], [sock] if sent < len(data) else [], [], SOCKET_TIMEOUT_S)
        assert readable or writable, f"nothing moved after {sent} bytes out and {len(back)} in"
        if writable:
            sent += sock.send(data[sent : sent + 65_536])
        if readable:
            piece = sock.recv(65_536)
            assert piece
            back += piece
    return bytes(back)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_byte_comes_back_as_it_was_sent(start: Start, workers: str) -> None:
    running = start("--tcp", "127.0.0.1:0", "--workers", workers)
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(connected(running)) for _ in range(4)]
        for sock in socks:
            assert exchange(sock, DATA) == DATA
        assert counters(running.endpoint)["tcp_connections_open"] == 4
    assert poll(lambda: counters(running.endpoint)["tcp_connections_open"] == 0)
    seen = counters(running.endpoint)
    assert (seen["tcp_bytes_in"], seen["tcp_bytes_out"]) == (4 * len(DATA), 4 * len(DATA))
    assert (seen["tcp_connections"], seen["connections"], seen["bytes_in"]) == (4, 0, 0)


def test_what_was_sent_is_answered_although_the_client_ended_its_side(start: Start) -> None:
    with connected(start("--tcp", "127.0.0.1:0")) as sock:
        sock.sendall(b"last words")
        sock.shutdown(socket.SHUT_WR)
        assert read_exactly(sock, 10) == b"last words"
        assert sock.recv(1) == b""


def test_a_client_that_does_not_read_is_not_read_from_and_others_are_served(start: Start) -> None:
    running = start("--tcp", "127.0.0.1:0")
    with connected(running) as deaf, connected(running) as other:
        deaf.setblocking(False)
        taken = bytearray()
        while select.select([], [deaf], [], 0.3)[1]:
            taken += DATA[: deaf.send(DATA)]
            assert len(taken) < 64 << 20, "the service takes without end"
        assert exchange(other, b"x" * 100) == b"x" * 100
        deaf.setblocking(True)
        deaf.settimeout(SOCKET_TIMEOUT_S)
        assert read_exactly(deaf, len(taken)) == taken


def test_a_sink_reads_everything_and_answers_nothing(start: Start) -> None:
    running = start("--tcp", "127.0.0.1:0", "--tcp-mode", "sink", "--service-time", "50ms")
    with connected(running) as sock:
        for _ in range(8):
            sock.sendall(DATA)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert poll(lambda: counters(running.endpoint)["tcp_bytes_in"] == 8 * len(DATA))
    assert counters(running.endpoint)["tcp_bytes_out"] == 0


def test_fixed_sizes_count_messages_whatever_the_pieces(start: Start) -> None:
    running = start("--tcp", "127.0.0.1:0", "--tcp-mode", "fixed:100:70000")
    with connected(running) as sock:
        sock.sendall(b"q" * 99)
        assert select.select([sock], [], [], 0.05)[0] == []
        sock.sendall(b"q" * 151)  # completes the first message and the second, and begins the third
        read_exactly(sock, 140_000)
        assert counters(running.endpoint)["tcp_messages"] == 2
        sock.sendall(b"q" * 50)
        read_exactly(sock, 70_000)
        assert select.select([sock], [], [], 0.05)[0] == []
    assert counters(running.endpoint)["tcp_messages"] == 3


def test_an_answer_of_no_bytes_is_none(start: Start) -> None:
    running = start("--tcp", "127.0.0.1:0", "--tcp-mode", "fixed:10:0")
    with connected(running) as sock:
        sock.sendall(b"q" * 45)
        assert poll(lambda: counters(running.endpoint)["tcp_messages"] == 4)
        assert select.select([sock], [], [], 0.05)[0] == []


@pytest.mark.parametrize("busy", [(), ("--busy",)])
def test_every_message_has_its_service_time(start: Start, busy: tuple[str, ...]) -> None:
    running = start("--tcp", "127.0.0.1:0", "--tcp-mode", "fixed:10:10", "--service-time", "20ms", *busy)
    with connected(running) as sock:
        begin = time.perf_counter()
        sock.sendall(b"q" * 50)
        read_exactly(sock, 50)
        # One connection is served one message after the other.
        assert 0.100 <= time.perf_counter() - begin < 0.4


def test_a_stall_stops_it_too(start: Start) -> None:
    running = start("--tcp", "127.0.0.1:0", "--stall", "300ms/600ms")
    origin_s = float(str(running.ready["started_monotonic_ns"])) / 1e9
    with connected(running) as sock:
        period = origin_s + (int((time.monotonic() - origin_s) / 0.6) + 1) * 0.6
        time.sleep(period + 0.4 - time.monotonic())  # into the stall, whose start is a matter of the clock
        sock.sendall(b"x")
        sent = time.monotonic()
        assert sent < period + 0.55, "the machine was too busy to send in time"
        assert sock.recv(1) == b"x"
        assert time.monotonic() >= period + 0.6


def test_tls_comes_with_the_certificate_and_asks_for_no_protocol(start: Start, pki: Pki) -> None:
    certificate, key = pki.issue("server", "spiffe://t/server")
    running = start("--tcp", "127.0.0.1:0", "--tls-cert", str(certificate), "--tls-key", str(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(pki.ca)
    context.set_alpn_protocols(["something"])
    with connected(running) as sock, context.wrap_socket(sock) as secure:
        for size in (1, 300_000):
            secure.sendall(DATA[:size])
            assert read_exactly(secure, size) == DATA[:size]
        assert secure.selected_alpn_protocol() is None
    with connected(running) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"GET" not in sock.recv(100)
    assert poll(lambda: counters(running.endpoint)["tls_failures"] == 1)
    assert counters(running.endpoint)["tls_handshakes"] == 1

"""The workload executable as its callers see it: over real sockets, with known truth for its delays."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import ssl
import statistics
import subprocess
import time
from collections.abc import Iterator

import pytest

from meshperf.environments.asking import ask
from meshperf.workloads import counters, executable

from .conftest import Pki, Running, Start, poll

pytestmark = pytest.mark.needs_native

SOCKET_TIMEOUT_S = 5.0
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@contextlib.contextmanager
def connected(running: Running, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(running.at, SOCKET_TIMEOUT_S, (source, 0)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def read_reply(sock: socket.socket, method: str = "GET") -> tuple[int, bytes]:
    reply = http.client.HTTPResponse(sock, method=method)
    reply.begin()
    return reply.status, reply.read()


def read_all(sock: socket.socket) -> bytes:
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def exchange(running: Running, text: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    with connected(running) as sock:
        sock.sendall(text)
        return read_all(sock)


@pytest.mark.parametrize("size", [0, 1, 1024, 65_536, 65_537, 3_000_000])
def test_the_reply_has_the_size_that_was_asked_for(start: Start, size: int) -> None:
    running = start("--response-bytes", str(size))
    with connected(running) as sock:
        for _ in range(3):
            sock.sendall(GET)
            status, body = read_reply(sock)
            assert (status, len(body)) == (200, size)


def test_a_request_may_ask_for_another_size_but_not_for_any(start: Start) -> None:
    running = start("--response-bytes", "5")
    with connected(running) as sock:
        for size in (0, 7, 200_000):
            sock.sendall(f"GET /any/path?x=1&bytes={size} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert len(read_reply(sock)[1]) == size
        sock.sendall(GET)
        assert len(read_reply(sock)[1]) == 5
    assert exchange(running, b"GET /?bytes=67108865 HTTP/1.1\r\nhost: x\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_head_has_the_length_and_no_body(start: Start) -> None:
    answer = exchange(start("--response-bytes", "77"), b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: 77" in head
    assert body == b""


def test_bodies_of_both_framings_are_read_and_dropped_and_the_connection_goes_on(start: Start) -> None:
    running = start("--response-bytes", "3")
    body = bytes(range(256)) * 2000
    chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in (body[:1], body[1:70_000], body[70_000:]))
    with connected(running) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        assert read_reply(sock) == (200, b"012")
        sock.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n%s0\r\nt: v\r\n\r\n" % chunks)
        assert read_reply(sock) == (200, b"012")
        sock.sendall(GET)
        assert read_reply(sock) == (200, b"012")
    assert counters(running.endpoint)["bytes_in"] > 2 * len(body)


def test_a_client_that_waits_before_its_body_is_told_to_go_on(start: Start) -> None:
    with connected(start()) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"ab")
        assert read_reply(sock)[0] == 200


def test_pipelined_requests_are_answered_in_order(start: Start) -> None:
    running = start("--service-time", "100us")
    sizes = list(range(1, 200))
    requests = b"".join(b"GET /?bytes=%d HTTP/1.1\r\nhost: x\r\n\r\n" % size for size in sizes)
    last = b"GET /?bytes=0 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = exchange(running, requests + last)
    assert [int(part.split(b"\r\n")[0]) for part in answer.split(b"content-length: ")[1:]] == [*sizes, 0]


def test_a_request_that_comes_byte_by_byte_is_understood(start: Start) -> None:
    with connected(start("--response-bytes", "2")) as sock:
        for byte in b"POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n":
            sock.sendall(bytes([byte]))
        assert read_reply(sock) == (200, b"01")


def test_http_1_0_closes_unless_it_asks_not_to(start: Start) -> None:
    running = start("--response-bytes", "1")
    assert exchange(running, b"GET / HTTP/1.0\r\n\r\n").endswith(b"connection: close\r\n\r\n0")
    with connected(running) as sock:
        for _ in range(2):
            sock.sendall(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            assert read_reply(sock) == (200, b"0")


def test_a_client_that_closes_its_side_still_gets_its_reply(start: Start) -> None:
    with connected(start("--response-bytes", "4", "--service-time", "20ms")) as sock:
        sock.sendall(GET)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock).endswith(b"\r\n\r\n0123")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nbroken line\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnot hex\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nlong: " + b"y" * 200_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 500 + b"\r\n", 431),
        (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 400),
    ],
)
def test_a_malformed_request_is_refused_and_the_server_goes_on(start: Start, text: bytes, status: int) -> None:
    running = start()
    with connected(running) as healthy:
        assert exchange(running, text).startswith(b"HTTP/1.1 %d " % status)
        healthy.sendall(GET)
        assert read_reply(healthy)[0] == 200
    found = counters(running.endpoint)
    assert (found[f"status.{status}"], found["status.200"], found["requests"]) == (1, 1, 1)


def test_clients_that_leave_at_any_moment_harm_nobody(start: Start) -> None:
    running = start("--response-bytes", "500000", "--service-time", "1ms")
    for cut in range(0, len(GET) + 1, 3):
        with connected(running) as sock:
            sock.sendall(GET[:cut])
            if cut % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with connected(running) as sock:
        sock.sendall(GET)
        assert len(read_reply(sock)[1]) == 500_000
    assert poll(lambda: counters(running.endpoint)["connections_open"] == 0)


def test_statuses_come_in_their_share_and_repeat_with_the_seed(start: Start) -> None:
    def answered(seed: str) -> tuple[list[int], int]:
        running = start("--status", "503:0.2", "--status", "404:0.05", "--seed", seed, "--response-bytes", "0")
        with connected(running) as sock:
            statuses = []
            for _ in range(3000):
                sock.sendall(GET)
                statuses.append(int(sock.recv(1000)[9:12]))
        return statuses, counters(running.endpoint)["status.503"]

    first, counted = answered("1")
    assert counted == first.count(503)
    # Five standard deviations of a binomial share.
    assert first.count(503) / 3000 == pytest.approx(0.2, abs=0.037)
    assert first.count(404) / 3000 == pytest.approx(0.05, abs=0.02)
    assert answered("1")[0] == first
    assert answered("2")[0] != first


def test_counters_count_what_was_done(start: Start) -> None:
    running = start("--response-bytes", "100")
    with connected(running) as sock:
        sock.sendall(GET)
        size = len(sock.recv(1000))
        assert poll(lambda: counters(running.endpoint)["bytes_out"] == size)
        found = counters(running.endpoint)
        assert found["connections_open"] == 1
    assert found["requests"] == found["connections"] == found["status.200"] == 1
    assert (found["bytes_in"], found["bytes_out"], found["tls_handshakes"]) == (len(GET), size, 0)
    assert found["started_monotonic_ns"] == running.ready["started_monotonic_ns"]


def test_two_workers_share_the_connections(start: Start) -> None:
    running = start("--workers", "2")
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(connected(running))
            sock.sendall(GET)
            assert read_reply(sock)[0] == 200
        assert counters(running.endpoint)["connections_open"] == 20


def test_a_constant_service_time_is_exact(start: Start) -> None:
    running = start("--service-time", "300us")
    with connected(running) as sock:
        times = []
        for _ in range(200):
            begin = time.perf_counter_ns()
            sock.sendall(GET)
            sock.recv(4096)
            times.append((time.perf_counter_ns() - begin) / 1e3)
    assert min(times) >= 300
    assert 300 <= statistics.median(times) <= 550


def test_waiting_requests_do_not_wait_for_each_other_but_busy_ones_do(start: Start) -> None:
    def together(*options: str) -> float:
        running = start("--service-time", "30ms", *options)
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(connected(running)) for _ in range(5)]
            begin = time.perf_counter()
            for sock in socks:
                sock.sendall(GET)
            for sock in socks:
                read_reply(sock)
            return time.perf_counter() - begin

    assert 0.030 <= together() < 0.120
    assert together("--busy") >= 0.150


def test_a_request_in_a_stall_waits_until_its_end(start: Start) -> None:
    period_s, stall_s = 0.4, 0.2
    running = start("--stall", "200ms/400ms")
    origin_s = float(str(running.ready["started_monotonic_ns"])) / 1e9
    with connected(running) as sock:
        for phase_s in (0.1, 0.25, 0.3):
            now = time.monotonic()
            period = origin_s + (int((now - origin_s) / period_s) + 1) * period_s
            time.sleep(period + phase_s - time.monotonic())
            sock.sendall(GET)
            sent = time.monotonic()
            sock.recv(4096)
            answered = time.monotonic()
            stalled = (sent - origin_s) % period_s >= period_s - stall_s
            assert stalled == (phase_s > 0.2), "the machine was too busy to send in time"
            if stalled:
                assert 0 <= answered - (period + period_s) < 0.15
            else:
                assert answered - sent < 0.1


def test_a_stall_of_some_connections_leaves_the_others_alone(start: Start) -> None:
    running = start("--stall", "900ms/1000ms", "--stall-connections", "0.5")
    origin_s = float(str(running.ready["started_monotonic_ns"])) / 1e9
    with connected(running) as first, connected(running) as second:
        # Phase 0.3 of the next period: 0.7 s of stall are left.
        wake = origin_s + int(time.monotonic() - origin_s + 1) + 0.3
        time.sleep(wake - time.monotonic())
        sent = time.monotonic()
        first.sendall(GET)
        second.sendall(GET)
        first.recv(4096)
        assert time.monotonic() - sent < 0.3
        second.recv(4096)
        assert 0 <= time.monotonic() - (wake + 0.7) < 0.2


def test_an_address_that_is_taken_ends_with_5_and_names_it(start: Start) -> None:
    running = start()
    for extra in ([], ["--workers", "2"]):
        line = [str(executable()), "--listen", running.endpoint.address, *extra]
        second = subprocess.run(line, capture_output=True, text=True, timeout=5)
        assert second.returncode == 5
        assert running.endpoint.address in second.stderr
        assert second.stdout == ""


def test_wrong_usage_ends_with_2_and_says_why() -> None:
    for options, named in (
        (["--listen", "0.0.0.0:0"], "--allow-any-address"),
        (["--listen", "127.0.0.1:0", "--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"], "/nonexistent"),
        ([], "--listen"),
    ):
        ended = subprocess.run([str(executable()), *options], capture_output=True, text=True, timeout=5)
        assert ended.returncode == 2
        assert named in ended.stderr


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_told_to_even_in_a_stall(start: Start, sent: signal.Signals) -> None:
    running = start("--stall", "59s/60s")
    with connected(running) as sock:
        time.sleep(1.05)  # into the stall, whose start is a matter of the clock and cannot be polled
        sock.sendall(GET)
        running.process.send_signal(sent)
        assert running.process.wait(timeout=2) == 0


def test_it_ends_by_itself_after_its_time(start: Start) -> None:
    assert start("--seconds", "0.2").process.wait(timeout=3) == 0


def test_an_identity_header_is_believed_from_the_trusted_peer_only(start: Start) -> None:
    running = start("--identity-header", "x-forwarded-client-cert", "--trusted-peer", "127.0.0.7")
    header = {"x-forwarded-client-cert": 'By=spiffe://t/s;Hash=00;Subject="CN=x,y";URI=spiffe://t/caller'}
    believed = ask(running.endpoint.address, "/whoami", headers=header, source_address="127.0.0.7").json()
    assert (believed["identity"], believed["identity_source"]) == ("spiffe://t/caller", "header")
    forged = ask(running.endpoint.address, "/whoami", headers=header, source_address="127.0.0.8").json()
    assert (forged["identity"], forged["identity_source"]) == (None, None)
    assert forged["headers"]["x-forwarded-client-cert"] == header["x-forwarded-client-cert"]
    assert forged["peer"].startswith("127.0.0.8:")
    without_rule = start()
    assert (
        ask(without_rule.endpoint.address, "/whoami", headers=header, source_address="127.0.0.7").json()["identity"]
        is None
    )


def test_a_plain_client_gets_nothing_from_a_tls_listener(start: Start, pki: Pki) -> None:
    certificate, key = pki.issue("server", "spiffe://t/server")
    running = start("--tls-cert", str(certificate), "--tls-key", str(key))
    assert b"HTTP" not in exchange(running, GET)
    assert poll(lambda: counters(running.endpoint)["tls_failures"] == 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(pki.ca)
    with connected(running) as sock, context.wrap_socket(sock) as secure:
        secure.sendall(b"GET /?bytes=300000 HTTP/1.1\r\nhost: x\r\n\r\n")
        status, body = read_reply(secure)
        assert (status, len(body)) == (200, 300_000)
    assert poll(lambda: counters(running.endpoint)["tls_handshakes"] == 1)
    assert counters(running.endpoint)["status.200"] == 1

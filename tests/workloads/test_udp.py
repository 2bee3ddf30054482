"""Datagrams and their counted faults, as a client with a plain socket sees them."""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator

import pytest

from meshperf.workloads import counters, executable

from .conftest import Running, Start, poll

pytestmark = pytest.mark.needs_native

TIMEOUT_S = 3.0


@contextlib.contextmanager
def connected(running: Running) -> Iterator[socket.socket]:
    assert running.endpoint.udp is not None
    host, _, port = running.endpoint.udp.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect((host, int(port)))
        yield sock


def receive(sock: socket.socket, count: int) -> list[int]:
    """The next `count` answers, each a number."""
    return [int(sock.recv(65_536)) for _ in range(count)]


def is_silent(sock: socket.socket, within_s: float) -> bool:
    sock.settimeout(within_s)
    try:
        sock.recv(65_536)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(TIMEOUT_S)
    return False


def send(sock: socket.socket, numbers: range) -> None:
    for number in numbers:
        sock.send(str(number).encode())


@pytest.mark.parametrize("size", [0, 1, 1472, 65_507])
def test_a_datagram_comes_back_as_it_was_sent(start: Start, size: int) -> None:
    running = start("--udp", "127.0.0.1:0")
    payload = (bytes(range(256)) * 256)[:size]
    with connected(running) as sock:
        sock.send(payload)
        assert sock.recv(65_536) == payload
    seen = counters(running.endpoint)
    assert (seen["udp_in"], seen["udp_out"], seen["udp_bytes_in"], seen["udp_bytes_out"]) == (1, 1, size, size)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_client_gets_its_own_datagrams_in_their_order(start: Start, workers: str) -> None:
    running = start("--udp", "127.0.0.1:0", "--workers", workers)
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(connected(running)) for _ in range(8)]
        for first in range(0, 160, 40):
            for index, sock in enumerate(socks):
                send(sock, range(1000 * index + first, 1000 * index + first + 40))
            for index, sock in enumerate(socks):
                assert receive(sock, 40) == list(range(1000 * index + first, 1000 * index + first + 40))
    seen = counters(running.endpoint)
    assert (seen["udp_in"], seen["udp_out"], seen["udp_unsent"], seen["udp_overrun"]) == (1280, 1280, 0, 0)


def test_every_nth_datagram_is_left_unanswered(start: Start) -> None:
    running = start("--udp", "127.0.0.1:0", "--udp-drop", "4")
    with connected(running) as sock:
        send(sock, range(1, 41))
        assert receive(sock, 30) == [number for number in range(1, 41) if number % 4]
        assert is_silent(sock, 0.1)
    seen = counters(running.endpoint)
    assert (seen["udp_in"], seen["udp_dropped"], seen["udp_out"]) == (40, 10, 30)


def test_every_nth_answer_comes_twice(start: Start) -> None:
    running = start("--udp", "127.0.0.1:0", "--udp-duplicate", "5")
    with connected(running) as sock:
        send(sock, range(1, 21))
        assert receive(sock, 24) == sorted([*range(1, 21), 5, 10, 15, 20])
        assert is_silent(sock, 0.1)
    seen = counters(running.endpoint)
    assert (seen["udp_in"], seen["udp_duplicated"], seen["udp_out"]) == (20, 4, 24)


def test_every_nth_answer_is_overtaken_by_the_next(start: Start) -> None:
    running = start("--udp", "127.0.0.1:0", "--udp-reorder", "3")
    with connected(running) as sock:
        send(sock, range(1, 9))
        assert receive(sock, 8) == [1, 2, 4, 3, 5, 7, 6, 8]
    assert counters(running.endpoint)["udp_reordered"] == 2


def test_an_answer_that_nothing_overtakes_goes_out_late_and_is_not_counted(start: Start) -> None:
    running = start("--udp", "127.0.0.1:0", "--udp-reorder", "2")
    with connected(running) as sock, connected(running) as other:
        send(sock, range(1, 3))
        assert receive(sock, 1) == [1]
        begin = time.monotonic()
        send(other, range(7, 8))
        assert receive(other, 1) == [7]
        assert receive(sock, 1) == [2]
        assert 0.05 < time.monotonic() - begin < 1.0
    seen = counters(running.endpoint)
    assert (seen["udp_reordered"], seen["udp_out"]) == (0, 3)


def test_faults_together_are_those_of_the_documented_rule(start: Start) -> None:
    running = start("--udp", "127.0.0.1:0", "--udp-drop", "10", "--udp-duplicate", "6", "--udp-reorder", "4")
    with connected(running) as sock:
        expected: list[int] = []
        held: int | None = None
        answers = (number for number in range(1, 41) if number % 10)
        for position, number in enumerate(answers, start=1):
            if position % 6 and position % 4 == 0 and held is None:
                held = number
                continue
            expected += [number] if position % 6 else [number, number]
            if held is not None:
                expected.append(held)
                held = None
        send(sock, range(1, 41))
        # The last answer may still be held; then it comes alone.
        expected += [held] if held is not None else []
        assert receive(sock, len(expected)) == expected


def test_every_datagram_waits_for_its_service_time_and_not_for_the_others(start: Start) -> None:
    running = start("--udp", "127.0.0.1:0", "--service-time", "20ms")
    with connected(running) as sock:
        begin = time.perf_counter()
        send(sock, range(30))
        assert receive(sock, 30) == list(range(30))
        assert 0.020 <= time.perf_counter() - begin < 0.2
        times = []
        for _ in range(10):
            begin = time.perf_counter()
            sock.send(b"0")
            sock.recv(10)
            times.append(time.perf_counter() - begin)
        assert 0.020 <= statistics.median(times) < 0.030


def test_a_busy_service_takes_one_datagram_after_the_other(start: Start) -> None:
    running = start("--udp", "127.0.0.1:0", "--service-time", "10ms", "--busy")
    with connected(running) as sock:
        begin = time.perf_counter()
        send(sock, range(10))
        assert receive(sock, 1) == [0]
        first_s = time.perf_counter() - begin
        assert receive(sock, 9) == list(range(1, 10))
        assert first_s < time.perf_counter() - begin
        assert 0.010 <= first_s < 0.090
        assert time.perf_counter() - begin >= 0.100


def test_what_the_kernel_had_to_throw_away_in_a_stall_is_counted(start: Start) -> None:
    running = start("--udp", "127.0.0.1:0", "--stall", "59s/60s")
    with connected(running) as sock:
        time.sleep(1.05)  # into the stall, whose start is a matter of the clock and cannot be polled
        payload = bytes(60_000)
        for _ in range(400):
            sock.send(payload)
        assert poll(lambda: counters(running.endpoint)["udp_overrun"] > 0)
        assert counters(running.endpoint)["udp_out"] == 0


def test_an_address_that_is_taken_ends_with_5_and_names_it(start: Start) -> None:
    running = start("--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0")
    for option, address in (("--udp", running.endpoint.udp), ("--tcp", running.endpoint.tcp)):
        assert address is not None
        for workers in ("1", "2"):
            line = [str(executable()), "--listen", "127.0.0.1:0", option, address, "--workers", workers]
            second = subprocess.run(line, capture_output=True, text=True, timeout=5)
            assert second.returncode == 5
            assert address in second.stderr

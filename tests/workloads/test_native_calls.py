"""Services that call others: real chains and fans of processes on loopback, their latencies and counts known."""

from __future__ import annotations

import contextlib
import http.client
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from meshperf.environments.asking import ask
from meshperf.histograms import Histogram

from .conftest import Running, Start, poll

pytestmark = pytest.mark.needs_native

WITHIN_S = 10.0


def told(running: Running, path: str = "/counters") -> Mapping[str, Any]:
    answer = ask(running.endpoint.admin, path).json()
    assert answer is not None
    return answer


def to(name: str, running: Running, *keys: str) -> tuple[str, str]:
    """A `--call` of this running service."""
    return "--call", ",".join([f"{name}={running.endpoint.address}", *keys])


def same_bytes(caller: Running, callee: Running) -> bool:
    """Whether both counted the same bytes between them; the callee counts some microseconds after they moved."""
    out, back = told(caller), told(callee)
    return (out["call_bytes_out"], out["call_bytes_in"]) == (back["bytes_in"], back["bytes_out"])


@contextlib.contextmanager
def client(running: Running) -> Iterator[http.client.HTTPConnection]:
    host, port = running.at
    connection = http.client.HTTPConnection(host, port, timeout=WITHIN_S)
    try:
        yield connection
    finally:
        connection.close()


def get(connection: http.client.HTTPConnection, **headers: str) -> tuple[int, bytes]:
    connection.request("GET", "/", headers=headers)
    reply = connection.getresponse()
    return reply.status, reply.read()


def timed(connection: http.client.HTTPConnection, count: int) -> list[float]:
    """How long each of `count` requests took [s]; all of them are answered well."""
    times = []
    for _ in range(count):
        begin = time.monotonic()
        assert get(connection)[0] == 200
        times.append(time.monotonic() - begin)
    return times


@pytest.fixture
def dead() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_a_chain_takes_the_sum_of_its_hops_and_its_counts_add_up(start: Start) -> None:
    last = start("--service-time", "5ms", "--response-bytes", "10")
    middle = start("--service-time", "5ms", "--response-bytes", "20", *to("last", last))
    entry = start("--service-time", "5ms", "--response-bytes", "30", *to("middle", middle))
    with client(last) as connection:
        hop = timed(connection, 1)[0]
    with client(entry) as connection:
        times = timed(connection, 40)
        assert get(connection) == (200, b"0123456789abcdefghijklmnopqrst")
    assert min(times) >= 0.015
    assert statistics.median(times) < 4 * max(hop, 0.005)
    counts = [told(service) for service in (entry, middle, last)]
    assert [found["requests"] for found in counts] == [41, 41, 42]
    assert [found["calls"] for found in counts] == [41, 41, 0]
    assert [found["by_call"] for found in counts] == [
        {"middle": {"sent": 41, "ok": 41, "failed": 0}},
        {"last": {"sent": 41, "ok": 41, "failed": 0}},
        {},
    ]
    assert [found["by_status"] for found in counts] == [{"200": 41}, {"200": 41}, {"200": 42}]
    assert poll(lambda: same_bytes(entry, middle))


def test_the_hops_of_a_chain_can_be_summed_from_the_inside(start: Start) -> None:
    last = start("--service-time", "3ms")
    middle = start("--service-time", "6ms", *to("last", last))
    entry = start(*to("middle", middle))
    with client(entry) as connection:
        outside = timed(connection, 50)
    hop, inner = told(entry, "/calls")["middle"], told(middle, "/calls")["last"]
    assert (hop["count"], inner["count"]) == (50, 50)
    assert 3e6 <= inner["mean_ns"] < hop["mean_ns"] - 6e6
    assert 9e6 <= hop["mean_ns"] < 1e9 * statistics.mean(outside)
    for found in (hop, inner):
        histogram = Histogram.from_pairs(found["histogram"])
        assert histogram.total == 50
        assert found["p50_ns"] / 1e9 == pytest.approx(float(histogram.quantile(0.5)), rel=0.05)
        assert found["p50_ns"] <= found["p99_ns"] <= found["max_ns"] * 1.001
    assert told(last, "/calls") == {}


def test_a_stage_takes_the_time_of_one_call_and_stages_take_their_sum(start: Start) -> None:
    leaf = start("--service-time", "20ms")
    beside = start(*to("a", leaf, "times=3"), *to("b", leaf, "times=2"))
    behind = start(*to("a", leaf), *to("b", leaf, "stage=3"))
    with client(beside) as one, client(behind) as two:
        once, twice = timed(one, 10), timed(two, 10)
    assert min(once) >= 0.020
    assert min(twice) >= 0.040
    assert statistics.median(once) < 0.75 * statistics.median(twice)
    assert told(beside)["by_call"]["a"]["ok"] == 30 and told(beside)["by_call"]["b"]["ok"] == 20
    assert told(leaf)["requests"] == 50 + 20


def test_a_share_of_the_requests_makes_a_call_and_a_seed_repeats_which(start: Start) -> None:
    leaf = start("--response-bytes", "1")
    entry = start("--seed", "5", *to("a", leaf, "share=0.5"), *to("b", leaf))
    with client(entry) as connection:
        timed(connection, 1000)
    found = told(entry)["by_call"]
    # Six standard deviations of a fair coin.
    assert abs(found["a"]["sent"] - 500) < 95
    assert found["b"]["sent"] == 1000
    assert told(leaf)["requests"] == found["a"]["sent"] + 1000
    again = start("--seed", "5", "--status", "500:0.5", *to("a", leaf, "share=0.5"))
    with client(again) as connection:
        for _ in range(1000):
            get(connection)
    assert told(again)["by_call"]["a"]["sent"] == found["a"]["sent"]


def test_a_callee_that_fails_makes_the_reply_a_502_after_the_retries(start: Start) -> None:
    bad = start("--status", "503:1")
    entry = start("--call-retries", "2", *to("bad", bad))
    with client(entry) as connection:
        for _ in range(10):
            assert get(connection) == (502, b"a call to another service failed\n")
    found = told(entry)
    assert (found["calls"], found["call_retries"], found["call_failures"]) == (10, 20, 10)
    assert found["by_call"] == {"bad": {"sent": 10, "ok": 0, "failed": 10}}
    assert found["by_status"] == {"502": 10}
    assert told(bad)["by_status"] == {"503": 30}
    assert found["call_connections"] == 1


def test_retries_hide_failures_that_are_rare_enough(start: Start) -> None:
    flaky = start("--status", "503:0.3")
    entry = start("--call-retries", "20", *to("flaky", flaky))
    with client(entry) as connection:
        timed(connection, 200)
    found, below = told(entry), told(flaky)
    assert found["by_call"]["flaky"] == {"sent": 200, "ok": 200, "failed": 0}
    assert found["call_retries"] == below["by_status"]["503"] > 0
    assert below["requests"] == 200 + found["call_retries"]


def test_what_a_caller_did_wrong_is_no_failure_of_its_callee(start: Start) -> None:
    entry = start("--call-retries", "3", *to("b", start("--status", "404:1")))
    with client(entry) as connection:
        assert get(connection)[0] == 200
    found = told(entry)
    assert (found["call_retries"], found["call_failures"]) == (0, 0)


def test_a_callee_that_is_not_there_fails_every_call_at_once(start: Start, dead: str) -> None:
    entry = start("--call-retries", "1", "--call", f"gone={dead},times=200", "--call-connections", "2")
    with client(entry) as connection:
        assert get(connection)[0] == 502
    found = told(entry)
    assert found["by_call"]["gone"] == {"sent": 200, "ok": 0, "failed": 200}
    assert (found["call_retries"], found["call_connections"]) == (200, 0)


def test_a_callee_that_is_killed_gives_502_until_another_takes_its_place(start: Start) -> None:
    leaf = start("--service-time", "1ms")
    entry = start(*to("leaf", leaf, "times=3"))
    with client(entry) as connection:
        timed(connection, 20)
        leaf.process.kill()
        leaf.process.wait(WITHIN_S)
        assert [get(connection)[0] for _ in range(5)] == [502] * 5
        with socket.create_server(leaf.at, reuse_port=False) as other:
            server = threading.Thread(target=answer_three, args=(other,), daemon=True)
            server.start()
            assert get(connection)[0] == 200
            server.join(WITHIN_S)
    found = told(entry)
    assert found["by_call"]["leaf"] == {"sent": 78, "ok": 63, "failed": 15}
    assert found["by_status"] == {"200": 21, "502": 5}


def answer_three(listener: socket.socket) -> None:
    """Answer one request on each of three connections."""
    with contextlib.ExitStack() as stack:
        listener.settimeout(WITHIN_S)
        for _ in range(3):
            connection, _ = listener.accept()
            stack.enter_context(connection)
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


def test_a_callee_that_dies_with_a_request_in_hand_fails_it(start: Start) -> None:
    leaf = start("--service-time", "30s")
    entry = start(*to("leaf", leaf))
    with client(entry) as connection:
        connection.request("GET", "/")
        assert poll(lambda: told(leaf)["requests"] == 1)
        leaf.process.kill()
        assert connection.getresponse().status == 502


def test_an_attempt_that_takes_too_long_is_given_up(start: Start) -> None:
    slow = start("--service-time", "30s")
    entry = start("--call-timeout", "40ms", "--call-retries", "2", *to("slow", slow))
    with client(entry) as connection:
        begin = time.monotonic()
        assert get(connection)[0] == 502
        assert 0.120 <= time.monotonic() - begin < 1.0
    found = told(entry)
    assert (found["call_timeouts"], found["call_retries"], found["call_failures"]) == (3, 2, 1)
    assert told(slow)["connections"] == 3, "what may still be answered is of no use for another call"


def test_calls_in_time_are_left_alone(start: Start) -> None:
    entry = start("--call-timeout", "2s", *to("leaf", start("--service-time", "1ms")))
    with client(entry) as connection:
        timed(connection, 100)
    assert told(entry)["call_timeouts"] == 0


def test_connections_are_kept_and_used_again(start: Start) -> None:
    leaf = start("--response-bytes", "100000")
    entry = start(*to("leaf", leaf, "times=4"), *to("other", leaf, "stage=1,bytes=50000"))
    with client(entry) as connection:
        timed(connection, 1000)
    found = told(entry)
    assert found["calls"] == 5000
    assert found["call_connections"] == 5 == told(leaf)["connections"]
    assert found["call_bytes_out"] > 1000 * 50_000


def test_no_more_connections_are_open_than_the_option_says(start: Start) -> None:
    leaf = start("--service-time", "2ms")
    entry = start("--call-connections", "3", *to("leaf", leaf, "times=12"))
    with client(entry) as connection:
        times = timed(connection, 10)
    assert min(times) >= 4 * 0.002, "twelve calls over three connections are four rounds"
    assert told(leaf)["connections"] == 3


def test_many_clients_are_served_side_by_side_by_several_workers(start: Start) -> None:
    leaf = start("--service-time", "10ms", "--workers", "2")
    entry = start("--workers", "2", *to("leaf", leaf, "times=2"))

    def visit() -> None:
        with client(entry) as connection:
            timed(connection, 20)

    visitors = [threading.Thread(target=visit) for _ in range(16)]
    begin = time.monotonic()
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(WITHIN_S)
    assert time.monotonic() - begin < 16 * 20 * 0.010 / 2
    found = told(entry)
    assert found["by_call"]["leaf"] == {"sent": 640, "ok": 640, "failed": 0}
    assert told(leaf)["requests"] == 640
    assert found["call_connections"] <= 32
    assert told(entry, "/calls")["leaf"]["count"] == 640


def test_pipelined_requests_each_make_their_calls_in_order(start: Start) -> None:
    leaf = start()
    entry = start("--response-bytes", "1", *to("leaf", leaf))
    sizes = list(range(2, 102))
    with socket.create_connection(entry.at, WITHIN_S) as connection:
        connection.sendall(b"".join(b"GET /?bytes=%d HTTP/1.1\r\nhost: x\r\n\r\n" % size for size in sizes))
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert [int(part.split(b"\r\n")[0]) for part in answer.split(b"content-length: ")[1:]] == [*sizes, 1]
    assert told(leaf)["requests"] == 101


def test_a_busy_service_answers_while_its_calls_are_under_way(start: Start) -> None:
    leaf = start("--service-time", "20ms")
    entry = start("--service-time", "1ms", "--busy", *to("leaf", leaf))
    with socket.create_connection(entry.at, WITHIN_S) as first, client(entry) as second:
        first.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        times = timed(second, 10)
        assert first.recv(65_536).startswith(b"HTTP/1.1 200 ")
    with client(leaf) as connection:
        alone = timed(connection, 10)
    assert min(times) >= 0.021
    assert statistics.median(times) < 1.6 * statistics.median(alone)


def test_a_client_that_leaves_does_not_end_the_calls_of_its_request(start: Start) -> None:
    leaf = start("--service-time", "50ms")
    entry = start(*to("leaf", leaf), *to("leaf", leaf, "stage=1"))
    with socket.create_connection(entry.at, WITHIN_S) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert poll(lambda: told(entry)["calls"] == 1)
    assert poll(lambda: told(entry)["by_call"]["leaf"]["ok"] == 2)


def test_questions_about_the_service_call_nobody(start: Start) -> None:
    entry = start(*to("leaf", start()))
    with client(entry) as connection:
        connection.request("GET", "/whoami")
        reply = connection.getresponse()
        assert reply.status == 200 and reply.read()
    assert told(entry)["calls"] == 0


def test_connections_that_a_stall_holds_are_answered_after_it(start: Start) -> None:
    leaf = start("--response-bytes", "1")
    entry = start(*to("leaf", leaf), "--stall", "150ms/300ms", "--stall-connections", "0.5")
    with client(entry) as first, client(entry) as second:
        timed(first, 1)
        timed(second, 1)
        slowest = []
        for connection in (first, second):
            until = time.monotonic() + 0.7
            times = []
            while time.monotonic() < until:
                times += timed(connection, 1)
            slowest.append(max(times))
    assert slowest[1] > 0.1 and slowest[0] < 0.5 * slowest[1], "one of the two is never stopped"
    found = told(entry)
    assert found["by_call"]["leaf"]["ok"] == found["requests"]

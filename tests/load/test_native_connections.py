"""Which connection a request goes out on, and what becomes of connections: the server's account is the truth."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from meshperf.load import Arrivals, NativeSession, Phase, Pooling, Selection, SessionPlan

from .accounts import assert_adds_up, measure
from .conftest import Script, Workload

pytestmark = pytest.mark.needs_native

Serve = Callable[[Callable[[socket.socket], None]], Script]
Constant = Callable[..., Phase]
Start = Callable[..., Workload]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class PerConnection:
    """A server that counts the requests of each connection, and waits before it answers."""

    def __init__(self, service_s: float = 0.0) -> None:
        self.requests: list[int] = []
        self.ages: list[float] = []
        """How old the connection was when each request came."""
        self._service_s = service_s
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        with self._lock:
            number = len(self.requests)
            self.requests.append(0)
        begin = time.monotonic()
        while connection.recv(65536):
            with self._lock:
                self.requests[number] += 1
                self.ages.append(time.monotonic() - begin)
            if self._service_s:
                time.sleep(self._service_s)
            connection.sendall(OK)

    @property
    def used(self) -> int:
        return sum(count > 0 for count in self.requests)


@pytest.mark.parametrize("pooling", Pooling)
def test_half_of_the_connections_stalled_is_theory_for_each_model(start_workload: Start, constant, pooling):
    # 200 ms of each second, half of the connections: a pool goes round them, pinned requests wait for theirs.
    stall_s, period_s, connections, rate = 0.2, 1.0, 20, 500.0
    workload = start_workload("--stall", "200ms/1000ms", "--stall-connections", "0.5")
    phase = constant(rate=rate, duration_s=2.0, drain_s=1.0)
    recorded = measure(workload.target(connections=connections, pooling=pooling), phase).phases[0]
    assert recorded.counts.ok == recorded.counts.offered == 1000
    stalls = round(phase.duration_s / period_s)
    if pooling is Pooling.POOLED:
        # One request for each stalled connection and stall at most runs into it; all others find another connection.
        waited = recorded.response.share_above(0.02) * recorded.response.total
        assert waited <= stalls * connections / 2 + 20
        assert recorded.response.quantile(0.9) < 0.02
    else:
        # A tenth of all requests is due in a stall of its connection, and waits for what is left of it, evenly.
        assert recorded.response.quantile(0.85) < 0.05
        expected = stall_s - (1 - 0.99) * period_s / 0.5
        assert recorded.response.quantile(0.99) == pytest.approx(expected, abs=0.03)
        assert recorded.response.quantile(0.95) == pytest.approx(stall_s - 0.05 * period_s / 0.5, abs=0.03)


def test_pinned_connections_share_a_constant_rate_evenly(serve: Serve, constant: Constant):
    server = PerConnection()
    target = serve(server).target(connections=7, pooling=Pooling.PINNED)
    recorded = measure(target, constant(rate=700.0, duration_s=0.5), workers=2).phases[0]
    assert recorded.counts.ok == 350
    assert server.requests == [50] * 7


def test_pinned_requests_wait_for_their_connection_and_it_is_not_the_client(serve: Serve, constant: Constant):
    # 100/s over 4 connections is one each 40 ms; each takes 60 ms: every queue grows by 20 ms a request.
    server = PerConnection(service_s=0.06)
    phase = constant(rate=100.0, duration_s=0.4, drain_s=2.0)
    recorded = measure(serve(server).target(connections=4, pooling=Pooling.PINNED), phase).phases[0]
    assert recorded.counts.ok == 40
    assert server.requests == [10] * 4
    assert recorded.response.maximum() == pytest.approx(9 * 0.02 + 0.06, abs=0.08)
    assert recorded.response.maximum() > 0.23
    assert recorded.client_delay.quantile(0.5) < 0.01


@pytest.mark.parametrize("selection", Selection)
def test_selection_decides_how_many_connections_are_used(serve: Serve, constant: Constant, selection: Selection):
    server = PerConnection()
    phase = constant(rate=100.0, duration_s=0.6, seed=3)
    recorded = measure(serve(server).target(connections=20, selection=selection), phase).phases[0]
    assert recorded.counts.ok == 60
    match selection:
        case Selection.FIFO:
            # The longest idle first: three rounds of twenty.
            assert server.used == 20
            assert max(server.requests) <= 6
        case Selection.LIFO:
            # The last used is free again by the next request, but for a hiccup.
            assert server.used <= 5
        case Selection.RANDOM:
            # Of 60 draws from 20, each is missed with 0.95^60 = 5 %.
            assert 14 <= server.used <= 20
            assert len(set(server.requests)) > 2


def test_a_pool_grows_as_due_requests_need_it_and_not_beyond(serve: Serve, constant: Constant):
    # 200/s of 50 ms each are 10 at a time.
    server = PerConnection(service_s=0.05)
    phase = constant(rate=200.0, duration_s=1.0)
    recording = measure(serve(server).target(connections=1, max_connections=40), phase)
    facts = recording.connections[0]
    assert recording.phases[0].counts.ok == 200
    assert facts.opened == 1 + facts.grown == len(server.requests)
    assert 9 <= facts.opened <= 20


def test_one_waiting_request_opens_one_connection(serve: Serve):
    server = PerConnection(service_s=0.2)
    trace = (0.0, 0.02, 0.1)
    phase = Phase(target=0, duration_s=0.2, arrivals=Arrivals.TRACE, trace_s=trace)
    recording = measure(serve(server).target(connections=1, max_connections=30), phase)
    assert recording.phases[0].counts.ok == 3
    assert recording.connections[0].grown == 2
    assert len(server.requests) == 3


def test_growth_ends_at_its_bound(serve: Serve):
    server = PerConnection(service_s=0.05)
    phase = Phase(target=0, duration_s=0.3, arrivals=Arrivals.CLOSED, in_flight=50)
    recording = measure(serve(server).target(connections=2, max_connections=6), phase, workers=2)
    assert recording.connections[0].grown == 4
    assert len(server.requests) == 6
    assert recording.phases[0].counts.ok <= 6 * 7


@pytest.mark.parametrize(("protocol", "streams"), [("http1", 1), ("http2", 1), ("http2", 8)])
def test_a_connection_carries_as_many_requests_as_it_may(start_workload: Start, constant, protocol, streams):
    workload = start_workload("--admin", "127.0.0.1:0")
    target = workload.target(protocol=protocol, streams=streams, connections=2, requests_per_connection=10)
    recording = measure(target, constant(rate=1000.0, duration_s=0.4))
    facts, counts = recording.connections[0], recording.phases[0].counts
    assert counts.ok == counts.offered == 400
    # Each connection is full but the last two, and one is opened anew for each that was retired.
    assert 38 <= facts.retired <= 40
    assert facts.opened + facts.reopened == workload.counters()["connections"]
    assert 40 <= facts.opened + facts.reopened <= 42


def test_eight_streams_at_a_time_do_not_exceed_the_requests_of_a_connection(start_workload: Start):
    workload = start_workload("--admin", "127.0.0.1:0", "--service-time", "5ms")
    target = workload.target(protocol="http2", streams=8, connections=1, requests_per_connection=5)
    phase = Phase(target=0, duration_s=0.3, arrivals=Arrivals.CLOSED)
    recording = measure(target, phase)
    counts = recording.phases[0].counts
    assert counts.ok == counts.offered > 20
    assert workload.counters()["connections"] >= math.ceil(counts.ok / 5)


@pytest.mark.parametrize("arrivals", [Arrivals.CONSTANT, Arrivals.CLOSED])
@pytest.mark.parametrize("protocol", ["http1", "http1.0", "http2", "tcp"])
def test_a_connection_for_each_request_is_opened_as_a_part_of_it(start_workload: Start, constant, protocol, arrivals):
    workload = start_workload("--admin", "127.0.0.1:0", "--tcp", "127.0.0.1:0")
    changes = {"address": workload.ready["tcp"], "body": b"ping"} if protocol == "tcp" else {}
    target = workload.target(protocol=protocol, connections=4, requests_per_connection=1, **changes)
    phase = constant(rate=200.0)
    if arrivals is Arrivals.CLOSED:
        phase = Phase(target=0, duration_s=0.2, arrivals=arrivals)
    recording = measure(target, phase)
    facts, recorded = recording.connections[0], recording.phases[0]
    assert recorded.counts.ok == recorded.counts.offered > 0
    # One connection each at the beginning shows that the target is there; then one for each request.
    told = workload.counters()["tcp_connections" if protocol == "tcp" else "connections"]
    assert facts.opened + facts.reopened == told == 4 + recorded.counts.ok
    assert facts.connect.total == told


def test_the_time_to_connect_is_inside_the_response_time(start_workload: Start, constant: Constant):
    # While the service is stopped the kernel connects but nobody says the settings: opening lasts as long as that.
    workload = start_workload("--stall", "300ms/1000ms")
    target = workload.target(protocol="http2", connections=300, requests_per_connection=1)
    phase = constant(rate=200.0, duration_s=1.0)
    recorded = measure(target, phase, connect_timeout_s=5.0).phases[0]
    assert recorded.counts.ok == recorded.counts.offered == 200
    # Three tenths wait, evenly from 0 to 300 ms; nobody waits for a connection, each opens its own.
    assert recorded.response.quantile(0.9) == pytest.approx(0.2, abs=0.06)
    assert recorded.service.quantile(0.9) == pytest.approx(0.2, abs=0.06)
    assert recorded.pacing_error.quantile(0.9) < 0.02


@pytest.mark.parametrize("pooling", Pooling)
def test_no_request_goes_out_on_a_connection_that_is_too_old(serve: Serve, constant: Constant, pooling: Pooling):
    server = PerConnection()
    target = serve(server).target(connections=4, connection_age_s=0.15, pooling=pooling)
    # One request each 80 ms on each of four connections.
    recording = measure(target, constant(rate=50.0, duration_s=1.0))
    facts = recording.connections[0]
    assert recording.phases[0].counts.ok == 50
    assert max(server.ages) < 0.15 + 0.08
    # Each connection may come of age once more as the load ends, and is then not opened again.
    assert 0 <= facts.retired - facts.reopened <= 4
    assert facts.retired >= 12
    assert facts.opened + facts.reopened == len(server.requests)


def test_connections_are_of_age_while_nothing_is_under_way_on_them(serve: Serve, constant: Constant):
    # Slower than connections age: each request finds one that is too old.
    server = PerConnection()
    target = serve(server).target(connections=1, connection_age_s=0.05, pooling=Pooling.PINNED)
    recorded = measure(target, constant(rate=8.0, duration_s=1.0)).phases[0]
    assert recorded.counts.ok == 8
    assert max(server.ages) < 0.1


def test_counts_add_up_with_a_server_that_closes_now_and_then(serve: Serve):
    lives: Iterator[int] = iter(range(10_000))

    def closes(connection: socket.socket) -> None:
        left = next(lives) % 7 + 1
        while left and connection.recv(65536):
            connection.sendall(OK)
            left -= 1

    for pooling in Pooling:
        for workers in (1, 2):
            script = serve(closes)
            phases = [
                Phase(target=0, duration_s=0.2, arrivals=Arrivals.CLOSED),
                Phase(target=0, duration_s=0.2, arrivals=Arrivals.POISSON, rate=2000.0, lead_in_s=0.05),
            ]
            recording = measure(script.target(connections=6, pooling=pooling), *phases, workers=workers)
            for recorded in recording.phases:
                assert recorded.counts.ok > 20
                assert set(recorded.errors_by_reason) <= {"closed", "reset"}


def test_a_stall_across_the_end_leaves_due_minus_answered(start_workload: Start):
    # Stopped for the second half: whatever is due in it has no answer when the drain is given up.
    workload = start_workload("--stall", "3s/6s", "--admin", "127.0.0.1:0")
    begin_s = workload.started_monotonic_ns * 1e-9
    target = workload.target(connections=10)
    phase = Phase(target=0, duration_s=0.6, arrivals=Arrivals.POISSON, rate=1000.0, drain_s=0.2, seed=8)
    with NativeSession.open(SessionPlan(targets=(target,), workers=2)) as session:
        # The window's last 300 ms are in the stall, which begins 3 s after the service did.
        time.sleep(max(0.0, begin_s + 3.0 - 0.3 - time.monotonic()))
        recorded = session.run([phase]).phases[0]
    assert_adds_up(recorded, phase)
    answered = workload.counters()["by_status"]["200"]
    censored = recorded.counts.unanswered + recorded.counts.not_sent
    assert recorded.counts.errors == recorded.counts.timeouts == 0
    assert recorded.censored.total == censored == recorded.counts.offered - answered > 200
    assert recorded.counts.unanswered <= 10
    assert not recorded.drained
    # Lower bounds of their times: from the due time to the end of the drain, evenly over 0.2 to 0.5 s.
    assert recorded.censored.minimum() >= 0.2 - 0.01
    assert recorded.censored.quantile(0.5) == pytest.approx(0.35, abs=0.06)

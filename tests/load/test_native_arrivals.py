"""When requests are sent: every schedule against its arithmetic, closed loops against what their server sees."""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshperf.errors import UsageError
from meshperf.load import Arrivals, NativeSession, Phase, Pooling, SessionPlan, Target, merge, split

from .accounts import assert_adds_up, measure
from .conftest import Script, Workload

pytestmark = pytest.mark.needs_native

Serve = Callable[[Callable[[socket.socket], None]], Script]
Constant = Callable[..., Phase]
Start = Callable[..., Workload]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LATE_S = 0.1
"""What a machine that others use may do to one request."""


class Clocked:
    """A server that notes when each request was there, what it asked for, and how many were there at a time."""

    def __init__(self, service_s: float = 0.0) -> None:
        self.came: list[float] = []
        self.paths: Counter[str] = Counter()
        self.most_at_a_time = 0
        self._service_s = service_s
        self._here = 0
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        while data := connection.recv(4096):
            with self._lock:
                self.came.append(time.monotonic())
                self.paths[data.split(b" ", 2)[1].decode()] += 1
                self._here += 1
                self.most_at_a_time = max(self.most_at_a_time, self._here)
            if self._service_s:
                time.sleep(self._service_s)
            with self._lock:
                self._here -= 1
            connection.sendall(OK)


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize(
    ("rate", "rate_end", "duration_s"), [(0.0, 800.0, 0.5), (800.0, 0.0, 0.5), (100.0, 700.0, 0.5), (300.0, 300.0, 0.4)]
)
def test_a_ramp_offers_its_area(workload, constant, rate, rate_end, duration_s, pooling):
    phase = constant(rate=rate, rate_end=rate_end, duration_s=duration_s)
    recorded = measure(workload.target(pooling=pooling), phase, workers=2).phases[0]
    # Request n is due when the area under the rate is n, request 0 at once: a triangle of 200 holds numbers 0 to 199.
    assert recorded.counts.offered == recorded.counts.ok == round((rate + rate_end) / 2 * duration_s)


def test_the_requests_of_a_ramp_are_due_where_its_area_says(serve: Serve, constant: Constant):
    server = Clocked()
    recorded = measure(serve(server).target(), constant(rate=0.0, rate_end=200.0, duration_s=1.0)).phases[0]
    # n(t) = 100 t²: request n is due at sqrt(n / 100), the first ones far apart.
    due = np.sqrt(np.arange(100) / 100)
    came = np.array(server.came) - server.came[0]
    assert recorded.counts.ok == 100
    assert np.median(np.abs(came - due)) < LATE_S / 10
    assert np.max(np.abs(came - due)) < LATE_S


def test_a_poisson_ramp_has_the_area_as_its_mean(workload):
    phase = Phase(target=0, duration_s=0.5, arrivals=Arrivals.POISSON, rate=0.0, rate_end=4000.0, seed=5)
    recorded = measure(workload.target(connections=8), phase, workers=2, series_interval_s=0.25).phases[0]
    assert abs(recorded.counts.offered - 1000) < 5 * math.sqrt(1000)
    first, second = (part.offered for part in recorded.series.intervals)
    assert abs(first - 250) < 5 * math.sqrt(250)
    assert abs(second - 750) < 5 * math.sqrt(750)


@pytest.mark.parametrize("pooling", Pooling)
def test_a_trace_is_sent_when_it_says(serve: Serve, pooling: Pooling):
    server = Clocked()
    trace = (0.0, 0.01, 0.01, 0.2, 0.201, 0.45)
    phase = Phase(target=0, duration_s=0.5, arrivals=Arrivals.TRACE, trace_s=(*trace, 0.6), lead_in_s=0.05)
    recorded = measure(serve(server).target(connections=2, pooling=pooling), phase, series_interval_s=0.1).phases[0]
    assert recorded.counts.offered == recorded.counts.ok == len(trace)
    assert [part.offered for part in recorded.series.intervals] == [3, 0, 2, 0, 1]
    came = np.sort(np.array(server.came))
    assert np.max(np.abs(came - came[0] - np.array(trace))) < LATE_S
    assert np.median(np.abs(came - came[0] - np.array(trace))) < LATE_S / 10


def test_a_long_trace_over_many_pinned_connections_is_held_once(workload):
    times = tuple(index * 1e-5 for index in range(200_000))
    phase = Phase(target=0, duration_s=0.02, arrivals=Arrivals.TRACE, trace_s=times, drain_s=4.0)
    before = _resident_bytes()
    recorded = measure(workload.target(connections=100, pooling=Pooling.PINNED), phase).phases[0]
    assert recorded.counts.offered == 2000
    # 1.6 MB of times; a copy for each connection would be a hundred times that.
    assert _resident_bytes() - before < 120e6


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_quantum_puts_requests_off_to_its_multiples(workload, constant):
    phase = constant(rate=1000.0, duration_s=0.5, quantum_s=0.05)
    recorded = measure(workload.target(connections=64), phase).phases[0]
    assert recorded.counts.offered == recorded.counts.ok == 500
    sends = np.frombuffer(recorded.sends_per_ms, dtype="<u4")
    # Only request 0 is due at once; 50 each at 50, 100 … 450 ms; the last 49 at the end of the window.
    assert sends[:49].sum() == 1
    bursts = [int(sends[at : at + 25].sum()) for at in range(50, 500, 50)]
    assert np.median(bursts) == 50
    # Put off is put off: the wait is part of no response time.
    assert recorded.pacing_error.quantile(0.1) < 0.01


@pytest.mark.parametrize("protocol", ["http1", "http2"])
def test_think_time_makes_the_rate_of_a_closed_loop(start_workload: Start, protocol: str):
    workload = start_workload("--service-time", "10ms")
    users, think_s, service_s = 6, 0.04, 0.01
    target = workload.target(connections=users, protocol=protocol)
    phase = Phase(target=0, duration_s=1.0, arrivals=Arrivals.CLOSED, think_s=think_s)
    recorded = measure(target, phase, workers=2).phases[0]
    cycle_s = think_s + recorded.response.mean()
    assert recorded.response.minimum() >= service_s - 1e-4
    # N users, one request a cycle each; the first begins at once, so at most one more for each of them.
    expected = users * phase.duration_s / cycle_s
    assert 0.9 * expected - users <= recorded.counts.ok <= expected + users
    assert recorded.counts.ok <= users * math.ceil(phase.duration_s / (think_s + service_s))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("changes", [{"connections": 10}, {"connections": 10, "pooling": Pooling.PINNED}])
def test_in_flight_is_what_the_server_has_at_a_time(serve: Serve, workers: int, changes: dict[str, object]):
    server = Clocked(service_s=0.01)
    phase = Phase(target=0, duration_s=0.4, arrivals=Arrivals.CLOSED, in_flight=3)
    recorded = measure(serve(server).target(**changes), phase, workers=workers).phases[0]
    assert server.most_at_a_time == 3
    assert recorded.counts.ok <= 3 * 41


def test_in_flight_reaches_every_stream_whichever_worker_has_it(start_workload: Start):
    # Three connections of 4 streams on two workers are 8 places and 4: of eleven requests half do not fit on one.
    workload = start_workload("--service-time", "50ms")
    target = workload.target(connections=3, streams=4, protocol="http2")
    phase = Phase(target=0, duration_s=0.04, arrivals=Arrivals.CLOSED, in_flight=11)
    recorded = measure(target, phase, workers=2).phases[0]
    assert recorded.counts.offered == 11


def test_nothing_new_is_sent_in_the_drain_of_a_closed_loop(serve: Serve):
    # All connections are gone for the second half of the window: what waits for them must not begin after its end.
    numbers = iter(range(1000))
    closed_until = time.monotonic() + 0.9

    def gone_for_a_while(connection: socket.socket) -> None:
        if next(numbers) >= 2 and time.monotonic() < closed_until:
            return
        while connection.recv(4096):
            if time.monotonic() < closed_until and next(numbers) > 20:
                return
            connection.sendall(OK)

    phase = Phase(target=0, duration_s=0.4, arrivals=Arrivals.CLOSED, drain_s=1.0)
    recording = measure(serve(gone_for_a_while).target(connections=2), phase)
    recorded = recording.phases[0]
    assert recorded.counts.errors > 0
    assert recorded.drained_s < recorded.end_s + 0.5


def test_a_mix_follows_its_weights_and_its_seed(serve: Serve, constant: Constant):
    seen = []
    for _ in range(2):
        server = Clocked()
        script = serve(server)
        targets = [script.target(name=path, path=path, connections=4) for path in ("/a", "/b", "/c")]
        phase = constant(rate=1000.0, duration_s=0.6, mix=((0, 1.0), (1, 3.0), (2, 6.0)), seed=11)
        recorded = measure(targets, phase, workers=2).phases[0]
        assert recorded.counts.offered == recorded.counts.ok == 600
        seen.append(server.paths)
    assert seen[0] == seen[1]
    for path, share in (("/a", 0.1), ("/b", 0.3), ("/c", 0.6)):
        assert abs(seen[0][path] - 600 * share) < 5 * math.sqrt(600 * share * (1 - share))


@pytest.mark.parametrize("arrivals", [Arrivals.POISSON, Arrivals.TRACE, Arrivals.CLOSED])
def test_a_mix_follows_its_weights_whatever_the_arrivals(serve: Serve, arrivals: Arrivals):
    server = Clocked()
    script = serve(server)
    targets = [script.target(name=path, path=path, connections=4) for path in ("/a", "/b")]
    trace = tuple(index * 1e-3 for index in range(500)) if arrivals is Arrivals.TRACE else ()
    rate = 1000.0 if arrivals is Arrivals.POISSON else None
    phase = Phase(
        target=0, duration_s=0.5, arrivals=arrivals, rate=rate, trace_s=trace, mix=((0, 1.0), (1, 3.0)), seed=2
    )
    recorded = measure(targets, phase, workers=2).phases[0]
    total = recorded.counts.offered
    assert total == sum(server.paths.values())
    assert total == 500 or arrivals is not Arrivals.TRACE
    assert abs(server.paths["/a"] - total / 4) < 5 * math.sqrt(total * 3 / 16)


def test_changing_the_rate_changes_what_is_due_from_then_on(workload, constant):
    phase = constant(rate=100.0, duration_s=1.0)
    with NativeSession.open(SessionPlan(targets=(workload.target(),), workers=2)) as session:
        session.start([phase])
        _wait_for(lambda: session.progress().ok >= 20)
        changed_s = session.progress().elapsed_s
        session.set_rate(2000.0)
        recorded = session.finish().phases[0]
    assert_adds_up(recorded, phase)
    offered = 100.0 * changed_s + 2000.0 * (1.0 - changed_s)
    assert abs(recorded.counts.offered - offered) < 0.2 * offered
    assert recorded.counts.ok == recorded.counts.offered


def test_a_rate_that_is_changed_often_is_the_rate_that_is_offered(workload, constant):
    phase = constant(rate=50.0, duration_s=1.0)
    with NativeSession.open(SessionPlan(targets=(workload.target(),), workers=2)) as session:
        session.start([phase])
        changes = 0
        while not session.wait(0.004):
            try:
                session.set_rate(50.0)
            except (RuntimeError, UsageError):
                break
            changes += 1
        recorded = session.finish().phases[0]
    assert_adds_up(recorded, phase)
    assert changes > 60
    # Asking again for the same rate changes nothing, however often it is asked.
    assert 44 <= recorded.counts.offered <= 56


def test_a_worker_that_sleeps_hears_of_a_new_rate_at_once(workload, constant):
    phase = constant(rate=1.0, duration_s=1.0)
    delays = []
    for _ in range(3):
        with NativeSession.open(SessionPlan(targets=(workload.target(connections=8),), workers=2)) as session:
            session.start([phase])
            _wait_for(lambda: session.progress().ok >= 1)
            session.set_rate(500.0)
            recorded = session.finish().phases[0]
        assert_adds_up(recorded, phase)
        assert recorded.counts.offered > 100
        delays.append(recorded.client_delay.maximum())
    # Nobody may be late only because the worker slept when the rate was changed.
    assert min(delays) < 0.015


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("arrivals", [Arrivals.CONSTANT, Arrivals.POISSON, Arrivals.TRACE])
def test_the_parts_of_a_schedule_are_the_schedule(start_workload: Start, arrivals: Arrivals, pooling: Pooling):
    # Eleven connections over three generators: 4, 4 and 3.
    workload = start_workload()
    target = workload.target(connections=11, pooling=pooling)
    trace = tuple(index / 300 for index in range(300)) if arrivals is Arrivals.TRACE else ()
    phase = Phase(
        target=0,
        duration_s=0.6,
        arrivals=arrivals,
        rate=None if trace else 500.0,
        trace_s=trace,
        lead_in_s=0.0 if trace else 0.1,
        seed=4,
    )
    start = time.time() + 0.5
    parts = split(SessionPlan(targets=(target,), workers=1), [phase], 3, start_unix_s=start)
    recordings = [None] * len(parts)

    def generate(number: int) -> None:
        plan, phases = parts[number]
        with NativeSession.open(plan) as session:
            recordings[number] = session.run(phases)

    threads = [threading.Thread(target=generate, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for recording in recordings:
        assert_adds_up(recording.phases[0], phase)
        began = recording.origin_unix_s + recording.phases[0].begin_s
        assert began - (start + phase.lead_in_s) == pytest.approx(0.0, abs=0.02)
    whole = merge(recordings).phases[0]
    if arrivals is Arrivals.POISSON:
        assert abs(whole.counts.offered - 300) < 5 * math.sqrt(300)
    else:
        assert whole.counts.offered == (180 if trace else 300)
        assert max(part.phases[0].counts.offered for part in recordings) <= (60 if trace else 100)
    if arrivals is Arrivals.CONSTANT:
        assert whole.lead_in_counts.offered == 50


def test_a_start_that_no_clock_will_reach_is_refused(workload, constant):
    # Milliseconds where seconds are meant: a run that would begin in fifty thousand years.
    with NativeSession.open(SessionPlan(targets=(workload.target(),))) as session:
        with pytest.raises(UsageError) as caught:
            session.run([constant(start_unix_s=time.time() * 1000)])
        assert caught.value.code == "MP1001"
        assert session.run([constant(start_unix_s=time.time() - 100, duration_s=0.05)]).phases[0].counts.ok == 10


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "http1"},
        {"protocol": "http2", "streams": 10},
        {"requests_per_connection": 1},
        {"pooling": Pooling.PINNED},
    ],
)
@pytest.mark.parametrize("arrivals", [Arrivals.CLOSED, Arrivals.POISSON])
def test_ctrl_c_ends_a_run_within_200_ms_and_loses_nothing(start_workload: Start, changes, arrivals):
    # Replies are owed when the signal comes.
    workload = start_workload("--service-time", "5ms")
    rate = 800.0 if arrivals is Arrivals.POISSON else None
    phase = Phase(target=0, duration_s=20.0, arrivals=arrivals, rate=rate, drain_s=20.0)
    sent_at = []

    def interrupt() -> None:
        sent_at.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.4, interrupt)
    with NativeSession.open(SessionPlan(targets=(workload.target(**changes),), workers=2)) as session:
        timer.start()
        recording = session.run([phase, phase])
        took = time.monotonic() - sent_at[0]
    timer.join()
    assert took < 0.2
    assert recording.interrupted
    assert len(recording.phases) == 1
    assert recording.phases[0].interrupted
    assert recording.phases[0].counts.ok > 50
    assert recording.phases[0].end_s - recording.phases[0].begin_s < 0.65
    assert_adds_up(recording.phases[0], phase)


def test_ctrl_c_ends_a_closed_loop_on_a_target_that_is_gone(start_workload: Start):
    # Each request has a connection of its own, and every attempt fails at once.
    workload = start_workload()
    target: Target = workload.target(requests_per_connection=1)
    phase = Phase(target=0, duration_s=10.0, arrivals=Arrivals.CLOSED, drain_s=1.0)
    with NativeSession.open(SessionPlan(targets=(target,))) as session:
        workload.process.kill()
        workload.process.wait()
        begin = time.monotonic()
        timer = threading.Timer(0.4, session.stop)
        timer.start()
        recorded = session.run([phase]).phases[0]
        took = time.monotonic() - begin
        timer.join()
    assert_adds_up(recorded, phase)
    assert took < 0.9
    # A target that is gone is not stormed: no more than a few hundred attempts a second for each connection.
    assert 0 < recorded.counts.errors < 1000

"""What the engine records when all goes well, against servers whose behaviour is known."""

from __future__ import annotations

import itertools
import os
import socket
import threading

import pytest

from meshperf.histograms import EMPTY, Histogram
from meshperf.load import Arrivals, NativeSession, Phase, SessionPlan, WaitMode
from meshperf.spec.records import Counts

pytestmark = pytest.mark.needs_native


def _sums_up(counts: Counts) -> bool:
    return counts.offered == counts.ok + counts.errors + counts.timeouts + counts.unanswered + counts.not_sent


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("connections", [1, 2, 7])
def test_a_constant_rate_offers_exactly_rate_times_duration(workload, constant, workers, connections):
    plan = SessionPlan(targets=(workload.target(connections=connections),), workers=workers)
    with NativeSession.open(plan) as session:
        phase = session.run([constant(rate=1000.0, duration_s=0.3, lead_in_s=0.02)]).phases[0]
    assert phase.counts.offered == phase.counts.ok == phase.counts.sent == 300
    assert phase.lead_in_counts.offered == phase.lead_in_counts.ok == 20
    assert phase.end_s - phase.begin_s == pytest.approx(0.3, abs=1e-6)
    assert phase.drained
    assert phase.drained_s >= phase.end_s
    assert phase.response.total == phase.service.total == phase.pacing_error.total == phase.client_delay.total == 300
    assert phase.lead_in.total == 20


def test_poisson_arrivals_are_reproducible_and_near_their_rate(workload):
    phase = Phase(target=0, duration_s=0.5, arrivals=Arrivals.POISSON, rate=2000.0, seed=3)
    offered = []
    for _ in range(2):
        with NativeSession.open(SessionPlan(targets=(workload.target(),), workers=2)) as session:
            offered.append([one.counts.offered for one in session.run([phase, phase]).phases])
    assert offered[0] == offered[1]
    assert offered[0][0] != offered[0][1]
    assert all(abs(count - 1000) < 5 * 1000**0.5 for count in offered[0])


def test_a_closed_loop_has_one_request_a_connection_under_way(start_workload):
    workload = start_workload("--service-time", "5ms")
    phase = Phase(target=0, duration_s=0.5, arrivals=Arrivals.CLOSED)
    with NativeSession.open(SessionPlan(targets=(workload.target(connections=8),), workers=2)) as session:
        recorded = session.run([phase]).phases[0]
    # Never more than one at a time: 8 connections, 5 ms each, 500 ms and the ones that were sent first.
    assert 8 <= recorded.counts.ok <= 8 * 101
    assert recorded.counts.ok > 200
    assert recorded.counts.offered == recorded.counts.ok
    assert recorded.service == recorded.response
    assert recorded.pacing_error == recorded.client_delay == EMPTY
    assert recorded.response.quantile(0.5) >= 0.0049


def test_a_known_delay_is_what_is_measured(start_workload, constant):
    workload = start_workload("--service-time", "20ms")
    with NativeSession.open(SessionPlan(targets=(workload.target(connections=16),))) as session:
        phase = session.run([constant()]).phases[0]
    assert 0.0199 <= phase.response.minimum() <= phase.response.quantile(0.5) <= 0.04
    assert phase.response.minimum() >= phase.service.minimum()


def test_a_stall_is_seen_by_all_requests_that_were_due_in_it(start_workload, constant):
    # 100 ms of every 500 ms: a fifth of the requests wait, evenly from 0 to 100 ms; the truth is a p90 of 50 ms.
    workload = start_workload("--stall", "100ms/500ms")
    with NativeSession.open(SessionPlan(targets=(workload.target(connections=2),))) as session:
        phase = session.run([constant(rate=1000.0, duration_s=2.0)]).phases[0]
    assert phase.counts.ok == phase.counts.offered == 2000
    assert 0.040 < phase.response.quantile(0.9) < 0.075
    assert phase.response.quantile(0.99) > 0.085
    # Of the two connections at most two requests a stall were sent into it: service time cannot know.
    assert phase.service.quantile(0.9) < 0.020


def test_a_stall_across_the_end_leaves_censored_requests_that_are_counted(serve, constant):
    release = threading.Event()

    def answer_ten_then_stall(connection: socket.socket) -> None:
        for _ in range(10):
            if not connection.recv(4096):
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        release.wait(20)

    script = serve(answer_ten_then_stall)
    with NativeSession.open(SessionPlan(targets=(script.target(connections=2),))) as session:
        phase = session.run([constant(drain_s=0.1)]).phases[0]
        release.set()
    assert phase.counts.offered == 100
    assert phase.counts.ok == 20
    assert phase.counts.unanswered == 2
    assert phase.counts.not_sent == 78
    assert phase.counts.sent == 22
    assert _sums_up(phase.counts)
    assert not phase.drained
    assert phase.drained_s == pytest.approx(phase.end_s + 0.1, abs=0.05)


def test_a_late_reply_is_not_taken_for_one_of_the_next_phase(serve, constant):
    numbers = itertools.count()

    def first_connection_is_slow(connection: socket.socket) -> None:
        slow = next(numbers) == 0
        while connection.recv(4096):
            if slow:
                threading.Event().wait(0.3)
            status = b"500 Stale" if slow else b"200 OK"
            connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    script = serve(first_connection_is_slow)
    with NativeSession.open(SessionPlan(targets=(script.target(),))) as session:
        first, second = session.run(
            [constant(rate=100.0, duration_s=0.1, drain_s=0.0), constant(rate=100.0, guard_s=0.01)]
        ).phases
    assert first.counts.unanswered == 1
    assert second.counts.ok == second.counts.offered == 50
    assert second.errors_by_status == {}


def test_phases_switch_between_targets_over_warm_connections(start_workload, constant):
    targets = tuple(start_workload().target(name=name, connections=3) for name in ("a", "b"))
    phases = [constant(target=index % 2, duration_s=0.02, guard_s=0.002, label=str(index)) for index in range(20)]
    with NativeSession.open(SessionPlan(targets=targets, workers=2)) as session:
        first, second = session.run(phases), session.run(phases)
    for recording in (first, second):
        assert [phase.label for phase in recording.phases] == [str(index) for index in range(20)]
        assert [phase.target for phase in recording.phases] == [0, 1] * 10
        assert all(phase.counts.ok == 4 for phase in recording.phases)
        assert [(facts.opened, facts.reopened, facts.failed) for facts in recording.connections] == [(3, 0, 0)] * 2
        borders = [moment for phase in recording.phases for moment in (phase.begin_s, phase.end_s, phase.drained_s)]
        assert borders == sorted(borders)
    assert second.phases[0].begin_s > first.phases[-1].drained_s


def test_process_clocks_are_read_at_the_borders(start_workload, constant):
    workload = start_workload("--service-time", "1ms", "--busy")
    plan = SessionPlan(
        targets=(workload.target(),), clocks={"echo": workload.process.pid, "us": os.getpid(), "gone": 4_194_305}
    )
    with NativeSession.open(plan) as session:
        phase = session.run([constant()]).phases[0]
    assert set(phase.cpu_begin_s) == set(phase.cpu_drained_s) == {"echo", "us"}
    spent = {name: phase.cpu_drained_s[name] - phase.cpu_begin_s[name] for name in ("echo", "us")}
    assert 0.05 < spent["echo"] < 0.6
    # The workers are part of this process.
    assert phase.busy_s + phase.spin_s <= spent["us"] + 0.05


def test_spinning_is_not_called_busy(workload, constant):
    with NativeSession.open(SessionPlan(targets=(workload.target(),), wait=WaitMode.SPIN)) as session:
        recording = session.run([constant(rate=50.0, duration_s=0.3)])
    phase = recording.phases[0]
    assert recording.wait == "spin"
    assert phase.spin_s > 0.1
    assert phase.busy_s < phase.spin_s / 2


@pytest.mark.parametrize("wait", [WaitMode.SLEEP, WaitMode.HYBRID, WaitMode.AUTO])
def test_every_way_of_waiting_keeps_the_schedule(workload, constant, wait):
    with NativeSession.open(SessionPlan(targets=(workload.target(),), wait=wait)) as session:
        recording = session.run([constant(rate=400.0)])
    assert recording.phases[0].counts.ok == 200
    assert recording.phases[0].pacing_error.quantile(0.5) < 0.002
    assert recording.wait == ("sleep" if wait is WaitMode.SLEEP else "hybrid")


def test_the_request_is_what_the_target_says(serve, constant):
    heard: list[bytes] = []

    def keep(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            heard.append(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    script = serve(keep)
    target = script.target(method="POST", path="/x?y=1", headers=(("X-Test", "é"),), body=bytes(range(256)))
    with NativeSession.open(SessionPlan(targets=(target,))) as session:
        phase = session.run([constant(duration_s=0.01)]).phases[0]
    request = heard[0]
    assert request.startswith(b"POST /x?y=1 HTTP/1.1\r\nHost: script.example\r\n")
    assert "X-Test: é\r\n".encode() in request
    assert b"Content-Length: 256\r\n" in request
    assert request.endswith(b"\r\n\r\n" + bytes(range(256)))
    assert phase.counts.bytes_out == sum(map(len, heard)) == phase.counts.ok * len(request)
    assert phase.counts.bytes_in == phase.counts.ok * 40


def test_connections_leave_from_the_address_asked_for(serve, constant):
    peers: list[str] = []

    def note(connection: socket.socket) -> None:
        peers.append(connection.getpeername()[0])
        while connection.recv(4096):
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    script = serve(note)
    with NativeSession.open(
        SessionPlan(targets=(script.target(connections=3, source_address="127.8.7.6"),))
    ) as session:
        session.run([constant(duration_s=0.05)])
    assert peers == ["127.8.7.6"] * 3


def test_buckets_are_the_ones_python_reads(start_workload, constant):
    workload = start_workload("--service-time", "7ms")
    with NativeSession.open(SessionPlan(targets=(workload.target(connections=8),))) as session:
        phase = session.run([constant()]).phases[0]
    low, high = phase.service.bracket(0.5)
    assert 0.0069 < low < high < 0.02
    assert Histogram.from_values([low]).index[0] == Histogram.from_values([phase.service.quantile(0.5)]).index[0]


def test_progress_counts_every_request_once(workload, constant):
    seen = []
    with NativeSession.open(SessionPlan(targets=(workload.target(),), workers=2)) as session:
        recording = session.run([constant(rate=1000.0, duration_s=0.2)] * 3, on_progress=seen.append, interval_s=0.02)
    assert len(seen) > 5
    assert {progress.phases for progress in seen} == {3}
    assert [p.ok for p in seen] == sorted(p.ok for p in seen)
    assert [p.phase for p in seen] == sorted(p.phase for p in seen)
    total = sum(phase.counts.ok for phase in recording.phases)
    assert total == 600
    for progress in seen:
        assert progress.ok <= progress.sent <= total
        assert abs(progress.response.total - progress.ok) <= 64


def test_a_run_of_no_phases_is_empty(workload):
    with NativeSession.open(SessionPlan(targets=(workload.target(),))) as session:
        recording = session.run([])
    assert recording.phases == ()
    assert not recording.interrupted
    assert recording.connections[0].opened == 4


def test_the_session_says_who_it_is(workload, constant):
    with NativeSession.open(SessionPlan(targets=(workload.target(),), workers=2)) as session:
        recording = session.run([constant(duration_s=0.01)])
    assert recording.build in ("release", "debug")
    assert recording.engine_version
    assert len(set(recording.worker_tids)) == recording.workers == 2
    assert os.getpid() not in recording.worker_tids


def test_an_unused_target_keeps_its_connections(start_workload, constant):
    used, unused = start_workload(), start_workload()
    plan = SessionPlan(targets=(used.target(), unused.target(name="other", connections=2)))
    with NativeSession.open(plan) as session:
        assert session.run([constant(duration_s=0.05)]).connections[1].opened == 2

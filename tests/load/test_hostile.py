"""Whatever a server does: every request is counted once, by the right reason, and the run ends in time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from meshperf.load import NativeSession, Phase, SessionPlan, Target
from meshperf.load.recording import PhaseRecording, SessionRecording

from .conftest import Script
from .hostile import HTTP1, OK, Behaviour, Hostile, Misdeed, StopsListening, StopsReading

pytestmark = pytest.mark.needs_native

TIMEOUT_S = 0.2
DRAIN_S = 0.4
DURATION_S = 0.5
SPARE_S = 1.0
"""A run lasts as long as its window and its drain; the rest is for a busy machine."""

Serve = Callable[[Behaviour], Script]
Constant = Callable[..., Phase]


def assert_adds_up(phase: PhaseRecording) -> None:
    counts = phase.counts
    ends = counts.ok + counts.errors + counts.timeouts + counts.unanswered + counts.not_sent
    assert counts.offered == ends, counts
    explained = sum(phase.errors_by_reason.values()) + sum(phase.errors_by_status.values())
    assert explained == counts.errors + counts.timeouts == phase.failed.total, (counts, phase.errors_by_reason)
    assert phase.response.total == counts.ok
    assert phase.censored.total in (0, counts.unanswered + counts.not_sent)


def measure(target: Target, phase: Phase) -> SessionRecording:
    """Run one phase on one target, and hold it to its deadline."""
    with NativeSession.open(SessionPlan(targets=(target,))) as session:
        begin = time.monotonic()
        recording = session.run([phase])
        took = time.monotonic() - begin
        closing = time.monotonic()
    assert took < phase.duration_s + phase.drain_s + SPARE_S
    assert time.monotonic() - closing < SPARE_S
    return recording


@pytest.mark.parametrize("name", HTTP1)
def test_what_a_server_does_is_counted_by_its_reason(serve: Serve, constant: Constant, name: str) -> None:
    misdeed = HTTP1[name]
    hostile = Hostile(misdeed)
    # Timeouts hold a connection each: there are enough for all that are under way.
    target = serve(hostile).target(connections=16, timeout_s=TIMEOUT_S)
    recording = measure(target, constant(rate=200.0, duration_s=DURATION_S / 2, drain_s=DRAIN_S))
    phase = recording.phases[0]
    assert_adds_up(phase)
    assert phase.counts.offered == 50
    if misdeed.reason is None:
        assert phase.errors_by_reason == {}
        assert phase.counts.ok == 50
    else:
        assert phase.errors_by_reason == {misdeed.reason: hostile.met}
        assert phase.counts.ok == hostile.answered
    assert phase.counts.unanswered == phase.counts.not_sent == 0
    assert hostile.met == 12
    if not misdeed.goes_on:
        # Whatever the server did, the connection is not used again.
        assert recording.connections[0].reopened >= 12 - 1


@pytest.mark.parametrize("name", ["never answers", "trickles a body that never ends", "pours a body that never ends"])
def test_a_reply_without_end_ends_with_the_drain_when_no_timeout_does(
    serve: Serve, constant: Constant, name: str
) -> None:
    hostile = Hostile(HTTP1[name])
    target = serve(hostile).target(connections=16, timeout_s=30.0)
    phase = measure(target, constant(rate=50.0, duration_s=DURATION_S, drain_s=0.1)).phases[0]
    assert_adds_up(phase)
    assert not phase.drained
    assert phase.counts.unanswered == hostile.met == 6
    assert phase.counts.ok == 19


def test_a_body_that_pours_does_not_starve_the_other_connections(serve: Serve, constant: Constant) -> None:
    hostile = Hostile(HTTP1["pours a body that never ends"], every=10)
    target = serve(hostile).target(connections=16, timeout_s=0.3)
    phase = measure(target, constant(rate=100.0, duration_s=DURATION_S, drain_s=0.5)).phases[0]
    assert_adds_up(phase)
    assert phase.counts.ok == hostile.answered == 45
    assert phase.client_delay.quantile(0.5) < 0.02


def test_a_server_that_answers_so_often_and_closes_costs_what_was_on_the_way(serve: Serve, constant: Constant) -> None:
    def three_each(connection: socket.socket) -> None:
        for _ in range(3):
            if not connection.recv(65536):
                return
            connection.sendall(OK)

    target = serve(three_each).target(connections=4)
    recording = measure(target, constant(rate=100.0))
    phase = recording.phases[0]
    assert_adds_up(phase)
    # A close that was seen before the next request costs nothing; one that crossed it costs that request.
    assert set(phase.errors_by_reason) <= {"closed", "reset"}
    assert phase.counts.ok >= 40
    assert recording.connections[0].reopened >= 12


def test_a_server_that_reads_nothing_is_a_timeout_and_not_a_hang(serve: Serve, constant: Constant) -> None:
    body = b"x" * (4 << 20)
    head = f"POST / HTTP/1.1\r\nHost: script.example\r\nContent-Length: {len(body)}\r\n\r\n"
    deaf = StopsReading(request_bytes=len(head) + len(body), replies=2)
    target = serve(deaf).target(connections=16, timeout_s=TIMEOUT_S, method="POST", body=body)
    phase = measure(target, constant(rate=20.0, duration_s=DURATION_S, drain_s=DRAIN_S)).phases[0]
    assert_adds_up(phase)
    assert phase.counts.ok == 2
    assert phase.errors_by_reason == {"timeout": 8}


def test_a_listener_that_goes_away_is_refused_and_not_stormed(constant: Constant) -> None:
    gone = StopsListening(connections=4, replies=20)
    try:
        target = Target(name="gone", address=gone.address, host="x", connections=4)
        recording = measure(target, constant(rate=100.0))
    finally:
        gone.close()
    phase = recording.phases[0]
    assert_adds_up(phase)
    assert 0 < phase.counts.ok <= 20
    assert "refused" in phase.errors_by_reason
    assert set(phase.errors_by_reason) <= {"refused", "reset", "closed"}
    assert recording.connections[0].failed < 100


def test_a_closed_loop_on_a_hostile_server_ends_too(serve: Serve) -> None:
    for name in ("never answers", "resets in the body", "speaks nothing known"):
        hostile = Hostile(HTTP1[name], every=10)
        target = serve(hostile).target(connections=4, timeout_s=TIMEOUT_S)
        phase = measure(target, Phase(target=0, duration_s=DURATION_S, arrivals="closed", drain_s=DRAIN_S)).phases[0]
        assert_adds_up(phase)
        assert phase.counts.ok > 20
        assert set(phase.errors_by_reason) == {HTTP1[name].reason}


def test_several_workers_add_up_too(serve: Serve, constant: Constant) -> None:
    hostile = Hostile(Misdeed(behave=HTTP1["closes in a chunk"].behave, reason="closed"), every=2)
    target = serve(hostile).target(connections=8, timeout_s=TIMEOUT_S)
    with NativeSession.open(SessionPlan(targets=(target,), workers=2)) as session:
        phase = session.run([constant(rate=100.0)]).phases[0]
    assert_adds_up(phase)
    assert phase.errors_by_reason == {"closed": 25}

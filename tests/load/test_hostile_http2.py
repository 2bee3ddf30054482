"""Whatever an HTTP/2 server does: every request is counted once, by the right reason, and the run ends in time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from meshperf.errors import TargetError
from meshperf.load import NativeSession, Phase, Protocol, SessionPlan

from .conftest import Script
from .hostile import Behaviour, wait_for_end
from .hostile_http2 import HTTP2, INITIAL_WINDOW, MAX_STREAMS, HostileHttp2, setting
from .test_hostile import DRAIN_S, DURATION_S, TIMEOUT_S, assert_adds_up, measure

pytestmark = pytest.mark.needs_native

Serve = Callable[[Behaviour], Script]
Constant = Callable[..., Phase]


@pytest.mark.parametrize("name", HTTP2)
def test_what_a_server_does_is_counted_by_its_reason(serve: Serve, constant: Constant, name: str) -> None:
    misdeed = HTTP2[name]
    hostile = HostileHttp2(misdeed)
    target = serve(hostile).target(protocol=Protocol.HTTP2, connections=4, streams=8, timeout_s=TIMEOUT_S)
    recording = measure(target, constant(rate=120.0, duration_s=DURATION_S / 2, drain_s=DRAIN_S))
    phase = recording.phases[0]
    assert_adds_up(phase)
    assert phase.counts.offered == 30
    if misdeed.reason is None:
        assert phase.errors_by_reason == {}
        assert phase.counts.ok == 30
    else:
        # A connection that ends takes the streams with it that were under way beside the one that met the misdeed.
        assert set(phase.errors_by_reason) == {misdeed.reason}
        failed = phase.errors_by_reason[misdeed.reason]
        assert failed == hostile.met if misdeed.goes_on else hostile.met <= failed <= hostile.met + 2
    assert phase.counts.unanswered == phase.counts.not_sent == 0
    assert hostile.met == 7
    if misdeed.goes_on:
        assert recording.connections[0].reopened == 0
    else:
        assert recording.connections[0].reopened >= 6


def test_no_more_streams_are_opened_than_the_server_allows(serve: Serve, constant: Constant) -> None:
    hostile = HostileHttp2(settings=[setting(MAX_STREAMS, 1)])
    target = serve(hostile).target(protocol=Protocol.HTTP2, connections=2, streams=8)
    recording = measure(target, constant(rate=100.0))
    assert_adds_up(recording.phases[0])
    assert recording.phases[0].counts.ok == 50
    assert recording.connections[0].max_streams == 1


def test_a_server_that_allows_no_streams_is_no_hang(serve: Serve, constant: Constant) -> None:
    hostile = HostileHttp2(settings=[setting(MAX_STREAMS, 0)])
    target = serve(hostile).target(protocol=Protocol.HTTP2, connections=2, streams=8, timeout_s=TIMEOUT_S)
    phase = measure(target, constant(rate=100.0, drain_s=0.2)).phases[0]
    assert_adds_up(phase)
    assert phase.counts.ok == hostile.answered == 0
    assert phase.counts.not_sent == phase.counts.offered == 50


@pytest.mark.parametrize("window", [0, 1, 100])
def test_a_body_waits_for_a_tiny_window_and_is_whole_or_given_up(serve: Serve, constant: Constant, window: int) -> None:
    hostile = HostileHttp2(settings=[setting(INITIAL_WINDOW, window)])
    target = serve(hostile).target(
        protocol=Protocol.HTTP2, connections=1, streams=4, method="POST", body=b"x" * 300, timeout_s=TIMEOUT_S
    )
    phase = measure(target, constant(rate=20.0, drain_s=DRAIN_S)).phases[0]
    assert_adds_up(phase)
    if window == 0:
        # The server opens a window by what it received, which is nothing.
        assert phase.errors_by_reason == {"timeout": 10}
    else:
        assert phase.counts.ok == hostile.answered == 10


def test_a_server_that_never_settles_is_a_target_error_in_time(serve: Serve) -> None:
    target = serve(wait_for_end).target(protocol=Protocol.HTTP2, timeout_s=TIMEOUT_S)
    begin = time.monotonic()
    with pytest.raises(TargetError) as caught:
        NativeSession.open(SessionPlan(targets=(target,), connect_timeout_s=0.5))
    assert caught.value.code == "MP5302"
    assert "settings" in str(caught.value)
    assert time.monotonic() - begin < 3


def test_a_server_of_another_protocol_is_a_target_error(serve: Serve, constant: Constant) -> None:
    def http1(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with pytest.raises(TargetError) as caught:
        target = serve(http1).target(protocol=Protocol.HTTP2)
        with NativeSession.open(SessionPlan(targets=(target,))) as session:
            session.run([constant()])
    assert caught.value.code == "MP5302"


def test_streams_of_a_closed_loop_end_with_the_window(serve: Serve) -> None:
    hostile = HostileHttp2(HTTP2["resets the stream"], every=10)
    target = serve(hostile).target(protocol=Protocol.HTTP2, connections=2, streams=4)
    phase = measure(target, Phase(target=0, duration_s=DURATION_S, arrivals="closed", drain_s=DRAIN_S)).phases[0]
    assert_adds_up(phase)
    assert phase.counts.ok > 100
    assert set(phase.errors_by_reason) == {"reset"}

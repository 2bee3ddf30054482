"""HTTP/2 where all goes well, and where its rules bind: windows, numbers of streams, goodbyes and late settings."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshperf.errors import TargetError
from meshperf.load import Arrivals, GrpcCall, NativeSession, Phase, ReceiveClock, Selection, SessionPlan, Target

from .accounts import SPARE_S, measure
from .conftest import Script, Workload
from .hostile_http2 import CONTINUATION, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW, MAX_STREAMS
from .http2_server import LARGEST_WINDOW, OK, Http2, Peer, Request, header, status

pytestmark = pytest.mark.needs_native

Serve = Callable[[Callable[[socket.socket], None]], Script]
Constant = Callable[..., Phase]
Start = Callable[..., Workload]


def closed(**changes: object) -> Phase:
    return Phase(**{"target": 0, "duration_s": 0.2, "arrivals": Arrivals.CLOSED, **changes})


def http2(script: Script, **changes: object) -> Target:
    return script.target(**{"protocol": "http2", **changes})


class Held:
    """Answers nothing until it is let go."""

    def __init__(self, **server: object) -> None:
        self.server = Http2(handle=self._hold, **server)
        self.release = threading.Event()

    def _hold(self, peer: Peer, request: Request, number: int) -> None:
        threading.Thread(target=self._answer, args=(peer, request), daemon=True).start()

    def _answer(self, peer: Peer, request: Request) -> None:
        self.release.wait(10)
        try:
            peer.reply(request)
        except OSError:
            return


@pytest.mark.parametrize("workers", [1, 2])
def test_connections_times_streams_are_under_way_in_a_closed_loop(start_workload: Start, workers: int):
    workload = start_workload("--service-time", "20ms", "--admin", "127.0.0.1:0")
    target = workload.target(protocol="http2", connections=3, streams=7)
    recording = measure(target, closed(), workers=workers)
    counts = recording.phases[0].counts
    # 21 at a time; each takes 20 ms at least, so no more than eleven times in 200 ms.
    assert 21 * 3 <= counts.ok == counts.offered <= 21 * 11
    assert recording.connections[0].opened == workload.counters()["http2_connections"] == 3
    assert recording.connections[0].max_streams == 1000
    assert workload.counters()["requests"] == counts.ok


@pytest.mark.parametrize("selection", [Selection.FIFO, Selection.LIFO])
def test_few_requests_go_round_the_connections_or_stay_on_one(serve: Serve, selection: Selection):
    held = Held()
    phase = closed(in_flight=8, duration_s=0.1, drain_s=0.0)
    recorded = measure(http2(serve(held.server), connections=4, streams=50, selection=selection), phase).phases[0]
    held.release.set()
    assert recorded.counts.unanswered == recorded.censored.total == 8
    spread = sorted(peer.most_open for peer in held.server.peers)
    assert spread == ([2, 2, 2, 2] if selection is Selection.FIFO else [0, 0, 0, 8])


def test_bodies_beyond_every_window_go_both_ways(start_workload: Start):
    # The workload lets a stream be 4 MiB ahead, and a client begins with 64 KiB.
    size = 6 << 20
    workload = start_workload("--response-bytes", str(size), "--admin", "127.0.0.1:0")
    target = workload.target(protocol="http2", connections=1, streams=3, method="POST", body=bytes(size))
    recorded = measure(target, closed(duration_s=0.5, drain_s=8.0)).phases[0]
    counts = recorded.counts
    assert counts.ok == counts.offered >= 3
    # A frame's head for each 16 KiB, and the heads of the messages.
    for moved in (counts.bytes_in, workload.counters()["bytes_in"]):
        assert counts.ok * size < moved < counts.ok * size * 1.01 + 100_000


@pytest.fixture
def nghttpd(tmp_path: Path) -> Iterator[Callable[..., Target]]:
    """A server that is none of ours; it ends with the test."""
    binary = shutil.which("nghttpd")
    if binary is None:
        pytest.skip("nghttpd is not installed (apt: nghttp2-server)")
    (tmp_path / "megabyte").write_bytes(bytes(1 << 20))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [binary, "--no-tls", "--address=127.0.0.1", "--echo-upload", "-m", "5", f"--htdocs={tmp_path}", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def target(**changes: object) -> Target:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        return Target(
            **{"name": "nghttpd", "address": f"127.0.0.1:{port}", "host": "x", "protocol": "http2", **changes}
        )

    yield target
    process.kill()
    process.wait(10)


@pytest.mark.parametrize("changes", [{"path": "/megabyte"}, {"method": "POST", "body": bytes(1 << 20)}])
def test_another_server_is_understood_with_bodies_beyond_its_windows(nghttpd, constant: Constant, changes):
    target = nghttpd(connections=2, streams=8, **changes)
    recording = measure(target, constant(rate=100.0, duration_s=0.3, drain_s=5.0))
    counts = recording.phases[0].counts
    assert counts.ok == counts.offered == 30
    assert counts.ok << 20 < counts.bytes_in < (counts.ok << 20) * 1.02
    # It allows five at a time, fewer than were asked for.
    assert recording.connections[0].max_streams == 5


def test_a_reply_with_interim_heads_trailers_and_a_continued_block_is_one_reply(serve: Serve, constant: Constant):
    def answer(peer: Peer, request: Request, number: int) -> None:
        peer.send(HEADERS, END_HEADERS, request.stream, status(103) + header("link", "</a>"))
        long = header("x", "y" * 120) * 300
        peer.send(HEADERS, 0, request.stream, OK + long[:15000])
        peer.send(CONTINUATION, 0, request.stream, long[15000:30000])
        peer.send(CONTINUATION, END_HEADERS, request.stream, long[30000:])
        peer.send(0, 0x8, request.stream, bytes([9]) + b"body" + bytes(9))
        peer.send(HEADERS, END_HEADERS | END_STREAM, request.stream, header("checksum", "1"))

    recorded = measure(http2(serve(Http2(handle=answer)), streams=4), constant(rate=100.0)).phases[0]
    assert recorded.counts.ok == 50


def test_a_stream_that_times_out_is_given_up_and_its_place_used_again(serve: Serve, constant: Constant):
    def every_other(peer: Peer, request: Request, number: int) -> None:
        if number % 2 == 0:
            peer.reply(request)

    server = Http2(handle=every_other)
    # Two places, and two requests in each timeout that block one: without giving up, nothing would go on.
    target = http2(serve(server), streams=2, timeout_s=0.05)
    recording = measure(target, constant(rate=40.0, duration_s=0.5, drain_s=0.5))
    recorded = recording.phases[0]
    assert recorded.counts.ok == recorded.counts.timeouts == 10
    assert recording.connections[0].reopened == 0
    # The server is told of each, also of the last one, behind which nothing is sent.
    deadline = time.monotonic() + 5
    while len(server.peers[0].resets) < 10:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_the_drain_cuts_off_is_given_up_too(serve: Serve):
    held = Held()
    with NativeSession.open(SessionPlan(targets=(http2(serve(held.server), streams=4),))) as session:
        recorded = session.run([closed(duration_s=0.05, drain_s=0.05)]).phases[0]
        assert recorded.counts.unanswered == 4
        deadline = time.monotonic() + 5
        while len(held.server.peers[0].resets) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        held.release.set()
        # Warm, and with all its places.
        again = session.run([closed(duration_s=0.05)])
    assert again.phases[0].counts.ok >= 4
    assert again.connections[0].reopened == 0


@pytest.mark.parametrize("ending", ["close", "nonsense"])
def test_a_reset_just_before_the_end_of_a_connection_costs_no_place_in_the_loop(serve: Serve, ending: str):
    # Both come in one read: what would go out in the place of the reset stream has nowhere to go.
    def reset_and_end(peer: Peer, request: Request, number: int) -> bool | None:
        if number % 3 != 2:
            peer.reply(request)
            return None
        last = b"" if ending == "close" else struct.pack(">I", 3)[1:] + struct.pack(">BBI", 3, 0, 0) + bytes(3)
        rst = struct.pack(">I", 4)[1:] + struct.pack(">BBII", 3, 0, request.stream, 8)
        peer.connection.sendall(rst + last)
        return False

    server = Http2(handle=reset_and_end)
    recorded = measure(http2(serve(server), connections=2), closed(duration_s=0.6)).phases[0]
    assert set(recorded.errors_by_reason) <= {"reset", "closed", "malformed"}
    # Both go on to the end: the second half has about as many as the first.
    assert recorded.counts.ok > 100
    halves = measure(http2(serve(server), connections=2), closed(duration_s=0.6), series_interval_s=0.3).phases[0]
    first, second = (part.offered for part in halves.series.intervals)
    assert second > first / 3


def test_a_server_that_says_goodbye_loses_nothing(serve: Serve, constant: Constant):
    # As servers do that restart: first that it will end, then what it has taken; all that it has taken it answers.
    def answer(peer: Peer, request: Request, number: int) -> None:
        if number % 10 == 9:
            peer.goaway(LARGEST_WINDOW)
        peer.reply(request)

    server = Http2(handle=answer)
    recording = measure(http2(serve(server), connections=2, streams=4), constant(rate=200.0))
    assert recording.phases[0].counts.ok == recording.phases[0].counts.offered == 100
    assert 9 <= recording.connections[0].reopened <= 10
    assert len(server.peers) == 2 + recording.connections[0].reopened


@pytest.mark.parametrize(("before", "after"), [(1, 6), (6, 2), (0, 3)])
def test_a_server_may_change_how_many_streams_it_takes(serve: Serve, before: int, after: int):
    changed = threading.Event()

    def answer(peer: Peer, request: Request, number: int) -> None:
        if not changed.is_set():
            peer.settings({MAX_STREAMS: after})
            changed.set()
            peer.reply(request)
            return
        # Those that were on their way when it said so are no breach.
        threading.Timer(0.02, peer.reply, (request,)).start()

    server = Http2(handle=answer, settings={MAX_STREAMS: before})
    script = serve(server)
    with NativeSession.open(SessionPlan(targets=(http2(script, streams=8),))) as session:
        if before == 0:
            deadline = time.monotonic() + 5
            while not server.peers and time.monotonic() < deadline:
                time.sleep(0.001)  # the session is open as soon as the kernel has the connection
            server.peers[0].settings({MAX_STREAMS: after})
            changed.set()
        session.run([closed(duration_s=0.1)])
        server.peers[0].most_open = 0
        recording = session.run([closed(duration_s=0.15)])
    assert server.peers[0].most_open == after
    assert recording.phases[0].counts.errors == 0
    assert recording.phases[0].counts.ok >= 2 * after
    assert recording.connections[0].max_streams == min(before, after)


def test_a_window_that_shrinks_below_nothing_holds_bodies_back_until_it_opens(serve: Serve):
    def answer(peer: Peer, request: Request, number: int) -> None:
        peer.settings({INITIAL_WINDOW: (1000, 50_000, 10)[number % 3]})
        peer.reply(request)

    server = Http2(handle=answer, settings={INITIAL_WINDOW: 70_000})
    target = http2(serve(server), streams=3, method="POST", body=bytes(90_000))
    recorded = measure(target, closed(duration_s=0.3, drain_s=5.0)).phases[0]
    assert recorded.counts.ok == recorded.counts.offered > 3
    assert {request.body for request in server.requests} == {90_000}


def test_an_early_reply_to_a_body_that_is_still_going_out_is_a_reply(serve: Serve):
    # The window lets a tenth of the body out; the server has heard enough.
    server = Http2(settings={INITIAL_WINDOW: 1000}, opens_windows=False)

    def early(connection: socket.socket) -> None:
        peer = Peer(connection, server.settings, opens_windows=False)
        for came in peer.frames():
            if came.kind == HEADERS:
                peer.reply(Request(stream=came.stream), status(200))

    recorded = measure(http2(serve(early), streams=2, method="POST", body=bytes(10_000)), closed()).phases[0]
    assert recorded.counts.ok == recorded.counts.offered > 4


@pytest.mark.parametrize("protocol", ["http2", "grpc"])
def test_a_server_of_http_1_behind_http_2_is_named(serve: Serve, protocol: str):
    def http1(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    call = GrpcCall() if protocol == "grpc" else None
    target = serve(http1).target(protocol=protocol, path="/a.B/C", grpc=call)
    begin = time.monotonic()
    with pytest.raises(TargetError) as caught:
        NativeSession.open(SessionPlan(targets=(target,)))
    assert caught.value.code == "MP5302"
    assert "HTTP/2" in str(caught.value)
    assert time.monotonic() - begin < SPARE_S


def test_a_server_that_hangs_up_on_the_preface_is_not_called_unreachable(serve: Serve):
    # It listens and takes the connection: whoever reads the error should look at the protocol, and not at the port.
    with pytest.raises(TargetError) as caught:
        NativeSession.open(SessionPlan(targets=(http2(serve(lambda connection: connection.recv(16))),)))
    assert caught.value.code == "MP5302"
    assert "HTTP/2" in str(caught.value)


@pytest.mark.parametrize("streams", [1, 16])
def test_times_of_the_kernel_are_part_of_the_time_of_the_worker(start_workload: Start, constant, streams: int):
    # Two runs differ; within one run both clocks have seen every reply: late reads are what lies between them.
    workload = start_workload("--service-time", "2ms")
    target = workload.target(protocol="http2", connections=2, streams=streams)
    kernel = measure(target, constant(rate=1000.0), receive_clock=ReceiveClock.KERNEL)
    user = measure(target, constant(rate=1000.0), receive_clock=ReceiveClock.USER)
    assert (kernel.receive_clock, user.receive_clock) == ("kernel", "user")
    assert user.phases[0].late_read.total == 0
    assert kernel.phases[0].late_read.total >= 0.9 * kernel.phases[0].counts.ok
    assert kernel.phases[0].service.minimum() >= 0.0019
    assert 0 < kernel.phases[0].late_read.quantile(0.5) < 0.001

"""TCP and UDP without a protocol above them: the workload's counters and its counted faults are the truth."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from meshperf.errors import TargetError, UsageError
from meshperf.load import Arrivals, NativeSession, Phase, Pooling, SessionPlan, Target

from .accounts import measure
from .conftest import Script, Workload

pytestmark = pytest.mark.needs_native

Serve = Callable[[Callable[[socket.socket], None]], Script]
Constant = Callable[..., Phase]
Start = Callable[..., Workload]


def tcp(workload: Workload, **changes: object) -> Target:
    return workload.target(**{"protocol": "tcp", "address": workload.ready["tcp"], "body": b"x" * 100, **changes})


def udp(workload: Workload, **changes: object) -> Target:
    return workload.target(
        **{"protocol": "udp", "address": workload.ready["udp"], "connections": 1, "body": bytes(100), **changes}
    )


@pytest.fixture
def start_bytes(start_workload: Start) -> Start:
    def start(*options: str) -> Workload:
        return start_workload("--admin", "127.0.0.1:0", "--tcp", "127.0.0.1:0", *options)

    return start


@pytest.fixture
def start_datagrams(start_workload: Start) -> Start:
    def start(*options: str) -> Workload:
        return start_workload("--admin", "127.0.0.1:0", "--udp", "127.0.0.1:0", *options)

    return start


# A message that is larger than any socket buffer goes out and comes back in pieces.
@pytest.mark.parametrize("size", [1, 100, 70_000, 6_000_000])
@pytest.mark.parametrize("pooling", Pooling)
def test_an_echo_brings_every_byte_back(start_bytes: Start, constant: Constant, size: int, pooling: Pooling):
    workload = start_bytes()
    target = tcp(workload, body=b"x" * size, pooling=pooling)
    recorded = measure(target, constant(rate=40.0, duration_s=0.5, drain_s=5.0), workers=2).phases[0]
    counts, told = recorded.counts, workload.counters()
    assert counts.ok == counts.offered == 20
    assert counts.bytes_in == told["tcp_bytes_out"] == told["tcp_bytes_in"] == 20 * size
    if size <= 70_000:
        assert counts.bytes_out == 20 * size


@pytest.mark.parametrize("arrivals", [Arrivals.CONSTANT, Arrivals.CLOSED])
def test_one_way_messages_end_when_they_are_written(start_bytes: Start, constant: Constant, arrivals: Arrivals):
    workload = start_bytes("--tcp-mode", "sink")
    phase = (
        constant(rate=500.0) if arrivals is Arrivals.CONSTANT else Phase(target=0, duration_s=0.1, arrivals=arrivals)
    )
    counts = measure(tcp(workload, reply_bytes=0), phase).phases[0].counts
    assert counts.ok == counts.offered > 0
    assert counts.bytes_in == 0
    assert arrivals is Arrivals.CLOSED or counts.ok == 250
    deadline = time.monotonic() + 5
    while workload.counters()["tcp_bytes_in"] < 100 * counts.ok:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert workload.counters()["tcp_bytes_in"] == 100 * counts.ok


def test_one_way_messages_wait_for_a_server_that_does_not_read(serve: Serve):
    # What fits into the buffers of both kernels is written; the rest is a timeout, and the connection is replaced.
    stop = threading.Event()
    script = serve(lambda connection: stop.wait(10) and None)
    target = script.target(protocol="tcp", body=bytes(1 << 20), reply_bytes=0, timeout_s=0.1)
    phase = Phase(target=0, duration_s=0.5, arrivals=Arrivals.CLOSED, drain_s=0.5)
    recording = measure(target, phase)
    stop.set()
    recorded = recording.phases[0]
    assert recorded.counts.ok > 0
    assert recorded.counts.timeouts >= 2
    assert recording.connections[0].reopened >= 2


def test_answers_of_another_size_are_counted_by_their_own_bytes(start_bytes: Start, constant: Constant):
    workload = start_bytes("--tcp-mode", "fixed:100:5000", "--service-time", "3ms")
    recorded = measure(tcp(workload, reply_bytes=5000), constant()).phases[0]
    assert recorded.counts.ok == 100
    assert recorded.counts.bytes_in == 100 * 5000
    assert workload.counters()["tcp_messages"] == 100
    assert recorded.service.minimum() >= 0.0029


@pytest.mark.parametrize("reply_bytes", [4999, 100])
def test_more_than_the_answer_is_another_protocol(start_bytes: Start, constant: Constant, reply_bytes: int):
    workload = start_bytes("--tcp-mode", "fixed:100:5000")
    with (
        NativeSession.open(SessionPlan(targets=(tcp(workload, reply_bytes=reply_bytes),))) as session,
        pytest.raises(TargetError) as caught,
    ):
        session.run([constant()])
    assert caught.value.code == "MP5302"
    assert "TCP" in str(caught.value)


def test_less_than_the_answer_is_a_timeout(start_bytes: Start, constant: Constant):
    workload = start_bytes("--tcp-mode", "fixed:100:50")
    recorded = measure(tcp(workload, timeout_s=0.1), constant(rate=20.0)).phases[0]
    assert recorded.counts.timeouts == recorded.counts.offered == 10


def test_tcp_has_one_message_at_a_time_on_a_connection(start_bytes: Start):
    with pytest.raises(UsageError) as caught:
        NativeSession.open(SessionPlan(targets=(tcp(start_bytes(), streams=2),)))
    assert caught.value.code == "MP1001"


@pytest.mark.parametrize("streams", [1, 32])
def test_datagrams_come_back_and_are_counted(start_datagrams: Start, constant: Constant, streams: int):
    workload = start_datagrams()
    target = udp(workload, connections=2, streams=streams)
    recorded = measure(target, constant(rate=1000.0, lead_in_s=0.05), workers=2).phases[0]
    told = workload.counters()
    assert recorded.counts.ok == recorded.counts.offered == 500
    assert recorded.counts.bytes_in == recorded.counts.bytes_out == 500 * 100
    assert told["udp_in"] == told["udp_out"] == 550
    assert (recorded.datagrams.duplicates, recorded.datagrams.reordered, recorded.datagrams.late) == (0, 0, 0)


def test_lost_datagrams_are_timeouts(start_datagrams: Start, constant: Constant):
    workload = start_datagrams("--udp-drop", "7")
    target = udp(workload, streams=200, timeout_s=0.1)
    recorded = measure(target, constant(rate=700.0)).phases[0]
    assert workload.counters()["udp_dropped"] == 50
    assert recorded.counts.timeouts == recorded.errors_by_reason["timeout"] == 50
    assert recorded.counts.ok == 300
    assert recorded.failed.minimum() >= 0.0999


def test_duplicates_are_counted_and_answer_nobody_else(start_datagrams: Start, constant: Constant):
    workload = start_datagrams("--udp-duplicate", "5")
    recorded = measure(udp(workload, streams=50), constant(rate=500.0, drain_s=0.2)).phases[0]
    assert workload.counters()["udp_duplicated"] == 50
    assert recorded.counts.ok == recorded.counts.offered == 250
    # The last one may come behind the end of the phase, which ends with the last answer.
    assert 49 <= recorded.datagrams.duplicates <= 50
    assert recorded.datagrams.late == recorded.datagrams.reordered == 0


def test_answers_out_of_order_are_counted(start_datagrams: Start, constant: Constant):
    workload = start_datagrams("--udp-reorder", "5")
    recorded = measure(udp(workload, streams=100), constant(rate=1000.0)).phases[0]
    assert recorded.counts.ok == 500
    assert recorded.datagrams.reordered == workload.counters()["udp_reordered"]
    assert 90 <= recorded.datagrams.reordered <= 100


def test_all_faults_at_a_time_add_up(start_datagrams: Start):
    workload = start_datagrams("--udp-drop", "10", "--udp-duplicate", "9", "--udp-reorder", "4")
    target = udp(workload, connections=3, streams=64, timeout_s=0.15)
    phase = Phase(target=0, duration_s=0.6, arrivals=Arrivals.POISSON, rate=1500.0, drain_s=0.5, seed=6)
    recorded = measure(target, phase, workers=2).phases[0]
    told = workload.counters()
    assert recorded.counts.timeouts == told["udp_dropped"] == told["udp_in"] // 10
    assert recorded.counts.ok == told["udp_in"] - told["udp_dropped"]
    assert told["udp_duplicated"] - 3 <= recorded.datagrams.duplicates <= told["udp_duplicated"]
    assert recorded.datagrams.reordered == told["udp_reordered"]


@pytest.fixture
def datagram_server() -> Iterator[Callable[[Callable[[socket.socket, bytes, object], None]], str]]:
    """A socket whose datagrams are handed to a function."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(behave: Callable[[socket.socket, bytes, object], None]) -> str:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        sockets.append(server)

        def serve() -> None:
            while server.fileno() >= 0:
                try:
                    data, peer = server.recvfrom(65536)
                except TimeoutError:
                    continue
                except OSError:
                    return
                behave(server, data, peer)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in sockets:
        server.close()
    for thread in threads:
        thread.join(5)


def test_answers_after_their_timeout_are_late_and_not_ok(datagram_server, constant: Constant):
    timers: list[threading.Timer] = []

    def answer_late(server: socket.socket, data: bytes, peer: object) -> None:
        if struct.unpack(">Q", data[:8])[0] % 4 == 3:
            timers.append(threading.Timer(0.1, server.sendto, (data, peer)))
            timers[-1].start()
        else:
            server.sendto(data, peer)

    target = Target(
        name="late", address=datagram_server(answer_late), host="x", protocol="udp", body=bytes(16), streams=64,
        timeout_s=0.05,
    )  # fmt: skip
    # The last late one is due well before the end.
    phase = Phase(
        target=0, duration_s=0.6, arrivals=Arrivals.TRACE, trace_s=(*(index * 0.01 for index in range(40)), 0.58)
    )
    recorded = measure(target, phase).phases[0]
    for timer in timers:
        timer.join()
    assert recorded.counts.ok == 31
    assert recorded.counts.timeouts == recorded.datagrams.late == 10


def test_datagrams_of_strangers_and_of_no_length_are_nobodys(datagram_server, constant: Constant):
    def noisy(server: socket.socket, data: bytes, peer: object) -> None:
        for noise in (b"", b"x", bytes(16), data[:12] + b"\xff" * 4, data[:8]):
            server.sendto(noise, peer)
        server.sendto(data, peer)

    target = Target(name="noisy", address=datagram_server(noisy), host="x", protocol="udp", body=bytes(40), streams=8)
    recorded = measure(target, constant()).phases[0]
    assert recorded.counts.ok == 100
    assert (recorded.datagrams.duplicates, recorded.datagrams.reordered, recorded.datagrams.late) == (0, 0, 0)


def test_one_way_datagrams_are_not_waited_for(start_datagrams: Start, constant: Constant):
    workload = start_datagrams("--udp-drop", "1")
    recorded = measure(udp(workload, reply_bytes=0), constant(rate=1000.0)).phases[0]
    assert recorded.counts.ok == 500
    assert recorded.counts.bytes_in == 0
    assert workload.counters()["udp_in"] == 500


def test_a_port_without_a_listener_is_refused_again_and_again(constant: Constant):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    target = Target(name="nobody", address=address, host="x", protocol="udp", body=bytes(16), timeout_s=0.1, streams=4)
    recorded = measure(target, constant(rate=100.0, drain_s=0.3)).phases[0]
    assert recorded.counts.ok == 0
    assert recorded.counts.offered == 50
    assert "refused" in recorded.errors_by_reason

"""Targets that refuse, die, stall or talk nonsense: everything is counted, nothing hangs, nobody is stormed."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from meshperf.errors import CaptureError, PrerequisiteError, TargetError, UsageError
from meshperf.load import Arrivals, NativeSession, Phase, SessionPlan, Target, TlsSettings

pytestmark = pytest.mark.needs_native

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _sums_up(phase) -> bool:
    counts = phase.counts
    ends = counts.ok + counts.errors + counts.timeouts + counts.unanswered + counts.not_sent
    explained = sum(phase.errors_by_reason.values()) + sum(phase.errors_by_status.values())
    return counts.offered == ends and explained == counts.errors + counts.timeouts == phase.failed.total


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_a_refused_connection_is_a_target_error():
    target = Target(name="nobody", address=f"127.0.0.1:{_free_port()}", host="x")
    with pytest.raises(TargetError) as caught:
        NativeSession.open(SessionPlan(targets=(target,), workers=2))
    assert caught.value.code == "MP5301"
    assert "nobody" in str(caught.value)
    assert "refused" in str(caught.value)
    assert caught.value.hint


def test_a_target_that_never_answers_the_connect_is_given_up_in_time():
    # A listener whose queue is full drops further attempts.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            target = Target(name="full", address=f"127.0.0.1:{address[1]}", host="x")
            begin = time.monotonic()
            with pytest.raises(TargetError) as caught:
                NativeSession.open(SessionPlan(targets=(target,), connect_timeout_s=0.3))
            assert caught.value.code == "MP5301"
            assert 0.25 < time.monotonic() - begin < 2
        finally:
            for filler in fillers:
                filler.close()


_TOO_MANY = """
import resource, sys
from meshperf.errors import PrerequisiteError
from meshperf.load import NativeSession, SessionPlan, Target
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
target = Target(name="many", address=sys.argv[1], host="x", connections=200)
try:
    NativeSession.open(SessionPlan(targets=(target,), workers=2))
except PrerequisiteError as error:
    print(error.code, error.exit_code, error.message, error.hint, sep="\\n")
"""


def test_more_connections_than_file_descriptors_are_refused_before_any_load(serve):
    heard: list[bytes] = []
    script = serve(lambda connection: heard.append(connection.recv(4096)))
    done = subprocess.run(
        [sys.executable, "-c", _TOO_MANY, script.address], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stderr == ""
    code, exit_code, message, hint = done.stdout.splitlines()
    assert (code, exit_code) == ("MP3005", "3")
    assert "many" in message
    assert "Too many open files" in message
    assert "ulimit -n" in hint
    script.close()
    assert script.accepted < 2 * 64  # what one worker gives back as it fails, the other may take
    assert set(heard) <= {b""}


def test_an_address_that_is_not_ours_to_send_from_is_not_blamed_on_the_target(serve):
    target = serve(lambda connection: None).target(source_address="198.51.100.7")
    with pytest.raises(PrerequisiteError) as caught:
        NativeSession.open(SessionPlan(targets=(target,)))
    assert caught.value.code == "MP3005"


def test_ctrl_c_while_connections_are_opened_leaves_nothing_behind():
    # The listener's queue takes the connections, and nobody ever answers the TLS handshake.
    def tasks() -> set[str]:
        return {task.name for task in Path("/proc/self/task").iterdir()}

    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        target = Target(
            name="silent",
            address=f"127.0.0.1:{listener.getsockname()[1]}",
            host="x",
            connections=4,
            tls=TlsSettings(ca_pem="", verify=False),
        )
        sent_at = []

        def interrupt() -> None:
            sent_at.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        before = tasks()
        timer = threading.Timer(0.3, interrupt)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            NativeSession.open(SessionPlan(targets=(target,), workers=2, connect_timeout_s=20.0))
        took = time.monotonic() - sent_at[0]
        timer.join()
        listener.settimeout(5)
        for _ in range(4):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                while connection.recv(4096):
                    pass
        assert took < 0.2
        assert tasks() <= before


@pytest.mark.parametrize(
    ("code", "kind"), [("MP5201", CaptureError), ("MP5202", CaptureError), ("MP5303", TargetError)]
)
def test_what_the_engine_says_keeps_its_code_and_finds_its_class(constant, code, kind):
    # A Ctrl-C is a KeyboardInterrupt in Python, so MP5201, the engine's own word for it, needs an engine that says it.
    class EngineError(Exception):
        pass

    class Engine:
        def run(self, *_: object) -> None:
            raise EngineError(code, "what happened")

    module = SimpleNamespace(EngineError=EngineError)
    with pytest.raises(kind) as caught:
        NativeSession(Engine(), module).run([constant()])
    assert (caught.value.code, caught.value.message) == (code, "what happened")


def test_another_protocol_is_a_target_error(serve, constant):
    def ssh(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"SSH-2.0-Test\r\n")

    with (
        NativeSession.open(SessionPlan(targets=(serve(ssh).target(),))) as session,
        pytest.raises(TargetError) as caught,
    ):
        session.run([constant()])
    assert caught.value.code == "MP5302"


def test_error_statuses_are_errors_by_status(start_workload, constant):
    workload = start_workload("--status", "503:0.25", "--status", "404:0.25")
    with NativeSession.open(SessionPlan(targets=(workload.target(),), workers=2)) as session:
        phase = session.run([constant(rate=800.0)]).phases[0]
    assert set(phase.errors_by_status) == {"503", "404"}
    assert phase.errors_by_reason == {}
    assert 100 < phase.counts.errors < 300
    assert phase.response.total == phase.counts.ok
    assert _sums_up(phase)


def test_a_malformed_reply_is_counted_and_the_connection_replaced(serve, constant):
    numbers = itertools.count()

    def third_is_nonsense(connection: socket.socket) -> None:
        while connection.recv(4096):
            connection.sendall(b"nonsense\r\n\r\n" if next(numbers) % 3 == 2 else OK)

    script = serve(third_is_nonsense)
    with NativeSession.open(SessionPlan(targets=(script.target(),))) as session:
        recording = session.run([constant()])
    phase = recording.phases[0]
    assert phase.errors_by_reason == {"malformed": 33}
    assert phase.counts.ok == 67
    assert recording.connections[0].reopened == 33
    assert _sums_up(phase)


@pytest.mark.parametrize(
    ("ending", "reason"), [("close", "closed"), ("reset", "reset"), ("truncate", "closed"), ("half", "closed")]
)
def test_connections_that_break_are_counted_by_reason(serve, constant, ending, reason):
    numbers = itertools.count()

    def break_the_second(connection: socket.socket) -> None:
        while connection.recv(4096):
            if next(numbers) % 2 == 0:
                connection.sendall(OK)
                continue
            if ending == "truncate":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nonly")
            if ending == "half":
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)
            if ending == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return

    script = serve(break_the_second)
    with NativeSession.open(SessionPlan(targets=(script.target(),))) as session:
        phase = session.run([constant()]).phases[0]
    assert phase.errors_by_reason == {reason: 50}
    assert _sums_up(phase)


def test_replies_that_close_the_connection_cost_no_request(serve, constant):
    def one_reply_each(connection: socket.socket) -> None:
        if connection.recv(4096):
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")

    script = serve(one_reply_each)
    with NativeSession.open(SessionPlan(targets=(script.target(connections=2),))) as session:
        recording = session.run([constant()])
    assert recording.phases[0].counts.ok == 100
    assert recording.connections[0].reopened >= 98


def test_timeouts_end_requests_at_their_limit_and_replace_the_connection(serve, constant):
    stop = threading.Event()

    def answer_once(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(OK)
        connection.recv(4096)
        stop.wait(20)

    script = serve(answer_once)
    with NativeSession.open(SessionPlan(targets=(script.target(connections=8, timeout_s=0.05),))) as session:
        recording = session.run([constant()])
        stop.set()
    phase = recording.phases[0]
    assert phase.counts.timeouts >= 20
    assert phase.counts.timeouts == phase.errors_by_reason["timeout"]
    assert phase.counts.ok >= 20
    assert phase.failed.minimum() >= 0.0499
    assert recording.connections[0].reopened == pytest.approx(phase.counts.timeouts, abs=8)
    assert _sums_up(phase)


def test_a_server_killed_in_mid_run_is_counted_and_not_stormed(start_workload, constant):
    workload = start_workload()
    with NativeSession.open(SessionPlan(targets=(workload.target(connections=16),), workers=2)) as session:
        killer = threading.Timer(0.3, workload.process.kill)
        killer.start()
        begin = time.monotonic()
        recording = session.run([constant(rate=1000.0, duration_s=0.8, drain_s=0.2)])
        took = time.monotonic() - begin
        killer.join()
        again = session.run([constant(duration_s=0.05, drain_s=0.05)])
    phase = recording.phases[0]
    assert took < 2
    assert phase.counts.offered == 800
    assert 200 < phase.counts.ok < 400
    assert phase.counts.not_sent > 300
    assert phase.errors_by_reason["refused"] <= recording.connections[0].failed < 16 * 12
    assert not phase.drained
    assert _sums_up(phase)
    assert again.phases[0].counts.ok == 0
    assert _sums_up(again.phases[0])


def test_a_closed_loop_against_a_dead_server_counts_its_attempts(start_workload):
    workload = start_workload()
    phase = Phase(target=0, duration_s=0.5, arrivals=Arrivals.CLOSED, drain_s=0.1)
    with NativeSession.open(SessionPlan(targets=(workload.target(connections=4),))) as session:
        workload.process.kill()
        workload.process.wait()
        recorded = session.run([phase]).phases[0]
    assert recorded.counts.ok == 0
    assert 0 < recorded.counts.errors < 200
    assert _sums_up(recorded)


def test_a_server_that_comes_back_is_served_again(start_workload, constant):
    first = start_workload()
    with NativeSession.open(SessionPlan(targets=(first.target(connections=4),))) as session:
        first.process.kill()
        first.process.wait()
        dead = session.run([constant(duration_s=0.05, drain_s=0.0)]).phases[0]
        start_workload(listen=first.address)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            alive = session.run([constant(duration_s=0.05, drain_s=0.05)]).phases[0]
            if alive.counts.ok == alive.counts.offered:
                break
    assert dead.counts.ok == 0
    assert alive.counts.ok == alive.counts.offered == 10


def test_a_starved_pool_blames_the_target_and_not_the_client(start_workload, constant):
    # One connection of 20 ms can answer 50 of the 200 requests per second: the wait is for the connection.
    workload = start_workload("--service-time", "20ms")
    with NativeSession.open(SessionPlan(targets=(workload.target(connections=1),))) as session:
        phase = session.run([constant(drain_s=0.2)]).phases[0]
    assert phase.counts.not_sent > 40
    assert phase.pacing_error.quantile(0.5) > 0.05
    assert phase.client_delay.quantile(0.5) < 0.005
    assert _sums_up(phase)


@pytest.mark.parametrize(
    "changes",
    [{"rate": 0.0}, {"rate": None}, {"rate": float("nan")}, {"duration_s": -1.0}, {"target": 1}, {"drain_s": 1e9}],
)
def test_phases_that_make_no_sense_are_refused(workload, constant, changes):
    with NativeSession.open(SessionPlan(targets=(workload.target(),))) as session:
        with pytest.raises(UsageError) as caught:
            session.run([constant(**changes)])
        assert caught.value.code == "MP1001"
        assert session.run([constant(duration_s=0.02)]).phases[0].counts.ok == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"connections": 0},
        {"address": "localhost:80"},
        {"path": "/a b"},
        {"headers": (("X", "a\r\nY: b"),)},
        {"method": ""},
        {"timeout_s": 0.0},
    ],
)
def test_targets_that_make_no_sense_are_refused(changes):
    target = Target(**{"name": "t", "address": "127.0.0.1:1", "host": "h", **changes})
    with pytest.raises(UsageError) as caught:
        NativeSession.open(SessionPlan(targets=(target,)))
    assert caught.value.code == "MP1001"

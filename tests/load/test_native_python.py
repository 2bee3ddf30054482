"""How a session behaves as a Python object: signals, callbacks, threads, forks, and a missing engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from meshperf.errors import PrerequisiteError
from meshperf.load import Arrivals, NativeSession, Phase, SessionPlan

pytestmark = pytest.mark.needs_native


def _long(rate: float = 500.0) -> Phase:
    return Phase(target=0, duration_s=20.0, arrivals=Arrivals.CONSTANT, rate=rate)


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _sums_up(counts) -> bool:
    return counts.offered == counts.ok + counts.errors + counts.timeouts + counts.unanswered + counts.not_sent


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_returns_the_partial_recording_within_200_ms(workload, workers):
    sent_at = []

    def interrupt() -> None:
        sent_at.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.5, interrupt)
    with NativeSession.open(SessionPlan(targets=(workload.target(),), workers=workers)) as session:
        timer.start()
        recording = session.run([_long(), _long()])
        took = time.monotonic() - sent_at[0]
        timer.join()
        after = session.run([Phase(target=0, duration_s=0.05, arrivals=Arrivals.CLOSED)])
    assert took < 0.2
    assert recording.interrupted
    (phase,) = recording.phases
    assert phase.interrupted
    assert 150 < phase.counts.ok < 400
    assert phase.counts.offered == pytest.approx((phase.end_s - phase.begin_s) * 500, abs=2)
    assert phase.response.total == phase.counts.ok
    assert _sums_up(phase.counts)
    assert not after.interrupted
    assert after.phases[0].counts.ok > 0


def test_ctrl_c_during_a_stall_counts_what_was_under_way(serve):
    stop = threading.Event()

    def silent(connection) -> None:
        connection.recv(4096)
        stop.wait(20)

    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with NativeSession.open(SessionPlan(targets=(serve(silent).target(connections=2),))) as session:
        timer.start()
        (phase,) = session.run([_long()]).phases
        timer.join()
        stop.set()
    assert phase.counts.unanswered == 2
    assert phase.counts.not_sent > 50
    assert _sums_up(phase.counts)


def test_ctrl_c_inside_the_callback_keeps_the_recording(workload):
    def press(_progress) -> None:
        signal.raise_signal(signal.SIGINT)

    with NativeSession.open(SessionPlan(targets=(workload.target(),))) as session:
        recording = session.run([_long()], on_progress=press, interval_s=0.1)
    assert recording.interrupted
    assert recording.phases[0].counts.ok > 10


def test_an_exception_of_the_callback_stops_the_run_and_comes_out(workload):
    def fail(_progress) -> None:
        raise LookupError("from the callback")

    with NativeSession.open(SessionPlan(targets=(workload.target(),), workers=2)) as session:
        begin = time.monotonic()
        with pytest.raises(LookupError, match="from the callback"):
            session.run([_long()], on_progress=fail, interval_s=0.05)
        assert time.monotonic() - begin < 1
        assert session.run([Phase(target=0, duration_s=0.05, arrivals=Arrivals.CLOSED)]).phases[0].counts.ok > 0


def test_an_exception_of_a_signal_handler_stops_the_run_and_comes_out(workload):
    def leave(_number, _frame) -> None:
        raise SystemExit(3)

    before = signal.signal(signal.SIGTERM, leave)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    try:
        with NativeSession.open(SessionPlan(targets=(workload.target(),))) as session:
            timer.start()
            with pytest.raises(SystemExit):
                session.run([_long()])
            timer.join()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_can_stop_a_run(workload):
    with NativeSession.open(SessionPlan(targets=(workload.target(),))) as session:
        timer = threading.Timer(0.2, session.stop)
        timer.start()
        recording = session.run([_long()])
        timer.join()
    assert recording.interrupted
    assert 0 < recording.phases[0].counts.ok < 500


def test_two_threads_cannot_run_the_same_session(workload):
    running = threading.Event()
    with NativeSession.open(SessionPlan(targets=(workload.target(),))) as session:
        other = threading.Thread(
            target=session.run, args=([_long()],), kwargs={"on_progress": lambda _: running.set(), "interval_s": 0.02}
        )
        other.start()
        assert running.wait(10)
        with pytest.raises(RuntimeError, match="another thread"):
            session.run([_long()])
        with pytest.raises(RuntimeError, match="another thread"):
            session.close()
        session.stop()
        other.join(10)


def test_the_interpreter_is_free_while_requests_run(workload):
    turns = 0
    done = threading.Event()

    def count() -> None:
        nonlocal turns
        while not done.wait(0.005):
            turns += 1

    counter = threading.Thread(target=count)
    with NativeSession.open(SessionPlan(targets=(workload.target(),))) as session:
        counter.start()
        session.run([Phase(target=0, duration_s=0.5, arrivals=Arrivals.CONSTANT, rate=100.0)])
        done.set()
        counter.join()
    assert turns > 20


def test_a_closed_session_says_so(workload):
    session = NativeSession.open(SessionPlan(targets=(workload.target(),)))
    session.close()
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.run([_long()])


def test_a_dropped_session_closes_its_connections(workload):
    tasks = _threads()
    session = NativeSession.open(SessionPlan(targets=(workload.target(),), workers=2))
    assert _threads() == tasks + 2
    del session
    assert _threads() == tasks


def test_a_forked_child_is_refused_and_ends_without_hanging(workload):
    program = f"""
import os
from meshperf.load import Arrivals, NativeSession, Phase, SessionPlan, Target
target = Target(name="echo", address={workload.address!r}, host="x")
session = NativeSession.open(SessionPlan(targets=(target,)))
child = os.fork()
if child == 0:
    for use in (lambda: session.run([]), session.close, session.stop):
        try:
            use()
        except RuntimeError as refused:
            assert "fork" in str(refused)
        else:
            os._exit(9)
    del session
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(session.run([Phase(target=0, duration_s=0.05, arrivals=Arrivals.CLOSED)]).phases[0].counts.ok > 0)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, env={**os.environ}, check=False
    )
    assert (outcome.stdout.strip(), outcome.returncode) == ("True", 0), outcome.stderr


def test_a_missing_engine_is_a_missing_prerequisite(monkeypatch):
    monkeypatch.setitem(sys.modules, "meshperf._native", None)
    monkeypatch.delattr("meshperf._native", raising=False)
    with pytest.raises(PrerequisiteError) as caught:
        NativeSession.open(SessionPlan(targets=()))
    assert caught.value.code == "MP3003"


def test_importing_plans_does_not_load_the_engine():
    program = (
        "import sys, meshperf.load as load\n"
        "load.SessionPlan, load.PhaseRecording, load.judge, load.NativeSession\n"
        "print('meshperf._native' in sys.modules)"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert outcome.stdout.strip() == "False"

"""Load as an object: begun, looked at, stopped, from threads and from asyncio; misuse says so and breaks nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from meshperf.errors import TargetError, UsageError
from meshperf.load import Arrivals, LoadHandle, NativeSession, Phase, SessionPlan, run

pytestmark = pytest.mark.needs_native


def _phase(duration_s: float = 0.3, **changes) -> Phase:
    given = {"target": 0, "duration_s": duration_s, "arrivals": Arrivals.CONSTANT, "rate": 200.0}
    return Phase(**{**given, **changes})


def _long(**changes) -> Phase:
    return _phase(20.0, **changes)


def _until(true, limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.01)


@pytest.fixture
def plan(workload) -> SessionPlan:
    return SessionPlan(targets=(workload.target(),))


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


# With threads.


def test_run_opens_runs_and_closes(plan):
    seen = []
    tasks = _threads()
    recording = run(plan, [_phase()], on_progress=seen.append, interval_s=0.05)
    assert recording.phases[0].counts.ok == 60
    assert seen
    assert seen[-1].ok <= 60
    _until(lambda: _threads() == tasks)


def test_a_handle_returns_at_once_and_the_result_comes_when_it_is_over(plan):
    with LoadHandle(plan) as load:
        begin = time.monotonic()
        load.start([_phase(0.5)])
        assert time.monotonic() - begin < 0.3
        assert not load.done()
        recording = load.result(timeout=10)
        assert load.done()
        assert load.result() is recording
    assert load.result() is recording
    assert recording.phases[0].counts.ok == 100
    assert not recording.interrupted


def test_a_result_that_is_not_there_in_time_is_a_timeout_and_the_run_goes_on(plan):
    with LoadHandle(plan) as load:
        load.start([_phase(0.4)])
        with pytest.raises(TimeoutError, match="still under way"):
            load.result(timeout=0.05)
        assert load.result(timeout=10).phases[0].counts.ok == 80


def test_snapshots_count_up_while_it_runs(plan):
    with LoadHandle(plan) as load:
        load.start([_long()])
        _until(lambda: load.snapshot().ok >= 20)
        first = load.snapshot()
        _until(lambda: load.snapshot().ok >= first.ok + 20)
        second = load.snapshot()
        load.stop()
        load.result()
    assert second.elapsed_s > first.elapsed_s
    assert second.response.total >= first.response.total > 0
    assert (second.phase, second.phases) == (0, 1)


def test_a_stopped_run_keeps_what_it_recorded(plan):
    with LoadHandle(plan) as load:
        load.start([_long(), _long()])
        _until(lambda: load.snapshot().ok >= 20)
        load.stop()
        recording = load.result(timeout=5)
    assert recording.interrupted
    assert 20 <= recording.phases[0].counts.ok < 2000


def test_connections_stay_warm_from_one_start_to_the_next(plan):
    with LoadHandle(plan) as load:
        for _ in range(3):
            load.start([_phase(0.05)])
            recording = load.result(timeout=10)
    assert recording.connections[0].opened == 4


def test_many_threads_may_wait_for_the_same_result_and_look_meanwhile(plan):
    results, snapshots = [], []

    def wait() -> None:
        results.append(load.result())

    def look() -> None:
        while not load.done():
            snapshots.append(load.snapshot())

    with LoadHandle(plan) as load:
        load.start([_phase(0.4)])
        threads = [threading.Thread(target=work) for work in (wait, wait, wait, look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(15)
    assert len(results) == 3
    assert all(result is results[0] for result in results)
    assert len(snapshots) > 3


def test_a_run_that_fails_says_so_each_time_it_is_asked(serve):
    def rude(connection) -> None:
        connection.recv(4096)
        connection.sendall(b"220 mail.example ESMTP\r\n")

    with LoadHandle(SessionPlan(targets=(serve(rude).target(),))) as load:
        load.start([_phase()])
        for _ in range(2):
            with pytest.raises(TargetError) as caught:
                load.result(timeout=10)
            assert caught.value.code == "MP5302"


def test_a_target_that_is_not_there_is_an_error_of_opening(free_address):
    from meshperf.load import Target

    load = LoadHandle(SessionPlan(targets=(Target(name="gone", address=free_address, host="x"),)))
    with pytest.raises(TargetError) as caught:
        load.open()
    assert caught.value.code == "MP5301"
    load.close()


@pytest.fixture
def free_address() -> str:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


# With asyncio.


def test_the_loop_goes_on_while_load_is_awaited(plan):
    async def main() -> tuple[int, int, int]:
        turns = snapshots = 0
        async with LoadHandle(plan) as load:
            load.start([_phase(0.5)])
            waiting = asyncio.ensure_future(load.wait())
            while not waiting.done():
                await asyncio.sleep(0.005)
                turns += 1
                snapshots += load.snapshot().phases
            return turns, snapshots, (await waiting).phases[0].counts.ok

    turns, snapshots, ok = asyncio.run(main())
    assert ok == 100
    assert turns > 20
    assert snapshots > 5


def test_a_cancelled_wait_leaves_the_run_as_it_is(plan):
    async def main() -> int:
        async with LoadHandle(plan) as load:
            load.start([_phase(0.4)])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(load.wait(), 0.05)
            return (await load.wait()).phases[0].counts.ok

    assert asyncio.run(main()) == 80


def test_leaving_the_block_ends_what_runs(plan):
    async def main() -> float:
        async with LoadHandle(plan) as load:
            load.start([_long()])
            await asyncio.sleep(0.1)
            begin = time.monotonic()
        return time.monotonic() - begin

    tasks = _threads()
    assert asyncio.run(main()) < 1
    _until(lambda: _threads() <= tasks)


def test_several_handles_run_in_one_loop(plan):
    async def one() -> int:
        async with LoadHandle(plan) as load:
            load.start([_phase(0.3)])
            return (await load.wait()).phases[0].counts.ok

    async def main() -> list[int]:
        return await asyncio.gather(*(one() for _ in range(4)))

    assert asyncio.run(main()) == [60] * 4


# Misuse.


def test_a_second_start_is_refused_until_the_result_was_taken(plan):
    with LoadHandle(plan) as load:
        load.start([_phase(0.05)])
        with pytest.raises(RuntimeError, match="already under way"):
            load.start([_phase()])
        load.result(timeout=10)
        load.start([_phase(0.05)])
        assert load.result(timeout=10).phases[0].counts.ok == 10


def test_a_result_of_nothing_is_refused(plan):
    with LoadHandle(plan) as load:
        for ask in (load.result, lambda: asyncio.run(load.wait())):
            with pytest.raises(RuntimeError, match="nothing was started"):
                ask()
        assert not load.done()
        load.stop()
    with pytest.raises(RuntimeError, match="nothing was started"):
        LoadHandle(plan).snapshot()


def test_a_phase_that_makes_no_sense_is_refused_and_another_may_follow(plan):
    with LoadHandle(plan) as load:
        with pytest.raises(UsageError) as caught:
            load.start([_phase(rate=-1.0)])
        assert caught.value.code == "MP1001"
        load.start([_phase(0.05)])
        assert load.result(timeout=10).phases[0].counts.ok == 10


def test_a_closed_handle_says_so(plan):
    load = LoadHandle(plan)
    load.start([_long()])
    load.close()
    load.close()
    for use in (load.open, load.snapshot, load.stop, load.result, load.done, lambda: load.start([_phase()])):
        with pytest.raises(RuntimeError, match="closed"):
            use()


def test_closing_while_others_wait_ends_their_waiting(plan):
    ended = []

    def wait() -> None:
        try:
            load.result()
        except RuntimeError as closed:
            ended.append(str(closed))

    load = LoadHandle(plan)
    load.start([_long()])
    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    _until(lambda: load.snapshot().ok > 5)
    load.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert len(ended) == 2
    assert all("closed" in text for text in ended)


def test_a_dropped_handle_ends_what_runs(plan):
    tasks = _threads()
    load = LoadHandle(plan)
    load.start([_long()])
    load.cycle = load
    del load
    gc.collect()
    _until(lambda: _threads() == tasks)


def test_garbage_is_collected_while_load_runs(plan):
    with LoadHandle(plan) as load:
        load.start([_phase(0.3)])
        while not load.done():
            knot: list = [load, load.snapshot()]
            knot.append(knot)
            del knot
            gc.collect()
        assert load.result().phases[0].counts.ok == 60


def test_ctrl_c_ends_the_waiting_and_not_the_run(plan):
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    with LoadHandle(plan) as load:
        load.start([_long()])
        timer.start()
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            load.result()
        assert time.monotonic() - begin < 1
        timer.join()
        assert not load.done()
        load.stop()
        recording = load.result(timeout=5)
    assert recording.interrupted
    assert recording.phases[0].counts.ok > 10


def test_a_forked_child_is_refused_and_ends_without_hanging(workload):
    program = f"""
import os
from meshperf.load import Arrivals, LoadHandle, Phase, SessionPlan, Target
target = Target(name="echo", address={workload.address!r}, host="x")
phase = Phase(target=0, duration_s=0.5, arrivals=Arrivals.CONSTANT, rate=100.0)
load = LoadHandle(SessionPlan(targets=(target,)))
load.start([phase])
child = os.fork()
if child == 0:
    for use in (load.snapshot, load.result, load.done, load.stop, load.close, load.open, lambda: load.start([phase])):
        try:
            use()
        except RuntimeError as refused:
            assert "fork" in str(refused), refused
        else:
            os._exit(9)
    del load
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(load.result().phases[0].counts.ok)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, env={**os.environ}, check=False
    )
    assert (outcome.stdout.strip(), outcome.returncode) == ("50", 0), outcome.stderr


def test_a_program_that_ends_while_load_runs_ends(workload):
    program = f"""
from meshperf.load import Arrivals, LoadHandle, Phase, SessionPlan, Target
target = Target(name="echo", address={workload.address!r}, host="x")
load = LoadHandle(SessionPlan(targets=(target,), workers=2))
load.start([Phase(target=0, duration_s=60.0, arrivals=Arrivals.CONSTANT, rate=100.0)])
print("left")
"""
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, env={**os.environ}, check=False
    )
    assert (outcome.stdout.strip(), outcome.returncode) == ("left", 0), outcome.stderr


# The session beneath.


def test_a_callback_may_look_and_stop_but_not_run_or_close(plan):
    refused = []

    def call_back(_progress) -> None:
        assert session.progress().phases == 1
        for use in (lambda: session.run([]), lambda: session.start([]), session.finish, session.close):
            try:
                use()
            except RuntimeError as misuse:
                refused.append(str(misuse))
        session.stop()

    with NativeSession.open(plan) as session:
        recording = session.run([_long()], on_progress=call_back, interval_s=0.05)
    assert recording.interrupted
    assert len(refused) >= 4
    assert len(refused) % 4 == 0
    assert all("in use" in text for text in refused)


def test_another_thread_may_look_while_a_run_is_attended(plan):
    seen = []
    with NativeSession.open(plan) as session:
        runner = threading.Thread(target=session.run, args=([_long()],))
        runner.start()
        _until(lambda: session.progress().ok > 5)
        for _ in range(20):
            begin = time.monotonic()
            session.progress()
            seen.append(time.monotonic() - begin)
        session.stop()
        runner.join(10)
    assert sorted(seen)[len(seen) // 2] < 0.2


def test_a_session_begun_twice_or_finished_without_a_run_says_so(plan):
    with NativeSession.open(plan) as session:
        assert session.wait()
        with pytest.raises(RuntimeError, match="no run is under way"):
            session.finish()
        session.start([_phase(0.1)])
        for again in (session.start, session.run):
            with pytest.raises(RuntimeError, match="already under way"):
                again([_phase()])
        assert session.finish().phases[0].counts.ok == 20


@pytest.mark.parametrize("limit_s", [0.0, -1.0, float("nan")])
def test_a_wait_without_time_is_a_look(plan, limit_s):
    with NativeSession.open(plan) as session:
        session.start([_long()])
        begin = time.monotonic()
        assert not session.wait(limit_s)
        assert time.monotonic() - begin < 0.2
        session.stop()
        assert session.wait(float("inf"))
        assert session.finish().interrupted


# Changing the rate.


def test_a_rate_that_is_set_holds_until_the_phase_ends(plan):
    with LoadHandle(plan) as load:
        load.start([_phase(2.0, rate=50.0), _phase(0.5, rate=50.0)])
        _until(lambda: load.snapshot().sent >= 10)
        before_s = load.snapshot().elapsed_s
        load.set_rate(400.0)
        after_s = load.snapshot().elapsed_s
        first, second = load.result(timeout=10).phases
    # 50/s until the change, 400/s from then on. Phases begin a little after the run does.
    least, most = (50 * changed_s + 400 * (2.0 - changed_s) for changed_s in (after_s, before_s))
    assert least - 20 <= first.counts.offered <= most + 20
    assert second.counts.offered == 25


def test_a_rate_can_be_set_from_the_callback_and_for_poisson_arrivals(plan):
    def faster(_progress) -> None:
        session.set_rate(1000.0)

    with NativeSession.open(plan) as session:
        recording = session.run([_phase(1.0, rate=5.0, arrivals=Arrivals.POISSON)], on_progress=faster, interval_s=0.2)
    assert 500 < recording.phases[0].counts.offered < 900


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_rate_is_refused(plan, rate):
    with LoadHandle(plan) as load:
        load.start([_long()])
        with pytest.raises(UsageError) as caught:
            load.set_rate(rate)
        assert caught.value.code == "MP1001"


def test_a_phase_without_a_rate_keeps_none(plan):
    with LoadHandle(plan) as load:
        load.start([Phase(target=0, duration_s=20.0, arrivals=Arrivals.CLOSED)])
        with pytest.raises(UsageError, match="only constant and Poisson") as caught:
            load.set_rate(10.0)
        assert caught.value.code == "MP1001"


def test_a_rate_is_set_only_while_something_runs(plan):
    with LoadHandle(plan) as load:
        with pytest.raises(RuntimeError, match="no run"):
            load.set_rate(10.0)
        load.start([_phase(0.05)])
        load.result(timeout=10)
        with pytest.raises(RuntimeError, match="no run"):
            load.set_rate(10.0)

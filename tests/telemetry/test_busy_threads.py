"""The busiest thread of this very process, and a table that is made up."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from meshperf.telemetry import ThreadTimes, busiest_share, cores_of, longest_wait_share, thread_times


def times(cpu_s: float, wait_s: float = 0.0) -> ThreadTimes:
    return ThreadTimes(cpu_s=cpu_s, wait_s=wait_s)


def test_the_busiest_and_the_longest_waiting_thread_count() -> None:
    before = {1: times(1.0, 0.5), 2: times(2.0, 0.0), 3: times(9.0)}
    after = {1: times(1.2, 0.9), 2: times(3.5, 0.1), 4: times(100.0, 100.0)}
    assert busiest_share(before, after, 2.0) == pytest.approx(0.75)
    assert longest_wait_share(before, after, 2.0) == pytest.approx(0.2)


def test_without_a_common_thread_nothing_is_known() -> None:
    assert busiest_share({}, {1: times(1.0)}, 1.0) is None
    assert longest_wait_share({1: times(1.0)}, {1: times(1.0)}, 0.0) is None


def test_a_thread_that_computes_is_seen_at_it() -> None:
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=compute)
    before = thread_times(os.getpid())
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while True:
            known = thread_times(os.getpid()).get(thread.native_id or 0)
            if known is not None and known.cpu_s > 0.05:
                break
            assert time.monotonic() < deadline, "the thread is never on a core"
            time.sleep(0.01)
    finally:
        stop.set()
        thread.join()
    assert thread.native_id not in before


def test_a_table_is_read_and_what_is_broken_left_out(tmp_path: Path) -> None:
    for tid, text in ((7, "1500000000 250000000 10\n"), (8, "garbage\n"), (9, "")):
        task = tmp_path / "42" / "task" / str(tid)
        task.mkdir(parents=True)
        (task / "schedstat").write_text(text)
    assert thread_times(42, proc=tmp_path) == {7: times(1.5, 0.25)}
    assert thread_times(43, proc=tmp_path) == {}


def test_a_process_can_be_on_as_many_cores_as_it_has_threads_and_may_use() -> None:
    assert cores_of(os.getpid(), 1) == 1
    assert cores_of(os.getpid(), 10_000) == len(os.sched_getaffinity(0))
    assert cores_of(2**22 + 1, 0) == 1

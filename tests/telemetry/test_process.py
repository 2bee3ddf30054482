"""What a process used, against children whose use is known."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from meshperf.environments import processes
from meshperf.telemetry.process import ProcessReading, process_cpu_s, read_process, usage


@contextmanager
def child(code: str) -> Iterator[subprocess.Popen[str]]:
    """A child that does what stdin asks, one line at a time, and answers with a line."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    with process:
        yield process
        process.kill()


def ask(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("go\n")
    return process.stdout.readline().strip()


BURN = """
import sys, time
for _ in sys.stdin:
    began = time.process_time()
    while time.process_time() - began < 0.2: pass
    print(time.process_time() - began, flush=True)
"""


def test_cpu_seconds_are_those_the_process_itself_counted() -> None:
    with child(BURN) as process:
        ask(process)
        before = read_process(process.pid)
        burnt = float(ask(process))
        used = usage(before, read_process(process.pid), component="app", role="app", requests=10)
    assert used.cpu_s is not None
    assert burnt <= used.cpu_s < burnt + 0.05
    assert used.requests == 10


def test_cpu_seconds_count_all_threads_ended_ones_too() -> None:
    code = """
import sys, threading, time
def burn():
    began = time.thread_time()
    while time.thread_time() - began < 0.1: pass
for _ in sys.stdin:
    threads = [threading.Thread(target=burn) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print('done', flush=True)
"""
    with child(code) as process:
        before = process_cpu_s(process.pid)
        ask(process)
        assert process_cpu_s(process.pid) - before >= 0.2


def test_private_memory_grows_by_what_is_written() -> None:
    size = 32 << 20
    code = f"""
import sys
kept = []
for _ in sys.stdin:
    kept.append(bytearray(b'x') * {size})
    print('done', flush=True)
"""
    with child(code) as process:
        before = read_process(process.pid)
        ask(process)
        after = read_process(process.pid)
    assert before.private_bytes is not None and after.private_bytes is not None
    assert size <= after.private_bytes - before.private_bytes < 1.1 * size
    assert after.pss_bytes is not None and after.rss_bytes is not None
    assert after.private_bytes <= after.pss_bytes <= after.rss_bytes


def test_threads_and_voluntary_switches_are_summed_over_all_threads() -> None:
    code = """
import sys, threading, time
go = threading.Barrier(4)
stay = threading.Event()
def nap():
    go.wait()
    for _ in range(20): time.sleep(0.001)
    go.wait()
    stay.wait()
for _ in range(3): threading.Thread(target=nap, daemon=True).start()
sys.stdin.readline()
print('up', flush=True)
sys.stdin.readline()
go.wait(); go.wait()
print('slept', flush=True)
sys.stdin.readline()
"""
    with child(code) as process:
        ask(process)
        before = read_process(process.pid)
        ask(process)
        used = usage(before, read_process(process.pid), component="app", role="app")
    assert used.threads == 4
    assert used.context_switches_voluntary is not None and used.context_switches_voluntary >= 60
    assert used.context_switches_involuntary is not None


def test_a_process_that_is_gone_is_said_to_be_gone() -> None:
    with child("") as process:
        process.wait()
    reading = read_process(process.pid)
    assert reading.cpu_s is None
    assert reading.unavailable["cpu_s"] == reading.unavailable["pss_bytes"] == f"process {process.pid} is gone"
    with pytest.raises(ProcessLookupError):
        process_cpu_s(process.pid)


def test_a_later_process_with_the_same_pid_is_not_taken_for_it() -> None:
    ticks = processes.start_ticks(os.getpid())
    assert ticks is not None
    assert read_process(os.getpid(), start_ticks=ticks).cpu_s is not None
    assert read_process(os.getpid(), start_ticks=ticks - 1).cpu_s is None


def test_differences_across_a_restart_are_unavailable_and_not_negative() -> None:
    before = ProcessReading(
        pid=5, start_ticks=1, cpu_s=9.0, context_switches_voluntary=1, context_switches_involuntary=1
    )
    after = ProcessReading(
        pid=5, start_ticks=2, cpu_s=10.0, context_switches_voluntary=2, context_switches_involuntary=2
    )
    used = usage(before, after, component="envoy", role="sidecar")
    assert used.cpu_s is None and used.context_switches_voluntary is None
    assert "not the one of the first reading" in used.unavailable["cpu_s"]


def test_switches_lost_with_ended_threads_are_unavailable() -> None:
    before = ProcessReading(
        pid=5, start_ticks=1, cpu_s=1.0, context_switches_voluntary=50, context_switches_involuntary=3
    )
    after = ProcessReading(
        pid=5, start_ticks=1, cpu_s=1.5, context_switches_voluntary=40, context_switches_involuntary=4
    )
    used = usage(before, after, component="envoy", role="sidecar", bytes_in=7)
    assert used.cpu_s == 0.5
    assert used.context_switches_voluntary is None
    assert "threads ended" in used.unavailable["context_switches_voluntary"]
    assert used.context_switches_involuntary == 1
    assert used.bytes_in == 7 and "bytes_out" in used.unavailable and "bytes_in" not in used.unavailable


def test_reading_a_process_is_quick_enough_to_do_between_rounds() -> None:
    began = time.process_time()
    for _ in range(20):
        read_process(os.getpid())
    assert (time.process_time() - began) / 20 < 0.02

"""How long threads waited for a core."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshperf.telemetry.run_queue import RunQueueReading, read_run_queue, run_queue_wait


def test_two_threads_on_one_core_wait_for_one_another() -> None:
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os,sys,time\nos.sched_setaffinity(0, {{{core}}})\nprint('up', flush=True)\nsys.stdin.readline()\n"
        + (
            "began = time.process_time()\nwhile time.process_time() - began < 0.15: pass\nprint('done', flush=True)\n"
            "sys.stdin.readline()"
        )
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as one,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as other,
    ):
        pair = (one, other)
        for process in pair:
            assert process.stdout is not None and process.stdout.readline() == "up\n"
        before = [read_run_queue(process.pid, [process.pid]) for process in pair]
        for process in pair:
            assert process.stdin is not None
            process.stdin.write("go\n")
        for process in pair:
            assert process.stdout is not None and process.stdout.readline() == "done\n"
        waits = [
            run_queue_wait(early, read_run_queue(process.pid, [process.pid]))
            for early, process in zip(before, pair, strict=True)
        ]
        for process in pair:
            process.kill()
    assert all(wait is not None and wait >= 0 for wait in waits)
    # 0.3 s of work on one core: whoever is done first has waited for about as long as it worked.
    assert sum(wait for wait in waits if wait is not None) > 0.1


def test_waits_are_seconds_summed_over_the_threads(tmp_path: Path) -> None:
    for tid, nanoseconds in ((7, 2_000_000_000), (8, 500_000_000)):
        task = tmp_path / "5" / "task" / str(tid)
        task.mkdir(parents=True)
        (task / "schedstat").write_text(f"111 {nanoseconds} 3\n")
    reading = read_run_queue(5, (7, 8), proc=tmp_path)
    assert reading.wait_s == {7: 2.0, 8: 0.5}
    assert run_queue_wait(RunQueueReading(wait_s={7: 1.0, 8: 0.25}), reading) == pytest.approx(1.25)


def test_a_thread_that_is_gone_makes_the_sum_unknown(tmp_path: Path) -> None:
    gone = read_run_queue(5, (7,), proc=tmp_path)
    assert gone.wait_s == {} and "thread 7" in gone.unavailable[7]
    assert run_queue_wait(RunQueueReading(wait_s={7: 1.0}), gone) is None


def test_an_odd_schedstat_is_unavailable_and_not_zero(tmp_path: Path) -> None:
    task = tmp_path / "5" / "task" / "7"
    task.mkdir(parents=True)
    (task / "schedstat").write_text("")
    assert "unexpected form" in read_run_queue(5, (7,), proc=tmp_path).unavailable[7]

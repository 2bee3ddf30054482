"""Watched processes: their memory as it grows, their end, and a bounded number of samples."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from meshperf.experiment.kinds import watching
from meshperf.experiment.kinds.watching import Watch

MIB = 2**20
GROWS = """
import sys
kept = []
print("ready", flush=True)
for line in sys.stdin:
    kept.append(bytearray(b"x" * int(line)))
    print("done", flush=True)
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", GROWS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as grows:
        assert grows.stdout.readline() == "ready\n"
        yield grows
        grows.kill()


def test_memory_is_read_before_and_after_it_grew(process: subprocess.Popen[str]) -> None:
    begin = time.monotonic()
    with Watch({"app": process.pid}, interval_s=60.0) as watch:
        process.stdin.write(f"{8 * MIB}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
    first, last = watch.samples(origin_monotonic_s=begin)
    assert 8 * MIB <= last.private_bytes - first.private_bytes <= 9 * MIB
    assert (first.cpu_cores, last.alive) == (None, True)
    assert last.cpu_cores > 0
    assert 0 <= first.t_s <= last.t_s


def test_a_process_that_ends_is_found_gone(process: subprocess.Popen[str]) -> None:
    with Watch({"app": process.pid}, interval_s=60.0) as watch:
        process.kill()
        process.wait()
    first, last = watch.samples(origin_monotonic_s=0.0)
    assert (first.alive, last.alive) == (True, False)
    assert last.private_bytes is None


def test_samples_before_the_origin_are_left_out(process: subprocess.Popen[str]) -> None:
    with Watch({"app": process.pid}, interval_s=60.0) as watch:
        pass
    assert watch.samples(origin_monotonic_s=time.monotonic() + 1) == ()


def test_a_long_watch_keeps_its_whole_course_in_few_samples(
    process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_SAMPLES", 8)
    begin = time.monotonic()
    watch = Watch({"app": process.pid}, interval_s=0.002)
    deadline = time.monotonic() + 10
    with watch:
        while watch._interval_s < 0.03:
            assert time.monotonic() < deadline, "the interval does not double"
            time.sleep(0.005)
    samples = watch.samples(origin_monotonic_s=begin)
    assert 2 <= len(samples) <= 10
    assert samples[0].t_s < samples[-1].t_s / 4


def test_nothing_to_watch_starts_no_thread() -> None:
    with Watch({}) as watch:
        pass
    assert watch.samples(origin_monotonic_s=0.0) == ()

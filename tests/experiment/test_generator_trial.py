"""What a generator may be believed for follows from its readings alone."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import replace

import pytest

from meshperf.experiment.generator_trial import Trial, await_stall, believed, p99_theory_s
from meshperf.workloads import executable

RIGHT = Trial(
    generator="meshperf",
    kept=1.0,
    plain_rps=1000.0,
    p50_error_s=0.05e-3,
    stall_p99_s=0.1895,
    stall_theory_s=0.1901,
    stall_kept=1.0,
)


def test_one_that_is_right_is_believed_for_everything() -> None:
    words = believed(RIGHT)
    assert (words.believe, words.doubt, words.omits) == (("the rate", "medians", "tails"), (), False)


def test_one_that_waits_for_replies_is_not_believed_for_tails() -> None:
    words = believed(replace(RIGHT, stall_p99_s=0.0016))
    assert (words.believe, words.doubt, words.omits) == (("the rate", "medians"), ("tails",), True)


def test_one_that_drops_what_is_due_in_a_stall_omits_it_too() -> None:
    assert believed(replace(RIGHT, stall_kept=0.8)).omits


def test_one_that_misses_the_rate_is_told_with_its_share() -> None:
    assert "the rate (84.2% of it)" in believed(replace(RIGHT, kept=0.842)).doubt


def test_a_slow_timer_is_told_with_the_medians_that_it_spoils() -> None:
    assert believed(replace(RIGHT, p50_error_s=0.76e-3)).doubt == ("medians below 8 ms",)


def test_a_closed_loop_is_believed_for_its_throughput_only() -> None:
    words = believed(replace(RIGHT, paced=False, kept=None, stall_kept=None, stall_theory_s=None, p50_error_s=None))
    assert (words.believe, words.doubt, words.omits) == (("throughput of a closed loop",), ("tails",), True)


def test_what_could_not_be_tried_is_neither_believed_nor_doubted() -> None:
    words = believed(Trial(generator="k6", failure="it crashed"))
    assert (words.believe, words.doubt, words.omits) == ((), (), None)


def test_the_theory_of_a_stall() -> None:
    assert p99_theory_s(10_000.0, 150_000.0) == pytest.approx(0.1907, abs=1e-4)
    assert p99_theory_s(30_000.0, 150_000.0) == pytest.approx(0.192, abs=1e-4)


@pytest.mark.needs_native
def test_a_stall_is_waited_for_until_it_is_over() -> None:
    line = [str(executable()), "--listen", "127.0.0.1:0", "--stall", "200ms/1000ms"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            await_stall(ready["address"])
            into_s = (time.monotonic_ns() - ready["started_monotonic_ns"]) * 1e-9 % 1.0
        finally:
            process.kill()
    assert into_s < 0.5

"""Memory that is known: of this process, and of series whose slope is given."""

from __future__ import annotations

import mmap
import os

import numpy as np
import pytest

from benchmarks.memory import Size, size, slope


def test_the_anonymous_memory_of_a_process_grows_by_what_it_touches():
    before = size(os.getpid(), 0.0)
    with mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as touched:
        for page in range(0, len(touched), mmap.PAGESIZE):
            touched[page] = 1
        after = size(os.getpid(), 1.0)
    assert after.anonymous - before.anonymous == pytest.approx(32 << 20, rel=0.05)
    assert 0 < after.pss <= after.rss


def test_a_process_that_is_gone_has_no_size():
    with pytest.raises(OSError):
        size(2**22 + 1, 0.0)


def test_a_step_of_the_allocator_is_no_trend_and_a_leak_is():
    def sizes(values: np.ndarray) -> list[Size]:
        return [Size(at_s=float(at), anonymous=int(value), pss=0, rss=0) for at, value in enumerate(values)]

    step = np.full(600, 50e6)
    step[400:] += 2e6
    assert slope(sizes(step))[0] == 0.0
    leak = 50e6 + np.arange(600) * 1e6 / 3600 * 5 + np.random.default_rng(1).normal(0, 2e3, 600)
    value, low, high = slope(sizes(leak))
    assert value == pytest.approx(5.0, rel=0.02)
    assert low < 5.0 < high

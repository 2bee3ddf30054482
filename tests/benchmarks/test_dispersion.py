"""Evenness of arrivals whose index is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.dispersion import Arrived, index_of_dispersion, judged


def test_even_arrivals_have_an_index_of_zero():
    assert index_of_dispersion(np.arange(0, 1, 1e-4) + 5e-5, 0.001) == pytest.approx(0, abs=0.01)


def test_poisson_arrivals_have_an_index_of_one():
    times = np.cumsum(np.random.default_rng(1).exponential(1e-4, 100_000))
    assert index_of_dispersion(times, 0.001) == pytest.approx(1, abs=0.06)


def test_bursts_of_a_timer_tick_have_the_size_of_the_burst():
    # Ten at a time every ten windows: counts are 10 in a tenth of the windows, variance 9, mean 1.
    assert index_of_dispersion(np.repeat(np.arange(0, 5, 0.01), 10), 0.001) == pytest.approx(9, rel=0.05)


def test_too_few_arrivals_have_no_index():
    assert math.isnan(index_of_dispersion(np.array([0.0]), 0.001))
    assert math.isnan(index_of_dispersion(np.array([]), 0.001))


def test_the_best_run_of_ours_is_judged_and_no_others():
    def arrived(tool: str, index: float) -> Arrived:
        return Arrived(tool=tool, rate=10_000.0, poisson=False, count=9, index_1ms=index, gap_p99_s=250e-6)

    evenness, gaps = judged([arrived("meshperf", 4.0), arrived("meshperf", 0.2), arrived("k6", 0.01)])
    assert (evenness.value, evenness.met, evenness.test) == (0.2, True, 4)
    assert (gaps.value, gaps.met) == (pytest.approx(2.5), False)
    (absent,) = judged([arrived("k6", 0.01)])
    assert absent.met is None

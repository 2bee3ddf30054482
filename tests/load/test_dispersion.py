"""The index of dispersion on counts whose dispersion is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshperf.load.dispersion import FEWEST_WINDOWS, index_of_dispersion


def _bytes(counts) -> bytes:
    return np.asarray(counts, dtype="<u4").tobytes()


def test_a_constant_number_in_each_window_has_none():
    assert index_of_dispersion([_bytes([10] * 1000)], 1) == 0.0
    assert index_of_dispersion([_bytes([10] * 1000)], 10) == 0.0


def test_a_slow_constant_rate_is_uneven_in_1_ms_and_even_in_10():
    every_fourth = _bytes([1, 0, 0, 0] * 500)
    assert index_of_dispersion([every_fourth], 1) == pytest.approx(0.75, abs=0.001)
    assert index_of_dispersion([_bytes([1, 0] * 1000)], 10) == 0.0


@pytest.mark.parametrize("rate_per_ms", [0.2, 1.0, 10.0])
@pytest.mark.parametrize("window_ms", [1, 10])
def test_a_poisson_process_has_one_whatever_its_rate(rate_per_ms, window_ms):
    sent = np.random.default_rng(7).poisson(rate_per_ms, 60_000)
    standard_error = (2 / (60_000 / window_ms - 1)) ** 0.5
    assert index_of_dispersion([_bytes(sent)], window_ms) == pytest.approx(1.0, abs=4 * standard_error)


def test_bursts_have_more():
    # All of 100 in every tenth millisecond: mean 10, variance 900.
    sent = _bytes([100] + [0] * 9) * 1000
    assert index_of_dispersion([sent], 1) == pytest.approx(90, rel=0.001)
    assert index_of_dispersion([sent], 10) == 0.0


def test_windows_do_not_reach_over_two_stretches_and_rests_are_left_out():
    stretch = _bytes([1] * 10 + [100] * 9)
    assert index_of_dispersion([stretch] * FEWEST_WINDOWS, 10) == 0.0


@pytest.mark.parametrize(
    "stretches", [[], [b""], [_bytes([1] * (FEWEST_WINDOWS - 1))], [_bytes([0] * 100)], [_bytes([1] * 9)] * 3]
)
def test_too_few_windows_or_nothing_sent_is_unknown(stretches):
    assert index_of_dispersion(stretches, 1 if len(stretches) < 3 else 10) is None


def test_a_window_shorter_than_a_millisecond_is_refused():
    with pytest.raises(ValueError, match="at least 1 ms"):
        index_of_dispersion([], 0)


@given(st.lists(st.integers(0, 1000), min_size=FEWEST_WINDOWS, max_size=80), st.randoms())
def test_the_order_of_windows_and_how_stretches_are_cut_make_no_difference(counts, random):
    whole = index_of_dispersion([_bytes(counts)], 1)
    cut = random.randrange(len(counts))
    random.shuffle(counts)
    parts = index_of_dispersion([_bytes(counts[:cut]), _bytes(counts[cut:])], 1)
    assert parts == (None if whole is None else pytest.approx(whole, rel=1e-12, abs=1e-12))

"""Bounds of a rate from brackets, one a round."""

from __future__ import annotations

import bisect
import math

import numpy as np
import pytest

from meshperf.analysis.rate_bounds import BRACKET, INTERVAL, rate_bounds

LADDER = [250.0, 500.0, 750.0, 1000.0, 1250.0, 1500.0, 1750.0, 2000.0]


def test_rounds_that_agree_give_their_bracket_and_call_it_one() -> None:
    found = rate_bounds([(500.0, 750.0)] * 6)
    assert (found.low, found.high, found.basis) == (500.0, 750.0, BRACKET)
    assert found.value == pytest.approx(math.sqrt(500 * 750))


def test_one_round_has_a_bracket_and_no_interval() -> None:
    assert rate_bounds([(500.0, 750.0)]).basis == BRACKET


def test_rounds_that_differ_widen_the_bounds_beyond_their_ends() -> None:
    found = rate_bounds([(500.0, 750.0), (750.0, 1000.0), (500.0, 750.0), (500.0, 750.0)])
    assert found.basis == INTERVAL
    assert found.low is not None and found.low < 500.0
    assert found.high is not None and found.high > 750.0


def test_a_side_stays_open_where_any_round_has_no_end_there() -> None:
    found = rate_bounds([(500.0, None), (500.0, 750.0)])
    assert (found.low, found.high, found.value, found.open_above) == (500.0, None, None, 1)
    below = rate_bounds([(None, 250.0), (250.0, 500.0)])
    assert below.low is None and below.open_below == 1 and below.high is not None


def test_no_round_has_no_bounds() -> None:
    found = rate_bounds([])
    assert (found.low, found.high, found.value, found.rounds) == (None, None, None, 0)


@pytest.mark.parametrize("spread", [0.05, 0.2])
def test_the_bounds_hold_the_mean_rate_at_least_93_times_in_100(spread: float) -> None:
    """Each round's true rate scatters around 900/s and is known up to the neighbouring load points only."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        brackets = []
        for true in 900 * np.exp(rng.normal(0, spread, 6)):
            above = bisect.bisect_left(LADDER, true)
            brackets.append((LADDER[above - 1], LADDER[above]))
        found = rate_bounds(brackets)
        assert found.low is not None and found.high is not None
        held += found.low <= 900 <= found.high
    assert held >= 0.93 * 400

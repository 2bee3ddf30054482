"""The theory of the stall table, against a queue that is worked through request by request."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.peers import ALL, named
from benchmarks.stall_truth import PERIOD_S, STALL_S, Theory, spread


def _responses(rate: float, capacity: float, periods: int = 3) -> np.ndarray:
    """Response times [s] of even arrivals at one server that stops for the last STALL_S of every PERIOD_S."""
    service, free, responses = 1 / capacity, 0.0, []
    for due in np.arange(0.4, 0.4 + periods * PERIOD_S, 1 / rate):
        begin = max(due, free)
        if begin % PERIOD_S >= PERIOD_S - STALL_S:
            begin = (begin // PERIOD_S + 1) * PERIOD_S
        free = begin + service
        responses.append(free - due)
    return np.array(responses)


@pytest.mark.parametrize(("rate", "capacity"), [(1000.0, 100_000.0), (10_000.0, 100_000.0), (10_000.0, 20_000.0)])
def test_quantiles_and_mean_are_those_of_the_queue(rate, capacity):
    responses, theory = _responses(rate, capacity), Theory.whole(rate, capacity)
    told = np.quantile(responses, [0.9, 0.99, 0.999])
    assert told == pytest.approx([theory.p90, theory.p99, theory.p999], abs=1.5e-3)
    assert responses.mean() == pytest.approx(theory.mean, rel=0.01)


def test_half_of_the_connections_are_a_stall_of_half_of_the_requests():
    stopped = _responses(5000.0, 95_000.0)
    responses = np.concatenate([stopped, np.zeros(stopped.size)])
    theory = Theory.half_pinned(10_000.0, 100_000.0)
    assert np.quantile(responses, [0.9, 0.99]) == pytest.approx([theory.p90, theory.p99], abs=1.5e-3)
    assert responses.mean() == pytest.approx(theory.mean, rel=0.01)


@pytest.mark.parametrize(("repeat", "places"), [(1, [5]), (2, [0, 6]), (3, [0, 3, 7])])
def test_our_runs_are_spread_over_the_others(repeat, places):
    others = [peer for peer in ALL if peer.name != "meshperf"][:5]
    order = spread(others, repeat)
    assert [number for number, peer in enumerate(order) if peer is named("meshperf")] == places
    assert [peer for peer in order if peer.name != "meshperf"] == others

"""Simulated experiments for intervals of rates: the law of scalability, a rate bracketed in each round, capacity.

The noise of a run is that of every single throughput; capacity moves from step to step by a third of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.simulated_documents import REQUESTS, Noise, side
from benchmarks.simulated_sessions import known
from benchmarks.simulated_truth import Known
from meshperf.analysis.capacity import CapacitySearch
from meshperf.analysis.load_family import load_families
from meshperf.analysis.rate_bounds import rate_bounds
from meshperf.analysis.scalability import Scalability, scalability
from meshperf.spec.kinds import ObjectiveReading, StepOutcome, StepState
from meshperf.spec.records import Fact

__all__ = ["CONFIRMATIONS", "bracketed", "capacity", "law"]

CONCURRENCIES = (1, 2, 4, 8, 16, 32, 64)
RATE_OF_ONE, CONTENTION, COHERENCY = 1000.0, 0.03, 0.0004
PEAK = math.sqrt((1 - CONTENTION) / COHERENCY)
KNEE_RPS, GRID, WANDERS = 1000.0, math.log(1.25), 3
"""Load points are 25 % apart; the knee moves by three times the noise of a run."""
CONFIRMATIONS = 5
SHARE = 0.99
SPREAD = 1 / 3


def law(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """Closed loops of one to 64 requests in flight, each throughput with noise of its own."""
    runs = []
    for point, n in enumerate(CONCURRENCIES):
        facts = {"load.in_flight": Fact(value=n), "load.arrivals": Fact(value="closed")}
        made = side("baseline", np.zeros(rounds), load_point=point, offered_rps=None, facts=facts)
        rates = _throughput(n) * np.exp(noise.draw(rng, rounds))
        runs += [replace(run, measured_s=REQUESTS / rate) for run, rate in zip(made, rates.tolist(), strict=True)]
    (family,) = load_families(runs)
    found = scalability("baseline", runs, family)
    if not isinstance(found, Scalability):  # refused, rightly: bad runs bend it more than a tenth
        return
    yield known("contention of the scalability law", found.contention, CONTENTION)
    yield known("coherency of the scalability law", found.coherency, COHERENCY)
    if found.peak is not None and found.peak_rps is not None:
        yield known("peak of the scalability law", found.peak, PEAK)
        if not noise.heavy:  # bad runs take of every throughput
            yield known("throughput at the peak of the law", found.peak_rps, _throughput(PEAK))


def bracketed(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """A knee that lies anew in every round, seen only as the two load points around it."""
    truth = math.log(KNEE_RPS) + rng.uniform(0, GRID)  # anywhere between two load points
    places = truth + WANDERS * (noise.draw(rng, rounds) - noise.mean_log)
    below = np.floor(places / GRID)
    brackets = [(math.exp(at * GRID), math.exp((at + 1) * GRID)) for at in below.tolist()]
    found = rate_bounds(brackets)
    assert found.low is not None and found.high is not None
    yield Known(what="a rate bracketed in each round", low=found.low, high=found.high, truth=math.exp(truth))


def capacity(rng: np.random.Generator, noise: Noise, _: int) -> Iterator[Known]:
    """A search against a server whose capacity moves from step to step."""
    truth = float(rng.uniform(200, 5000))
    search = CapacitySearch(
        start_rate=100.0, least_rate=1.0, max_rate=1e6, growth=2.0, resolution=0.02, confirmations=CONFIRMATIONS
    )
    while (wanted := search.next()) is not None:
        now = truth * math.exp(float(noise.draw(rng, 1)[0] - noise.mean_log) * SPREAD)
        search.add(_step(wanted.label, wanted.rate, min(1.0, now / wanted.rate)))
    found = search.outcome()
    if found.low_rps is not None and found.high_rps is not None:
        yield Known(what="capacity found by a search", low=found.low_rps, high=found.high_rps, truth=truth)


def _throughput(n: float) -> float:
    return RATE_OF_ONE * n / (1 + CONTENTION * (n - 1) + COHERENCY * n * (n - 1))


def _step(label: str, rate: float, share: float) -> StepOutcome:
    held = share >= SHARE
    reading = ObjectiveReading(objective="achieved >= 99%", value=share, threshold=SHARE, unit="1", held=held)
    return StepOutcome(
        label=label,
        state=StepState.HELD if held else StepState.FAILED,
        offered_rps=rate,
        achieved_rps=share * rate,
        begin_s=0,
        duration_s=1,
        requests=100,
        failed=0,
        objectives=(reading,),
    )

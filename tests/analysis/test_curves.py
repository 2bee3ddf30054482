"""Curves of response time against rate, from queues whose curve is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ladder_sample import TRUTHS, ladder
from meshperf.analysis.curves import curve
from meshperf.analysis.load_family import load_families
from meshperf.histograms import Histogram
from meshperf.spec.records import Claim, RunResult, Validity, ValidityState

RATES = tuple(100.0 * n for n in range(1, 10))


def queue(capacity: float = 1000.0, *, rounds: int = 6, noise: float = 0.03, requests: int = 4000) -> list[RunResult]:
    """A queue with random arrivals: response times are exponential with mean 1 / (capacity - rate)."""
    rng = np.random.default_rng(4)
    runs = []
    for run in ladder({"baseline": TRUTHS["baseline"]}, rates=RATES, rounds=rounds, requests=10):
        mean = np.exp(rng.normal(0, noise)) / (capacity - run.offered_rps)
        runs.append(replace(run, response=Histogram.from_values(rng.exponential(mean, requests))))
    return runs


def made(runs: list[RunResult], arm: str = "baseline"):
    (family,) = load_families(runs)
    return curve(arm, runs, family)


def test_the_knee_of_a_queue_is_at_half_of_its_capacity() -> None:
    found = made(queue()).knee
    assert found.bounds.low < 500 < found.bounds.high
    assert found.bounds.rounds == 6 and sum(found.verdicts.values()) == 6


def test_the_intervals_of_the_quantiles_hold_those_of_the_queue() -> None:
    held = total = 0
    for point in made(queue(noise=0.05)).points:
        for name, q in (("p50", 0.5), ("p90", 0.9)):
            truth = -np.log(1 - q) / (1000 - point.offered_rps)
            held += point.quantiles[name].low <= truth <= point.quantiles[name].high
            total += 1
    assert held >= total - 3  # 18 intervals, each right 95 times in 100


def test_a_p99_of_few_requests_is_pooled_and_has_no_interval() -> None:
    point = made(queue(requests=4000)).points[0]
    assert point.quantiles["p99"].method.startswith("pooled") and np.isnan(point.quantiles["p99"].low)
    rich = made(queue(requests=12_000, rounds=3)).points[0]
    assert rich.quantiles["p99"].low < rich.quantiles["p99"].value < rich.quantiles["p99"].high


def test_a_rate_that_is_not_sustained_stays_in_the_curve_and_is_counted() -> None:
    truths = {"envoy": replace(TRUTHS["envoy"], slow_from=1000.0, gives_up_from=1000.0)}
    found = made(ladder(truths), "envoy")
    assert [(point.sustained, point.rounds) for point in found.points] == [(6, 6)] * 3 + [(0, 6)]
    assert found.points[-1].quantiles["p50"].value > 50 * found.points[0].quantiles["p50"].value
    assert (found.knee.bounds.low, found.knee.bounds.high) == (500.0, 1000.0)


def test_what_the_generator_spoilt_or_a_claim_broke_is_left_out() -> None:
    runs = ladder()
    spoilt = [
        replace(run, validity=Validity(state=ValidityState.CLIENT_LIMITED)) if run.round == 0 else run for run in runs
    ]
    assert {point.rounds for point in made(spoilt).points} == {5}
    broken = Claim(claim="mtls: strict", held=False, evidence="plaintext passed", when="end")
    lying = [replace(run, claims=(broken,)) if run.arm == "envoy" else run for run in runs]
    assert made(lying, "envoy") is None


def test_a_flat_curve_knows_its_knee_to_be_beyond() -> None:
    found = made(ladder()).knee
    assert found.verdicts == {"beyond": 6} and found.bounds.high is None and found.bounds.low == 750.0


def test_two_rates_make_a_curve_without_a_knee() -> None:
    found = made(ladder(rates=(250.0, 500.0)))
    assert found.knee is None and len(found.points) == 2


@pytest.mark.parametrize("metric", ["p50", "p90"])
def test_the_knee_can_be_read_from_another_quantile(metric: str) -> None:
    runs = queue()
    (family,) = load_families(runs)
    assert curve("baseline", runs, family, metric=metric).knee.metric == metric

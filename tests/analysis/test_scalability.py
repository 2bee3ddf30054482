"""The law of scalability, fitted to throughputs that follow it with known coefficients."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ladder_sample import ladder
from meshperf.analysis.load_family import load_families
from meshperf.analysis.scalability import Refusal, Scalability, fit_law, scalability
from meshperf.spec.records import Fact, RunResult

N = (1, 2, 4, 8, 16, 32, 64)
SIGMA, KAPPA, RATE = 0.03, 0.0004, 1000.0


def law(n: float, sigma: float = SIGMA, kappa: float = KAPPA) -> float:
    return RATE * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


def closed_loops(
    *, sigma: float = SIGMA, kappa: float = KAPPA, noise: float = 0.0, rounds: int = 6, seed: int = 1,
    concurrencies: tuple[int, ...] = N, throughput=law,
) -> list[RunResult]:  # fmt: skip
    rng = np.random.default_rng(seed)
    sample = ladder(rounds=1)[0]
    runs = []
    for number in range(rounds):
        for point, n in enumerate(concurrencies):
            rate = throughput(n, sigma, kappa) * math.exp(rng.normal() * noise)
            facts = {"load.in_flight": Fact(value=n), "load.arrivals": Fact(value="closed")}
            runs.append(
                replace(
                    sample, run_id=f"r{number}-{point}", round=number, load_point=point, offered_rps=None, facts=facts,
                    measured_s=sample.counts.ok / rate,
                )
            )  # fmt: skip
    return runs


def fitted(runs: list[RunResult]) -> Scalability | Refusal:
    (family,) = load_families(runs)
    return scalability("baseline", runs, family)


def test_an_exact_law_gives_its_coefficients_back() -> None:
    found = fit_law(N, [law(n) for n in N])
    assert (found.rate_of_one, found.contention, found.coherency) == pytest.approx((RATE, SIGMA, KAPPA), rel=1e-6)
    assert found.peak == pytest.approx(math.sqrt((1 - SIGMA) / KAPPA), rel=1e-6)
    assert found.worst < 1e-9


def test_over_rounds_the_peak_and_its_throughput_are_found() -> None:
    found = fitted(closed_loops(noise=0.03))
    assert isinstance(found, Scalability) and found.rounds == 6 and found.concurrencies == N
    assert found.peak is not None and found.peak.low < math.sqrt((1 - SIGMA) / KAPPA) < found.peak.high
    assert found.peak_rps is not None and found.peak_rps.low < law(49.24) < found.peak_rps.high
    assert found.worst < 0.1 and max(map(abs, found.residuals)) < 0.05


@pytest.mark.parametrize(("sigma", "kappa"), [(0.03, 0.0004), (0.1, 0.0), (0.0, 0.0)])
def test_the_intervals_hold_the_coefficients_at_least_93_times_in_100(sigma: float, kappa: float) -> None:
    held = {"contention": 0, "coherency": 0}
    for seed in range(200):
        found = fitted(closed_loops(sigma=sigma, kappa=kappa, noise=0.03, seed=seed))
        assert isinstance(found, Scalability)
        held["contention"] += found.contention.low <= sigma <= found.contention.high
        held["coherency"] += found.coherency.low <= kappa <= found.coherency.high
        assert found.contention.low >= 0 and found.coherency.low >= 0
    assert min(held.values()) >= 0.88 * 200  # 0.95 less four sampling errors


def test_throughput_that_grows_in_step_has_no_peak_and_no_negative_coefficient() -> None:
    found = fitted(closed_loops(sigma=0.0, kappa=0.0))
    assert isinstance(found, Scalability) and found.peak is None and found.peak_beyond == 6
    assert found.contention.value >= 0 and found.coherency.value >= 0


def test_a_peak_far_beyond_what_was_tried_is_not_given() -> None:
    found = fitted(closed_loops(kappa=KAPPA, concurrencies=(1, 2, 4, 8)))
    assert isinstance(found, Scalability) and found.peak is None and found.peak_rps is None


def test_fewer_than_four_concurrencies_are_refused() -> None:
    found = fitted(closed_loops(concurrencies=(1, 2, 4)))
    assert isinstance(found, Refusal) and "at least 4" in found.reason


def test_offered_rates_are_refused() -> None:
    found = fitted(ladder())
    assert isinstance(found, Refusal) and "offered at a rate" in found.reason


def test_throughputs_that_follow_no_such_law_are_refused() -> None:
    found = fitted(closed_loops(throughput=lambda n, *_: 1000.0 if n in (1, 4, 16) else 4000.0))
    assert isinstance(found, Refusal) and "off" in found.reason


def test_a_round_without_all_concurrencies_is_left_out() -> None:
    runs = [run for run in closed_loops() if not (run.round == 3 and run.load_point == 2)]
    found = fitted(runs)
    assert isinstance(found, Scalability) and found.rounds == 5
    lost = [run for run in closed_loops(rounds=1) if run.load_point != 2]
    more = [*lost, replace(closed_loops(rounds=1)[2], round=7, run_id="late")]
    refused = fitted(more)
    assert isinstance(refused, Refusal) and "no round" in refused.reason


@pytest.mark.parametrize(("n", "x"), [((1, 2), (1, 2)), ((1, 2, 3), (1, 2)), ((0, 1, 2), (1, 1, 1)), (N, [0.0] * 7)])
def test_a_fit_to_figures_out_of_range_is_an_error(n, x) -> None:
    with pytest.raises(ValueError, match="three different concurrencies"):
        fit_law(n, x)

"""Simulated experiments for intervals that speak of one deployment: of its slices, and of slopes over time.

Slices: `n` blocks, which are the super-blocks too, under weather that both arms of a block meet alike. Noise of kind
`heavy` adds requests that wait 20 ms in either arm, `long` makes the weather twice as bad. The noise's own sd is not
used: within a deployment there is no luck of deployments.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from simulated import BARE, SimulatedArm, Simulation

from benchmarks.simulated_documents import Noise
from benchmarks.simulated_truth import Known
from meshperf.analysis import Estimate, within_round
from meshperf.analysis.slopes import slope_of
from meshperf.spec.records import RunResult

__all__ = ["TAIL_SLICES", "slices_of_one", "slope", "tails_of_one"]

RATIO, CPU_RATIO = 1.3, 1.4
WEATHER = 0.3
STALLS = 0.02
EACH = 60
"""Requests of a slice."""
TAIL_SLICES, TAIL_EACH = 12, 1100
SAMPLES = 8
"""Samples of a slope for each `n`: its own smallest number is twelve."""
RISE = 0.01


def slices_of_one(rng: np.random.Generator, noise: Noise, blocks: int) -> Iterator[Known]:
    """The two ways in which slices give an interval, at p50 and p90, and of the mean and CPU time."""
    stalls = STALLS if noise.heavy else 0.0
    baseline, candidate = _deployment(rng, noise, blocks, EACH, stalls)
    for metric in ("p50", "p90"):
        centred, pooled = within_round(baseline, candidate, metric)
        yield from _known(f"slices of one deployment, centred {metric}", centred, RATIO)
        yield from _known(f"slices of one deployment, pooled {metric}", pooled, RATIO)
    cpu, _ = within_round(baseline, candidate, "cpu_per_request")
    yield from _known("slices of one deployment, CPU per request", cpu, CPU_RATIO)
    if not noise.heavy:  # with stalls the ratio of means is not that of the medians
        mean, _ = within_round(baseline, candidate, "mean")
        yield from _known("slices of one deployment, mean", mean, RATIO)


def tails_of_one(rng: np.random.Generator, noise: Noise, _: int) -> Iterator[Known]:
    """p99 of twelve super-blocks of 1100 requests."""
    baseline, candidate = _deployment(rng, noise, TAIL_SLICES, TAIL_EACH, 0.0)
    found, _beside = within_round(baseline, candidate, "p99")
    yield from _known("slices of one deployment, p99", found, RATIO)


def slope(rng: np.random.Generator, noise: Noise, samples: int) -> Iterator[Known]:
    """A series `SAMPLES` times as long whose errors remember one another (0.5 from sample to sample)."""
    count = samples * SAMPLES
    times = np.arange(count, dtype=np.float64)
    fresh = noise.draw(rng, count) / noise.sd - (noise.mean_log / noise.sd)
    errors = np.empty(count)
    errors[0] = fresh[0]
    for place in range(1, count):
        errors[place] = 0.5 * errors[place - 1] + math.sqrt(0.75) * fresh[place]
    found = slope_of(times, RISE * times + errors)
    assert found.low is not None and found.high is not None
    yield Known(what=f"slope of {SAMPLES} n samples", low=found.low, high=found.high, truth=RISE)


def _deployment(
    rng: np.random.Generator, noise: Noise, blocks: int, each: int, stalls: float
) -> tuple[RunResult, RunResult]:
    arms = {
        "baseline": SimulatedArm(facts=BARE, own_stalls=stalls),
        "envoy": SimulatedArm(ratio=RATIO, cpu_ratio=CPU_RATIO, own_stalls=stalls),
    }
    simulation = Simulation(
        arms=arms,
        rounds=1,
        slices=blocks,
        requests=blocks * each,
        storm_sd=WEATHER * (2 if noise.long else 1),
        run_sd=0.0,
        cpu_sd=0.0,
    )
    baseline, candidate = simulation.run(int(rng.integers(2**62)))
    return baseline, candidate


def _known(what: str, found: Estimate | None, truth: float) -> Iterator[Known]:
    if found is not None:
        yield Known(what=what, low=found.low, high=found.high, truth=truth)

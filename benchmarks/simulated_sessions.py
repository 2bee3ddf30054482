"""Simulated experiments for intervals over rounds: of amounts, noise floors, an arm by itself, sessions apart, buckets.

Response times are those of `simulated_documents`: the base times exp(noise), the candidate's times `TRUTH` besides.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from simulated import BARE, ENVOY, HOST, facts_of

from benchmarks.simulated_documents import MEDIAN_S, Logs, Noise, documents, paired, side
from benchmarks.simulated_truth import Known, typical_sum
from meshperf.analysis import Estimate, MetricComparison, Terms, judge_paired, judge_unpaired, noise_floors
from meshperf.analysis.cross import Side, compare_sides
from meshperf.analysis.propagation import convergences
from meshperf.analysis.summary import summarise
from meshperf.spec.propagation import ROUTE, ChangeRecord, PropagationRun
from meshperf.spec.records import GeneratorHealth, QuantileBounds, RunResult

__all__ = ["TRUTH", "apart", "coarse", "convergence", "known", "over_rounds", "through_baselines"]

TRUTH = 1.1
TERMS = Terms(
    arm="envoy",
    against="baseline",
    grade="A",
    family=("p50",),
    metrics=("p50",),
    margins={"p50": 0.05},
    absolute_floors={"p50": 50e-6},
)
BUCKET = math.log(1.3)
"""Width of another tool's buckets on the log scale."""
ARRIVAL_S, PROXIES, CHANGES = 0.05, 10, 5


def over_rounds(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """Arms that met in rounds, the baseline twice: the added amount, 90 % intervals, the floor, an arm by itself."""
    base, twin = noise.draw(rng, rounds), noise.draw(rng, rounds)
    a, b = documents(base, noise.draw(rng, rounds) + math.log(TRUTH))
    (judged,) = judge_paired(paired(a, b), TERMS)
    metric, factor = judged.comparison, MEDIAN_S * noise.mean_factor
    of_mean = known("added amount, paired t", metric.added, (TRUTH - 1) * factor, scale=factor)
    yield replace(of_mean, typical=MEDIAN_S * typical_sum(noise, TRUTH, -1.0))
    yield from _narrow("paired", metric, noise)
    (floor, *_) = noise_floors([*a, *side("baseline", twin, slots=2, twin=1)], ["baseline"])
    yield known("noise floor of an arm and its twin", floor.ratio, 1.0)
    own = summarise(b, a).figures["p50"]
    all_rounds, typical = (MEDIAN_S * TRUTH * math.exp(log) for log in (noise.mean_log, noise.median_log))
    yield replace(known("an arm by itself, geometric mean", own, all_rounds), typical=typical)


def apart(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """Two sets of runs that never met: the added amount, and 90 % intervals."""
    a, b = documents(noise.draw(rng, rounds), noise.draw(rng, rounds) + math.log(TRUTH))
    (judged,) = judge_unpaired(a, b, TERMS)
    factor = MEDIAN_S * noise.mean_factor
    of_mean = known("added amount, Welch", judged.comparison.added, (TRUTH - 1) * factor, scale=factor)
    yield replace(of_mean, typical=(TRUTH - 1) * MEDIAN_S * math.exp(noise.median_log))
    yield from _narrow("unpaired", judged.comparison, noise)


def through_baselines(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """Two sessions, each with a baseline of its own, the second on a machine that is 40 % slower."""
    sides = []
    for name, ratio, level in (("first", 1.5, 0.0), ("second", 1.5 * TRUTH, math.log(1.4))):
        logs = [noise.draw(rng, rounds) + level for _ in range(2)]
        runs = [
            replace(run, facts=facts_of({**HOST, **own}), experiment_id=name)
            for each, own in zip(documents(logs[0], logs[1] + math.log(ratio)), (BARE, ENVOY), strict=True)
            for run in each
        ]
        sides.append(
            Side(label=name, arm="envoy", session=tuple(runs), baseline="baseline", baseline_label=f"base of {name}")
        )
    compared = compare_sides(sides[0], sides[1], subject=("mesh",), margins={"p50": 0.05})
    metric = next(one for one in compared.metrics if one.metric == "p50")
    factor = MEDIAN_S * noise.mean_factor
    yield known("ratio of ratios, Welch", metric.ratio, TRUTH)
    if metric.companion is not None:
        yield known("ratio of ratios, rank-sum HL", metric.companion, TRUTH)
    added = (1.5 * TRUTH - 1) * 1.4 - (1.5 - 1)
    typical = 1.4 * typical_sum(noise, 1.5 * TRUTH, -1.0) - typical_sum(noise, 1.5, -1.0)
    of_mean = known("added amounts of two sessions, Welch", metric.added, added * factor, scale=factor)
    yield replace(of_mean, typical=MEDIAN_S * typical)


def coarse(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """Figures read from buckets of 30 %, printed as the middle of the bucket, wherever the truth lies in it."""
    shift = rng.uniform(0, BUCKET)
    a, b = documents(noise.draw(rng, rounds) + shift, noise.draw(rng, rounds) + shift + math.log(TRUTH))
    (judged,) = judge_paired(paired(_told(a), _told(b)), TERMS)
    yield known("paired t, widened by buckets", judged.comparison.ratio, TRUTH)


def convergence(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """A control plane study: a deployment's luck is in all its arrivals."""
    spread = np.linspace(0.8, 1.2, PROXIES)
    runs = [
        PropagationRun(
            arm="istio",
            round=number,
            proxies=PROXIES,
            services=0,
            probe_period_s=1e-3,
            first_answer_s=1.0,
            changes=(_change(ARRIVAL_S * math.exp(log) * spread),) * CHANGES,
            usage=(),
        )
        for number, log in enumerate(noise.draw(rng, rounds))
    ]
    (found,) = convergences(runs)
    quiet = ARRIVAL_S * float(spread[math.ceil(0.9 * PROXIES - 1e-9) - 1])
    of_mean = known("convergence of 90 % of the proxies", found.shares["90 %"], quiet * noise.mean_factor)
    yield replace(of_mean, typical=quiet * math.exp(noise.median_log))


def known(what: str, found: Estimate, truth: float, *, asked: float = 0.95, scale: float | None = None) -> Known:
    return Known(what=what, low=found.low, high=found.high, truth=truth, confidence=asked, scale=scale)


def _narrow(how: str, metric: MetricComparison, noise: Noise) -> Iterator[Known]:
    """The intervals that equality is read from, by the margin and by the absolute floor."""
    if metric.narrow is not None:
        yield known(f"90 % interval, {how} t", metric.narrow, TRUTH, asked=0.9)
    if metric.narrow_companion is not None:
        yield known(f"90 % interval, {how} HL", metric.narrow_companion, TRUTH, asked=0.9)
    factor = MEDIAN_S * noise.mean_factor
    for found, name in ((metric.narrow_added, "t"), (metric.narrow_added_companion, "HL")):
        if found is not None:
            what = f"90 % interval of the added amount, {how} {name}"
            yield known(what, found, (TRUTH - 1) * factor, asked=0.9, scale=factor)


def _told(runs: Sequence[RunResult]) -> list[RunResult]:
    return [replace(run, generator=GeneratorHealth(bounds=(_bucket(run),))) for run in runs]


def _bucket(run: RunResult) -> QuantileBounds:
    place = math.floor(math.log(float(run.response.quantile(0.5)) / MEDIAN_S) / BUCKET)
    low, middle, high = (MEDIAN_S * math.exp(at * BUCKET) for at in (place, place + 0.5, place + 1))
    return QuantileBounds(q=0.5, value_s=middle, low_s=low, high_s=high)


def _change(arrivals: Logs) -> ChangeRecord:
    at = tuple(float(one) for one in arrivals)
    return ChangeRecord(kind=ROUTE, low_s=at, high_s=at, handed_in_s=1e-3, period_s=1e-3)

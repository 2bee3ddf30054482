"""Simulated experiments for what is derived from rounds: price lists, predictions, money, lines of CPU time, MeshMark.

Truths follow from the arms' settings alone: amounts are sums of prices times the mean of the noise, logarithms of
scores are sums of logarithms of efficiencies.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from simulated import BARE, ENVOY, HOST, facts_of

from benchmarks.simulated_documents import BEGIN, CPU_S, MEDIAN_S, MEMORY_BYTES, REQUESTS, Noise, side
from benchmarks.simulated_sessions import known
from benchmarks.simulated_truth import Known, typical_sum
from meshperf.analysis import Estimate, LadderOrder, LadderStep, check_prediction, compare, predict, price_ladder
from meshperf.analysis.cost import arm_costs
from meshperf.analysis.efficiency import cpu_line, own_runs, use_of
from meshperf.analysis.fleet import fleet_cost
from meshperf.analysis.meshmark_contrast import compare_marks
from meshperf.analysis.meshmark_score import mark
from meshperf.spec.graph_packaged import packaged_path
from meshperf.spec.graph_reading import read_graph
from meshperf.spec.prices import NodePrice, PriceList
from meshperf.spec.records import RunResult

__all__ = ["marks", "money", "prediction", "prices"]

CHAIN = read_graph(packaged_path("chain"))
HOPS = 3
ORDER = LadderOrder(
    baseline="baseline",
    steps=(
        LadderStep(before="baseline", after="http", changes={"mesh": "envoy"}),
        LadderStep(before="baseline", after="log", changes={"access_log": "True"}),
        LadderStep(before="http", after="both", changes={"access_log": "True"}),
    ),
    whole="both",
    summed=("http", "log"),
)
TIMES = {"baseline": 1.0, "http": 1.3, "log": 1.1, "both": 1.5}
"""Response times, in those of the baseline: what both cost together that they do not cost alone is 0.1."""
GROUPS = ({"baseline": 0, "http": 1, "log": 2}, {"baseline": 3, "both": 4})
NODE = NodePrice(name="n", vcpu_hour=0.036, gib_hour=0.0045, reserved_vcpu_hour=0.02, reserved_gib_hour=0.002)
PRICES = PriceList(name="p", currency="EUR", nodes={"n": NODE}, default="n")
RATES = (250.0, 500.0, 750.0)
PODS, POD_RPS = 100, 500.0
GIB, HOURS, MILLION = 2**30, 730.0, 1e6
CAPACITY = {"baseline": 1000.0, "envoy": 1000.0, "other": 1000.0}


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What an arm takes, in times of the baseline; `idle` in cores."""

    latency: float = 1.0
    cpu: float = 1.0
    memory: float = 1.0
    idle: float = 0.0


ARMS = {"baseline": Arm(idle=0.01), "envoy": Arm(latency=2.0, cpu=2.5, memory=2.0, idle=0.03)}
MARKED = {**ARMS, "other": Arm(latency=1.6, cpu=2.0, memory=1.7, idle=0.0)}


def prices(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """A price list: of arms that met, of arms of different groups, the sum, and what is left over."""
    ladder = price_ladder(_ladder_runs(rng, noise, rounds), ORDER, subject=("mesh",))
    factor = MEDIAN_S * noise.mean_factor
    weights = {"http": (TIMES["http"], -1.0), "both": (TIMES["both"], -1.0, -TIMES["http"], 1.0)}
    for step, what in (("http", "price of a step"), ("both", "price of a step, arms of two groups")):
        found = ladder.price(step, "p50")
        yield _amount(noise, what, found.price, weights[step])
        before = next(one.before for one in ORDER.steps if one.name == step)
        yield known(f"{what}, as a ratio", found.ratio, TIMES[step] / TIMES[before])
    total = ladder.sum("p50")
    whole, summed = (TIMES["both"], -1.0), (TIMES["http"], TIMES["log"], -2.0)
    yield _amount(noise, "the whole of a price list", total.whole, whole)
    yield _amount(noise, "the sum of a price list", total.total, summed)
    residual = _amount(noise, "the residual of a price list", total.residual, (*whole, *(-one for one in summed)))
    yield replace(residual, scale=sum(whole) * factor)


def _amount(noise: Noise, what: str, found: Estimate, weights: Sequence[float], *, unit: float = MEDIAN_S) -> Known:
    """An amount whose truth is a sum of runs' figures, in all rounds and in the typical one."""
    of_mean = known(what, found, sum(weights) * unit * noise.mean_factor)
    return replace(of_mean, typical=unit * typical_sum(noise, *weights))


def prediction(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """What a hop's price foretells of a chain of three, and how the measurement differs from it."""
    ladder = price_ladder(_ladder_runs(rng, noise, rounds), ORDER, subject=("mesh",))
    foretold = predict(CHAIN, ladder, ("http",), made_at=BEGIN - timedelta(days=1))
    weights = (TIMES["http"], -1.0)
    (mean,) = (one.added for one in foretold.metrics if one.metric == "mean")
    of_mean = _amount(noise, "prediction of a call graph", mean, weights, unit=HOPS * MEDIAN_S)
    yield of_mean
    seen = {"workload.graph_digest": CHAIN.digest}
    runs = []
    for slot, (arm, level) in enumerate((("baseline", 1.0), ("envoy", TIMES["http"]))):
        logs = noise.draw(rng, rounds) + math.log(HOPS * level)
        runs += _with_facts(side(arm, logs, first_slot=slot, slots=2), seen)
    (compared,) = compare(runs, baseline="baseline", subject=("mesh",), margins={})
    (check,) = (one for one in check_prediction(foretold, compared, runs, arm="envoy") if one.metric == "mean")
    yield known("measured less foretold", check.difference, 0.0, scale=of_mean.truth)


def money(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """Money of an arm and of what it adds, a fleet, and the line of CPU time over a ladder of rates."""
    runs = _rate_ladder(rng, noise, rounds, ARMS)
    factor = noise.mean_factor
    costs = arm_costs(runs, baseline="baseline", prices=PRICES, node="n")
    (at,) = (one for one in costs if one.arm == "envoy" and one.load_point == 1)
    own = _money(ARMS["envoy"]) * factor
    typical = math.exp(noise.median_log)
    yield replace(known("money of an arm by itself", at.used, own), typical=_money(ARMS["envoy"]) * typical)
    assert at.added is not None
    sides = (_money(ARMS["envoy"]), -_money(ARMS["baseline"]))
    yield _amount(noise, "money that an arm adds", at.added, sides, unit=1.0)
    fleet = fleet_cost(runs, arm="envoy", baseline="baseline", pods=PODS, rate_rps=POD_RPS, prices=PRICES, node="n")
    assert fleet is not None
    with_, without = (ARMS["envoy"], 1), (ARMS["baseline"], -1)
    cores = [sign * PODS * (arm.idle + arm.cpu * CPU_S * POD_RPS) for arm, sign in (with_, without)]
    memory = [sign * PODS * arm.memory * MEMORY_BYTES for arm, sign in (with_, without)]
    monthly = [(c * NODE.vcpu_hour + m / GIB * NODE.gib_hour) * HOURS for c, m in zip(cores, memory, strict=True)]
    yield _amount(noise, "cores of a fleet", fleet.cores, cores, unit=1.0)
    yield _amount(noise, "memory of a fleet", fleet.memory, memory, unit=1.0)
    yield _amount(noise, "money of a fleet", fleet.monthly, monthly, unit=1.0)
    line = cpu_line("envoy", [use_of(run) for run in own_runs(runs, "envoy")])
    assert line is not None
    slope, idle = ARMS["envoy"].cpu * CPU_S, ARMS["envoy"].idle
    yield replace(known("slope of an arm's CPU line", line.slope, slope * factor), typical=slope * typical)
    yield replace(known("intercept of an arm's CPU line", line.intercept, idle * factor), typical=idle * typical)


def marks(rng: np.random.Generator, noise: Noise, rounds: int) -> Iterator[Known]:
    """MeshMark-R of two arms, and the ratio of the two."""
    score, ratio = _marked(_rate_ladder(rng, noise, rounds, MARKED))
    true_score, true_ratio = _true_marks(rounds)
    yield known("MeshMark-R score", score, true_score.value)
    yield known("ratio of two MeshMark-R scores", ratio, true_ratio.value)


@lru_cache
def _true_marks(rounds: int) -> tuple[Estimate, Estimate]:
    return _marked(_rate_ladder(np.random.default_rng(0), Noise(sd=0.0), rounds, MARKED))


def _marked(runs: Sequence[RunResult]) -> tuple[Estimate, Estimate]:
    first, second = (mark(runs, arm=arm, baseline="baseline", capacity_rps=CAPACITY) for arm in ("envoy", "other"))
    assert first.value is not None
    return first.value, compare_marks(first, second, paired=True).ratio


def _ladder_runs(rng: np.random.Generator, noise: Noise, rounds: int) -> list[RunResult]:
    runs = []
    for group, arms in enumerate(GROUPS):
        for arm, slot in arms.items():
            logs = noise.draw(rng, rounds) + math.log(TIMES[arm])
            runs += _with_facts(side(arm, logs, first_slot=slot, slots=5, group=group))
    return runs


def _rate_ladder(rng: np.random.Generator, noise: Noise, rounds: int, arms: Mapping[str, Arm]) -> list[RunResult]:
    """A deployment's luck is in all its load points and figures, as CPU time and response times go together."""
    runs = []
    for slot, (name, arm) in enumerate(arms.items()):
        luck = noise.draw(rng, rounds)
        for point, rate in enumerate(RATES):
            cpu = luck + math.log(arm.cpu + arm.idle / rate / CPU_S)
            place = {"load_point": point, "offered_rps": rate, "measured_s": REQUESTS / rate}
            slots = {"first_slot": slot * len(RATES) + point, "slots": len(arms) * len(RATES)}
            made = side(
                name, luck + math.log(arm.latency), cpu=cpu, memory=luck + math.log(arm.memory), **slots, **place
            )
            runs += _with_facts(made, {"load.rate": rate})
    return runs


def _money(arm: Arm) -> float:
    """Of a million requests at the middle rate."""
    rate = RATES[1]
    cpu = (arm.cpu * CPU_S + arm.idle / rate) * MILLION / 3600 * NODE.vcpu_hour
    return cpu + arm.memory * MEMORY_BYTES / GIB * NODE.gib_hour * MILLION / rate / 3600


def _with_facts(runs: Sequence[RunResult], more: Mapping[str, object] | None = None) -> list[RunResult]:
    own = BARE if runs[0].arm == "baseline" else ENVOY
    facts = facts_of({**HOST, **own, **(more or {})})
    return [replace(run, facts=facts) for run in runs]

"""A price list and a chain of three as bundles, simulated so that what each step adds is known exactly.

Test modules put this folder on `sys.path` to import it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from kept_sample import facts
from meshperf.analysis import comparison_to_document
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.judgement import judge_runs
from meshperf.histograms import Histogram
from meshperf.spec.experiment import Experiment, read_experiment
from meshperf.spec.records import ComponentUsage, Counts, DesignLabels, Fact, RunResult

STEPS_S = {"tcp": 200e-6, "http": 150e-6, "mtls": 50e-6, "log": 30e-6}
"""What each step adds to every request of one hop."""
HOP_S = STEPS_S["tcp"] + STEPS_S["http"] + STEPS_S["mtls"]
CPU_SHARE = 0.4
"""CPU seconds by second of added response time."""
HOPS = 3
PRICES = """\
experiment: prices
subject: [mesh, "mesh_config:mode", "mesh_config:mtls", "mesh_config:access_log"]
environment: local
workload: {graph: echo, response_bytes: 1024}
load:
  - {protocol: http1, rate: 300, connections: 8, arrivals: poisson, warmup: 1s, duration: 4s}
  - {protocol: http1, rate: 150, connections: 8, arrivals: poisson, warmup: 1s, duration: 4s}
design: continuous
rounds: 6
seed: 1
arms:
  baseline: {mesh: none}
  tcp:      {mesh: envoy, mode: tcp}
  http:     {mesh: envoy}
  mtls:     {mesh: envoy, mtls: strict}
  log:      {mesh: envoy, mtls: strict, access_log: true}
"""
CHAIN = """\
experiment: chain
subject: [mesh]
environment: local
workload: {graph: chain}
load:
  - {protocol: http1, rate: 300, connections: 8, arrivals: poisson, warmup: 1s, duration: 4s}
design: continuous
rounds: 6
seed: 1
arms:
  baseline: {mesh: none}
  envoy:    {mesh: envoy, mtls: strict}
"""
LONG_AGO = datetime(2025, 6, 1, tzinfo=UTC)


def price_list(folder: Path, *, pilot: bool = False) -> Path:
    """A bundle of the price list, measured long ago; at its second load point every step costs twice as much."""
    added = {"baseline": 0.0, "tcp": 200e-6, "http": 350e-6, "mtls": HOP_S, "log": HOP_S + STEPS_S["log"]}

    def seconds(arm: str, point: int) -> float:
        return 1e-3 + added[arm] * (point + 1)

    return bundle(folder, "prices", PRICES, seconds=seconds, begin=LONG_AGO, pilot=pilot)


def chain(
    folder: Path,
    *,
    name: str = "chain",
    text: str = CHAIN,
    more_s: float = 0.0,
    begin: datetime | None = None,
    other: Mapping[str, Fact] | None = None,
    sd_s: float = 5e-6,
) -> Path:
    """A bundle of the chain, measured tomorrow unless `begin` says otherwise.

    Args:
        more_s: what no price tells of.
        other: facts that replace those of all runs.
        sd_s: standard deviation of a run's luck [s].
    """

    def seconds(arm: str, point: int) -> float:
        return 3e-3 + (0.0 if arm == "baseline" else HOPS * HOP_S + more_s)

    when = begin or datetime.now(UTC) + timedelta(days=1)
    return bundle(folder, name, text, seconds=seconds, begin=when, other=other or {}, sd_s=sd_s)


def bundle(
    folder: Path,
    name: str,
    text: str,
    *,
    seconds: Callable[[str, int], float],
    begin: datetime,
    other: Mapping[str, Fact] | None = None,
    sd_s: float = 5e-6,
    pilot: bool = False,
) -> Path:
    """A complete, judged bundle in `folder`; `seconds` tells the response time of an arm at a load point."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    of = read_experiment(path)
    rng = np.random.default_rng(len(name))
    out = folder / name
    with Bundle.create(out, of, command=f"meshperf run {name}.yaml --out {name}") as kept:
        kept.write_facts(facts())
        for number in range(of.rounds):
            kept.begin_round(number, kept.attempts(number))
            lucks = rng.normal(size=(len(of.load), len(of.arms))) * sd_s
            made = _round(of, number, seconds, begin, lucks, other or {}, kept.experiment_id)
            kept.append([replace(run, design=replace(run.design, pilot=pilot)) for run in made])
        kept.write_comparison([comparison_to_document(one) for one in judge_runs(of, kept.runs(), kept.excluded())])
        (out / "report.html").write_text("<!doctype html><title>prediction</title>", encoding="utf-8")
        kept.seal()
    return out


def _round(
    of: Experiment,
    number: int,
    seconds: Callable[[str, int], float],
    begin: datetime,
    lucks: np.ndarray,
    other: Mapping[str, Fact],
    experiment_id: str,
) -> Sequence[RunResult]:
    made = []
    for point, load in enumerate(of.load):
        for place, arm in enumerate(of.arms.values()):
            taken = max(seconds(arm.name, point) + float(lucks[point, place]), 100e-6)
            known = facts("baseline" if arm.is_baseline else "envoy")
            own = {"load.rate": load.rate, "load.connections": load.connections, "workload.graph": of.workload.graph}
            if of.workload.services is not None:
                own["workload.graph_digest"] = of.workload.services.digest
            known = {**known, **{path: Fact(value=value, source="sample") for path, value in own.items()}, **other}
            made.append(_run(of.name, arm.name, number, point, taken, begin, known, experiment_id))
    return made


def _run(
    experiment: str,
    arm: str,
    number: int,
    point: int,
    seconds: float,
    begin: datetime,
    known: Mapping[str, Fact],
    experiment_id: str,
) -> RunResult:
    requests = 2000
    start = begin + timedelta(minutes=number, seconds=10 * point)
    cpu = (100e-6 + CPU_SHARE * seconds) * requests
    return RunResult(
        run_id=f"r{number}-g0-p{point}-a0-{arm}-0",
        experiment_id=experiment_id,
        experiment=experiment,
        arm=arm,
        round=number,
        load_point=point,
        start_time=start,
        end_time=start + timedelta(seconds=5),
        measured_s=requests / 300.0,
        offered_rps=300.0,
        counts=Counts(offered=requests, sent=requests, ok=requests),
        response=Histogram.from_values(np.full(requests, seconds)),
        resources=(
            ComponentUsage(component="app", role="app", cpu_s=cpu, requests=requests, private_bytes=20_000_000),
            ComponentUsage(component="generator", role="generator", cpu_s=9.0, requests=requests),
        ),
        facts=known,
        design=DesignLabels(design="continuous", seed=1),
    )

"""A simulated experiment over a ladder of rates, whose CPU line, memory and response times are known exactly.

Test modules put this folder on `sys.path` to import it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from kept_sample import facts
from meshperf.analysis import comparison_to_document
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.judgement import judge_runs
from meshperf.histograms import Histogram
from meshperf.spec.experiment import read_experiment
from meshperf.spec.records import ComponentUsage, Counts, DesignLabels, RunResult, Validity, ValidityState

RATES = (250.0, 500.0, 750.0, 1000.0)
BEGIN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What an arm really uses and does."""

    intercept: float = 0.0
    """Cores at no requests."""
    slope: float = 50e-6
    """CPU seconds per successful request."""
    memory: int = 20 * 2**20
    median_s: float = 1e-3
    sidecars: int = 0
    slow_from: float = math.inf
    """From this rate on requests take 100 times as long."""
    fails: float = 0.0
    """Share of requests that get no good reply."""
    gives_up_from: float = math.inf
    """From this rate on the load is not sustained."""


TRUTHS = {
    "baseline": Truth(),
    "envoy": Truth(intercept=0.04, slope=150e-6, memory=60 * 2**20, median_s=1.5e-3, sidecars=2),
}


def ladder(
    truths: Mapping[str, Truth] = TRUTHS,
    *,
    rates: tuple[float, ...] = RATES,
    rounds: int = 6,
    noise: float = 0.0,
    requests: int = 12_000,
    seed: int = 1,
    experiment_id: str = "ladder000001",
) -> list[RunResult]:
    """All runs; `noise` is the standard deviation, on the log scale, of a deployment's CPU time and response times."""
    rng = np.random.default_rng(seed)
    runs = []
    shape = np.exp(rng.normal(size=requests) * 0.3)
    for number in range(rounds):
        for point, rate in enumerate(rates):
            for arm, truth in truths.items():
                luck = math.exp(rng.normal() * noise)
                late = 100.0 if rate >= truth.slow_from else 1.0
                runs.append(_run(arm, truth, number, point, rate, luck, shape * late, experiment_id))
    return runs


def _run(
    arm: str, truth: Truth, number: int, point: int, rate: float, luck: float, shape: np.ndarray, experiment_id: str
) -> RunResult:
    offered = shape.size
    ok = round(offered * (1 - truth.fails))
    measured_s = offered / rate
    cpu = luck * (truth.intercept * measured_s + truth.slope * ok)
    names = ["app", *(f"proxy-{n}" for n in range(truth.sidecars))]
    begin = BEGIN + timedelta(minutes=number, seconds=10 * point)
    sustained = rate < truth.gives_up_from
    return RunResult(
        run_id=f"r{number}-g0-p{point}-a0-{arm}-0",
        experiment_id=experiment_id,
        experiment="ladder",
        arm=arm,
        round=number,
        load_point=point,
        start_time=begin,
        end_time=begin + timedelta(seconds=5),
        measured_s=measured_s,
        offered_rps=rate,
        counts=Counts(offered=offered, sent=offered, ok=ok, errors=offered - ok),
        response=Histogram.from_values(truth.median_s * luck * shape[:ok]),
        resources=(
            *(
                ComponentUsage(
                    component=name,
                    role="app" if name == "app" else "sidecar",
                    cpu_s=cpu / len(names),
                    requests=offered,
                    private_bytes=truth.memory // len(names),
                )
                for name in names
            ),
            ComponentUsage(component="generator", role="generator", cpu_s=9.0, requests=offered),
        ),
        facts=facts("envoy" if truth.sidecars else arm),
        design=DesignLabels(design="continuous", seed=1),
        validity=Validity() if sustained else Validity(state=ValidityState.NOT_SUSTAINED, reasons=("too slow",)),
    )


def bundle(folder: Path, runs: list[RunResult] | None = None, *, objective: str = "p90 <= 20ms") -> Path:
    """A complete, judged bundle in `folder`."""
    made = ladder() if runs is None else runs
    rates = {run.load_point: run.offered_rps for run in made}
    points = "\n".join(
        f"  - {{protocol: http1, rate: {rate:g}, connections: 16, arrivals: poisson, warmup: 1s, duration: 12s}}"
        for _, rate in sorted(rates.items())
    )
    arms = dict.fromkeys(run.arm for run in made)
    lines = "\n".join(f"  {arm}: {{mesh: {'none' if arm == 'baseline' else 'envoy'}}}" for arm in arms)
    rounds = len({run.round for run in made})
    path = folder / "ladder.yaml"
    path.write_text(
        f"experiment: ladder\nsubject: [mesh]\nenvironment: local\nworkload: {{graph: echo}}\nload:\n{points}\n"
        f"design: continuous\nrounds: {rounds}\nseed: 1\narms:\n{lines}\nobjectives: [{objective}]\n",
        encoding="utf-8",
    )
    of = read_experiment(path)
    out = folder / "ladder"
    with Bundle.create(out, of, command="meshperf run ladder.yaml --out ladder") as kept:
        kept.write_facts(facts())
        for number in range(rounds):
            kept.begin_round(number, kept.attempts(number))
            own = [replace(run, experiment_id=kept.experiment_id) for run in made if run.round == number]
            kept.append(own)
        kept.write_comparison([comparison_to_document(one) for one in judge_runs(of, kept.runs(), kept.excluded())])
        (out / "report.html").write_text("<!doctype html><title>ladder</title>", encoding="utf-8")
        kept.seal()
    return out

"""A small experiment whose runs are simulated: what the tests of bundles, store and their verbs keep and look at.

Response times are lognormal, envoy's median is 1.3 times the baseline's. Every run is the exact sum of its slices, as a
measured one is. Test modules put this folder on `sys.path` to import it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from meshperf.analysis import comparison_to_document
from meshperf.experiment.assembly import judged as judged_by_itself
from meshperf.experiment.bundle import Bundle, BundleView
from meshperf.experiment.judgement import judge_runs
from meshperf.histograms import Histogram, merge
from meshperf.load.plan import Arrivals
from meshperf.spec.experiment import Experiment, read_experiment
from meshperf.spec.records import (
    ComponentUsage,
    Counts,
    DesignLabels,
    Fact,
    Facts,
    FactValue,
    RunResult,
    SliceRecord,
)
from meshperf.telemetry import noise_guards

TEXT = """\
experiment: sample
subject: [mesh]
environment: local
workload: {graph: echo, response_bytes: 1024}
load:
  - {protocol: http1, rate: 500, connections: 16, arrivals: poisson, warmup: 1s, duration: 5s}
design: interleaved
rounds: 3
seed: 1
arms:
  baseline: {mesh: none}
  envoy: {mesh: envoy, mtls: strict, proxy_concurrency: 1}
aa: [baseline]
objectives: [p90 <= 50ms]
margins: {p50: 5%}
"""
ROUNDS = 3
RESIDENTS = (("baseline", 0), ("envoy", 0), ("baseline", 1))
SLICES, EACH = 6, 40
BEGIN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)

HOST: Mapping[str, FactValue] = {
    "host.kernel": "6.1.0",
    "host.cpu_model": "Example 3000",
    "host.cores": 4,
    "host.memory_bytes": 8 * 2**30,
    "host.clocksource": "tsc",
    "load.protocol": "http1",
    "load.arrivals": "poisson",
    "load.rate": 500.0,
    "load.connections": 16,
    "load.generator": "meshperf",
    "load.version": "0.1.0",
    "load.latency_origin": "intended",
    "load.warmup_s": 1.0,
    "load.duration_s": 5.0,
    "workload.graph": "echo",
    "workload.sha256": "ab" * 32,
    "workload.response_bytes": 1024,
    "interception.kind": "none",
    "client_library.functions": "none",
}


def facts(arm: str | None = None) -> Facts:
    """Facts of the host, with those of an arm when one is named."""
    mesh = arm == "envoy"
    own: Mapping[str, FactValue] = {
        "mesh.type": "envoy" if mesh else "none",
        "mesh.mode": "sidecar" if mesh else "none",
        "mesh.version": "1.38.0" if mesh else "none",
        "security.mtls": "strict" if mesh else "off",
        "security.tls_version": "TLSv1.3" if mesh else "none",
        "proxy.version": "1.38.0" if mesh else "none",
        "proxy.concurrency": 1 if mesh else 0,
        "proxy.access_log": False,
    }
    known = {path: Fact(value=value, source="sample") for path, value in {**HOST, **(own if arm else {})}.items()}
    return {**known, "host.governor": Fact(source="sample", unavailable="this host does not say")}


def run(arm: str, twin: int, number: int, *, experiment_id: str, attempt: int = 0) -> RunResult:
    """One simulated run."""
    rng = np.random.default_rng([number, twin, attempt, len(arm)])
    median = 1e-3 * (1.3 if arm == "envoy" else 1.0) * float(np.exp(rng.normal() * 0.02))
    slices = tuple(_slice(rng, median, block) for block in range(SLICES))
    counts = sum((part.counts for part in slices), Counts())
    begin = BEGIN + timedelta(minutes=number)
    made = RunResult(
        run_id=f"r{number}-g0-p0-a{attempt}-{arm}-{twin}",
        experiment_id=experiment_id,
        experiment="sample",
        arm=arm,
        twin=twin,
        round=number,
        attempt=attempt,
        start_time=begin,
        end_time=begin + timedelta(seconds=5),
        measured_s=sum(part.end_s - part.begin_s for part in slices),
        offered_rps=500.0,
        counts=counts,
        response=merge(part.response for part in slices),
        service=merge(part.response for part in slices),
        lead_in=merge(part.lead_in for part in slices),
        slices=slices,
        resources=tuple(
            ComponentUsage(
                component=name,
                role=name,
                cpu_s=sum(part.cpu_s[name] for part in slices),
                requests=counts.sent,
                private_bytes=20_000_000 + number,
                unavailable={"pss_bytes": "not simulated"},
            )
            for name in ("app", "generator")
        ),
        facts=facts(arm),
        design=DesignLabels(design="interleaved", slice_s=0.1, blocks=SLICES, seed=1),
    )
    of_itself = judged_by_itself(made, Arrivals.POISSON)
    return replace(of_itself, guards=(*of_itself.guards, *noise_guards(made.noise)[0]))


def _slice(rng: np.random.Generator, median: float, block: int) -> SliceRecord:
    seconds = median * np.exp(rng.normal(size=EACH) * 0.4)
    begin = block * 0.2
    return SliceRecord(
        position=block,
        block=block,
        begin_s=begin,
        end_s=begin + 0.1,
        drained_s=begin + 0.11,
        counts=Counts(
            offered=EACH + (block == 1),
            sent=EACH + (block == 1),
            ok=EACH,
            timeouts=int(block == 1),
            bytes_in=EACH * 1100,
            bytes_out=EACH * 100,
        ),
        response=Histogram.from_values(seconds),
        lead_in=Histogram.from_values(seconds[:3]),
        cpu_s={"app": 50e-6 * EACH * float(np.exp(rng.normal() * 0.02)), "generator": 0.01},
    )


def round_of(number: int, *, experiment_id: str = "0123456789ab", attempt: int = 0) -> list[RunResult]:
    """All runs of one round."""
    return [run(arm, twin, number, experiment_id=experiment_id, attempt=attempt) for arm, twin in RESIDENTS]


def experiment(folder: Path, text: str = TEXT) -> Experiment:
    """The experiment, written into `folder` and read from there."""
    path = folder / "sample.yaml"
    path.write_text(text, encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == read_experiment(path).digest
    return read_experiment(path)


def judged(view: BundleView, of: Experiment) -> list[dict[str, object]]:
    """Comparison documents, made by the product's own judgement."""
    return [comparison_to_document(found) for found in judge_runs(of, view.runs(), view.excluded())]


def bundle(folder: Path, text: str = TEXT) -> Path:
    """A complete bundle in a new folder inside `folder`: three rounds, one excluded run, a report."""
    of = experiment(folder, text)
    out = folder / "bundle"
    with Bundle.create(out, of, command="meshperf run sample.yaml --out bundle") as made:
        made.write_facts(facts())
        broken = run("envoy", 0, 1, experiment_id=made.experiment_id)
        made.exclude(replace(broken, run_id=f"{broken.run_id}-broken"), "guard steal at 0.2")
        for number in range(ROUNDS):
            made.begin_round(number, made.attempts(number))
            made.append(round_of(number, experiment_id=made.experiment_id, attempt=made.attempts(number)))
        made.write_comparison(judged(made, of))
        (out / "report.html").write_text("<!doctype html><title>sample</title>", encoding="utf-8")
        made.seal()
    return out

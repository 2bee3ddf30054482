"""Simulated experiments as result documents: the truth is known, everything else goes the product's own way.

A request's response time is lognormal around a median that is moved by the arm's true ratio, by the luck of its
deployment (`run_sd`), by drift over the session, and by weather that both arms of a block meet alike. Nothing here
computes an interval or a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from meshperf.histograms import EMPTY, Histogram, bucket_index, merge
from meshperf.spec.records import (
    ComponentUsage,
    Counts,
    DesignLabels,
    Fact,
    RunResult,
    SliceRecord,
)

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
MARGINS = {"p50": 0.05, "p90": 0.10, "p99": 0.10, "mean": 0.05, "cpu_per_request": 0.05, "memory": 0.05}

HOST = {
    "host.kernel": "6.1.55",
    "host.cpu_model": "Example 3000",
    "host.cores": 4,
    "host.memory_bytes": 8 * 2**30,
    "host.clocksource": "tsc",
    "load.protocol": "http1",
    "load.arrivals": "poisson",
    "load.rate": 500.0,
    "load.connections": 16,
    "load.generator": "meshperf",
    "load.generator_version": "0.1.0",
    "load.latency_origin": "intended",
    "load.warmup_s": 1.0,
    "load.duration_s": 5.0,
    "workload.graph": "echo",
    "workload.sha256": "ab" * 32,
    "workload.response_bytes": 1024,
}
BARE = {
    "mesh.type": "none",
    "mesh.mode": "none",
    "mesh.version": "none",
    "security.mtls": "off",
    "security.tls_version": "none",
    "proxy.version": "none",
    "proxy.concurrency": 0,
    "proxy.access_log": False,
    "interception.kind": "none",
    "client_library.functions": "none",
}
ENVOY = {
    "mesh.type": "envoy",
    "mesh.mode": "sidecar",
    "mesh.version": "1.38.0",
    "security.mtls": "strict",
    "security.tls_version": "TLSv1.3",
    "proxy.version": "1.38.0",
    "proxy.concurrency": 1,
    "proxy.access_log": False,
    "interception.kind": "explicit port",
    "client_library.functions": "none",
}


def facts_of(values: Mapping[str, object]) -> dict[str, Fact]:
    return {path: Fact(value=value, source="simulation") for path, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class SimulatedArm:
    """One arm's truth: its p50 and mean are `ratio` times the base, plus `added_s`; CPU and memory likewise."""

    ratio: float = 1.0
    added_s: float = 0.0
    cpu_ratio: float = 1.0
    memory_bytes: int = 20_000_000
    facts: Mapping[str, object] = field(default_factory=lambda: ENVOY)
    run_sd: float | None = None
    own_stalls: float = 0.0
    """Share of this arm's requests that wait 20 ms more."""


BASELINE = SimulatedArm(facts=BARE)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """Settings of one simulated experiment; see the fields. Times in seconds, sd on the log scale."""

    arms: Mapping[str, SimulatedArm] = field(default_factory=lambda: {"baseline": BASELINE, "envoy": SimulatedArm()})
    twins: Sequence[str] = ()
    rounds: int = 6
    requests: int = 2000
    """Per arm and round, in all slices together."""
    median_s: float = 1e-3
    sigma: float = 0.5
    run_sd: float = 0.03
    heavy: float = 0.0
    """Probability that a run is a bad one (25 % slower on average)."""
    drift: float = 0.0
    """Log amount the machine gets slower over the session."""
    slices: int = 0
    """Slices per arm and round; 0: one continuous stretch."""
    storm_sd: float = 0.0
    """Weather: log amount per block, lag-1 autocorrelation 0.6, the same for all arms of a block."""
    cpu_sd: float = 0.02
    pilot: bool = False

    def run(self, seed: int) -> list[RunResult]:
        """All runs of one experiment."""
        rng = np.random.default_rng(seed)
        residents = [(name, 0) for name in self.arms] + [(name, 1) for name in self.twins]
        runs = []
        for number in range(1, self.rounds + 1):
            weather = self._weather(rng)
            level = self.drift * (number - 1) / max(self.rounds - 1, 1)
            places = rng.permutation(len(residents))
            for (name, twin), place in zip(residents, places, strict=True):
                slot = level + self.drift * int(place) / max(self.rounds * len(residents), 1)
                runs.append(self._one(rng, name, twin, number, slot, weather))
        return runs

    def _weather(self, rng: np.random.Generator) -> np.ndarray:
        blocks = max(self.slices, 1)
        weather, state = np.zeros(blocks), 0.0
        for block in range(blocks):
            state = 0.6 * state + math.sqrt(1 - 0.36) * rng.normal()
            weather[block] = self.storm_sd * state
        return weather

    def _one(
        self, rng: np.random.Generator, name: str, twin: int, number: int, level: float, weather: np.ndarray
    ) -> RunResult:
        arm = self.arms[name]
        luck = rng.normal() * (self.run_sd if arm.run_sd is None else arm.run_sd)
        if self.heavy and rng.random() < self.heavy:
            luck += rng.exponential(0.25)
        blocks = weather.size
        each = self.requests // blocks
        noise = rng.normal(size=(blocks, each)) * self.sigma
        scale = np.exp(luck + level + weather)[:, None]
        seconds = self.median_s * arm.ratio * scale * np.exp(noise) + arm.added_s
        if arm.own_stalls:
            seconds = seconds + 0.02 * (rng.random(seconds.shape) < arm.own_stalls)
        cpu = 50e-6 * arm.cpu_ratio * math.exp(rng.normal() * self.cpu_sd)
        block_cpu = cpu * each * np.exp(rng.normal(size=blocks) * 0.02)
        pieces = _slices(seconds, block_cpu) if self.slices else ()
        response = merge(piece.response for piece in pieces) if pieces else Histogram.from_values(seconds.ravel())
        return make_run(
            arm=name,
            twin=twin,
            round=number,
            response=response,
            slices=pieces,
            cpu_s=float(block_cpu.sum()),
            memory_bytes=round(arm.memory_bytes * math.exp(rng.normal() * 0.005)),
            facts=facts_of({**HOST, **arm.facts}),
            pilot=self.pilot,
        )


def make_run(
    *,
    arm: str,
    round: int = 1,
    response: Histogram = EMPTY,
    twin: int = 0,
    group: int = 0,
    attempt: int = 0,
    slices: tuple[SliceRecord, ...] = (),
    cpu_s: float = 0.1,
    memory_bytes: int = 20_000_000,
    facts: Mapping[str, Fact] | None = None,
    pilot: bool = False,
    **changes: object,
) -> RunResult:
    """One run as a document; `changes` replaces any other field."""
    total = response.total
    begin = BEGIN + timedelta(minutes=round)
    run = RunResult(
        run_id=f"r{round}-g{group}-a{attempt}-{arm}-{twin}",
        experiment_id="simulated",
        experiment="simulated",
        arm=arm,
        twin=twin,
        round=round,
        group=group,
        attempt=attempt,
        start_time=begin,
        end_time=begin + timedelta(seconds=5),
        measured_s=max(total, 1) / 500.0,
        offered_rps=500.0,
        counts=Counts(offered=total, sent=total, ok=total),
        response=response,
        slices=slices,
        resources=(
            ComponentUsage(component="app", role="app", cpu_s=cpu_s, requests=total, private_bytes=memory_bytes),
            ComponentUsage(component="generator", role="generator", cpu_s=9.0, requests=total, private_bytes=10**9),
        ),
        facts=facts if facts is not None else facts_of({**HOST, **(BARE if arm == "baseline" else ENVOY)}),
        design=DesignLabels(design="interleaved" if slices else "continuous", pilot=pilot),
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def constant_run(seconds: float, *, requests: int = 2000, **settings: object) -> RunResult:
    """A run in which every request takes the same time."""
    index = bucket_index([round(seconds * 1e9)])
    return make_run(response=Histogram(index, np.array([requests], dtype=np.int64)), **settings)  # type: ignore[arg-type]


def _slices(seconds: np.ndarray, cpu: np.ndarray) -> tuple[SliceRecord, ...]:
    each = seconds.shape[1]
    return tuple(
        SliceRecord(
            position=block,
            block=block,
            begin_s=block * 0.2,
            end_s=block * 0.2 + 0.1,
            drained_s=block * 0.2 + 0.11,
            counts=Counts(offered=each, sent=each, ok=each),
            response=Histogram.from_values(seconds[block]),
            cpu_s={"app": float(cpu[block]), "generator": 0.01},
        )
        for block in range(seconds.shape[0])
    )

"""Simulated experiments as result documents, as cheap as they can be: what is random is a run's figure.

Every run is a whole `RunResult` whose requests all took the same time, so its p50, p90, p99 and mean are that time; its
CPU clock and memory are set as well. Requests inside a run, slices and facts are simulated at full length elsewhere
(`simulate_verdicts`, tests/analysis/simulated.py); here ten thousands of experiments are wanted. Nothing in this file
computes an interval or a verdict.

Noise is on the log scale. `heavy`: with probability 0.1 a run is a bad one, 25 % slower on average. `long`: Laplace's
distribution, whose both tails are longer than the normal one's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from meshperf.analysis.pairing import in_order, pair_rounds
from meshperf.analysis.series import PairedRounds
from meshperf.histograms import Histogram, bucket_index
from meshperf.spec.records import ComponentUsage, Counts, DesignLabels, RunResult

__all__ = ["Noise", "documents", "noise_of", "paired", "side"]

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
REQUESTS = 10_000
"""As many as a p99 needs to be judged."""
MEDIAN_S = 1e-3
CPU_S = 50e-6
MEMORY_BYTES = 20_000_000
BAD_SHARE, BAD_RUN = 0.1, 0.25
"""How often a run is a bad one, and how much slower it then is on average, on the log scale."""

Logs = npt.NDArray[np.float64]
_EVERY = np.array([REQUESTS], dtype=np.int64)
_COUNTS = Counts(offered=REQUESTS, sent=REQUESTS, ok=REQUESTS)
_TEMPLATE = RunResult(
    run_id="",
    experiment_id="simulated",
    experiment="simulated",
    arm="",
    start_time=BEGIN,
    end_time=BEGIN,
    measured_s=20.0,
    offered_rps=500.0,
    counts=_COUNTS,
    response=Histogram.from_values([MEDIAN_S]),
    design=DesignLabels(design="continuous"),
)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How a run's log figure scatters."""

    sd: float
    heavy: bool = False
    long: bool = False

    def draw(self, rng: np.random.Generator, size: int) -> Logs:
        if self.long:
            return rng.laplace(scale=self.sd / math.sqrt(2), size=size)
        logs = rng.normal(size=size) * self.sd
        if self.heavy:
            logs += rng.exponential(BAD_RUN, size=size) * (rng.random(size) < BAD_SHARE)
        return logs

    @property
    def mean_log(self) -> float:
        """Of the logarithms."""
        return BAD_SHARE * BAD_RUN if self.heavy else 0.0

    @property
    def median_log(self) -> float:
        """Of the typical run: half of all are above it."""
        if not self.heavy:
            return 0.0
        bad = stats.exponnorm(BAD_RUN / self.sd, scale=self.sd)
        return float(
            optimize.brentq(
                lambda x: (1 - BAD_SHARE) * stats.norm.cdf(x / self.sd) + BAD_SHARE * bad.cdf(x) - 0.5, 0.0, BAD_RUN
            )
        )

    @property
    def mean_factor(self) -> float:
        """Of what a figure is multiplied by: the mean of exp."""
        if self.long:
            return 1 / (1 - self.sd**2 / 2)
        bad = 1 + BAD_SHARE * (1 / (1 - BAD_RUN) - 1) if self.heavy else 1.0
        return math.exp(self.sd**2 / 2) * bad


def noise_of(kind: str, sd: float) -> Noise:
    """`normal`, `heavy` or `long`."""
    return Noise(sd=sd, heavy=kind == "heavy", long=kind == "long")


def side(
    arm: str,
    logs: Logs,
    *,
    first_slot: int = 0,
    slots: int = 1,
    cpu: Logs | None = None,
    memory: Logs | None = None,
    **labels: Any,
) -> list[RunResult]:
    """One run a round.

    Args:
        logs: log of each run's response time, less that of the base.
        first_slot, slots: places of ten seconds in time: round r is in place r * slots + first_slot.
        cpu, memory: the same for CPU per request and for memory; None: they do not scatter.
        labels: fields that all runs have in common, such as `group`, `twin` or `load_point`.
    """
    runs = []
    place = f"-g{labels.get('group', 0)}-t{labels.get('twin', 0)}-p{labels.get('load_point', 0)}"
    buckets = bucket_index(np.rint(MEDIAN_S * np.exp(logs) * 1e9))
    for number in range(len(logs)):
        begin = BEGIN + timedelta(seconds=10 * (number * slots + first_slot))
        cpu_s = CPU_S * REQUESTS * (1.0 if cpu is None else float(np.exp(cpu[number])))
        held = MEMORY_BYTES * (1.0 if memory is None else float(np.exp(memory[number])))
        runs.append(
            replace(
                _TEMPLATE,
                run_id=f"{arm}-{number}{place}",
                arm=arm,
                round=number + 1,
                start_time=begin,
                end_time=begin + timedelta(seconds=9),
                response=Histogram(buckets[number : number + 1], _EVERY),
                resources=(
                    ComponentUsage(
                        component="app", role="app", cpu_s=cpu_s, requests=REQUESTS, private_bytes=round(held)
                    ),
                ),
                **labels,
            )
        )
    return runs


def documents(baseline: Logs, candidate: Logs, *, sequential: bool = False) -> tuple[list[RunResult], list[RunResult]]:
    """Both arms: side by side in time, or all of the baseline before all of the candidate."""
    if sequential:
        return side("baseline", baseline), side("envoy", candidate, first_slot=len(baseline))
    return side("baseline", baseline, slots=2), side("envoy", candidate, first_slot=1, slots=2)


def paired(baseline: list[RunResult], candidate: list[RunResult]) -> PairedRounds:
    """As the product pairs them: in order, each once, by round."""
    runs = in_order([*baseline, *candidate])
    return PairedRounds(pairing=pair_rounds(runs, baseline=("baseline", 0), candidate=("envoy", 0)))

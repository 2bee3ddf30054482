"""An arm in absolute figures, and what each of its processes used."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from meshperf.analysis.figures import (
    METRICS,
    QUANTILES,
    TAIL_REQUESTS,
    UNITS,
    cpu_requests,
    cpu_seconds,
    error_share,
    figure,
)
from meshperf.analysis.intervals import geometric_mean
from meshperf.analysis.pairing import excluded_runs, set_aside, why_excluded
from meshperf.analysis.records import ArmSummary, ComponentCost, Estimate
from meshperf.analysis.rules import packaged_rules
from meshperf.histograms import merge
from meshperf.spec.records import FactValue, RunResult
from meshperf.units import Unit

__all__ = ["arm_figure", "summarise"]

POOLED_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999}
_BEYOND = 10
"""A quantile of all rounds merged is shown when at least this many requests lie beyond it."""


def summarise(runs: Sequence[RunResult], baseline: Sequence[RunResult]) -> ArmSummary:
    """Absolute figures of one resident.

    Args:
        runs: all its runs at one load point, valid or not, at least one.
        baseline: the baseline arm's, for what this one brings.
    """
    valid = [run for run in runs if why_excluded(run) is None]
    measured = math.fsum(run.measured_s for run in valid)
    return ArmSummary(
        arm=runs[0].arm,
        resident=runs[0].resident,
        rounds=len({run.round for run in valid}),
        requests=sum(run.counts.offered for run in valid),
        offered_rps=runs[0].offered_rps,
        achieved_rps=sum(run.counts.ok for run in valid) / measured if measured > 0 else math.nan,
        error_share=error_share(run for run in runs if set_aside(run) is None),
        figures={metric: arm_figure(valid, metric) for metric in METRICS},
        pooled_quantiles_s=_pooled(valid),
        brings=_brings(runs, baseline),
        components=_components(valid),
        invalid=excluded_runs(runs),
    )


def arm_figure(runs: Sequence[RunResult], metric: str) -> Estimate:
    """One metric over runs with its interval; a p99 of too few requests is pooled and has none."""
    if metric == "p99" and any(run.response.total < TAIL_REQUESTS for run in runs):
        return Estimate(
            value=float(merge(run.response for run in runs).quantile(QUANTILES["p99"])),
            low=math.nan,
            high=math.nan,
            confidence=0.95,
            n=len(runs),
            unit=Unit.SECONDS,
            method="pooled: rounds merged",
        )
    known = [value for value in (figure(run, metric) for run in runs) if math.isfinite(value)]
    return geometric_mean(known, UNITS[metric])


def _pooled(runs: Sequence[RunResult]) -> dict[str, float]:
    """Quantiles of all rounds merged, those that enough requests lie beyond."""
    merged = merge(run.response for run in runs)
    return {
        name: float(merged.quantile(q)) for name, q in POOLED_QUANTILES.items() if merged.total * (1 - q) >= _BEYOND
    }


def _brings(runs: Sequence[RunResult], baseline: Sequence[RunResult]) -> Mapping[str, FactValue]:
    """Known facts of mesh, security, proxy and library that the baseline has not, or has otherwise."""
    if not baseline or runs[0].arm == baseline[0].arm:
        return {}
    rules, without = packaged_rules(), baseline[0].facts
    return {
        path: fact.value
        for path, fact in sorted(runs[0].facts.items())
        if fact.known and rules.is_brought(path) and (path not in without or without[path].value != fact.value)
    }


def _components(runs: Sequence[RunResult]) -> tuple[ComponentCost, ...]:
    """CPU per counted request and memory of every process, rounds averaged."""
    names = dict.fromkeys((usage.component, usage.role) for run in runs for usage in run.resources)
    return tuple(_component(runs, name, role) for name, role in names)


def _component(runs: Sequence[RunResult], name: str, role: str) -> ComponentCost:
    cpu, private, pss = [], [], []
    for run in runs:
        spent, requests = cpu_seconds(run, (name,)), cpu_requests(run)
        if math.isfinite(spent) and requests:
            cpu.append(spent / requests)
        for usage in run.resources:
            if usage.component == name:
                private += [usage.private_bytes] if usage.private_bytes is not None else []
                pss += [usage.pss_bytes] if usage.pss_bytes is not None else []
    return ComponentCost(
        component=name,
        role=role,
        cpu_s_per_request=geometric_mean(cpu, Unit.CPU_SECONDS_PER_REQUEST),
        private_bytes=geometric_mean(private, Unit.BYTES),
        pss_bytes=statistics.fmean(pss) if pss else None,
    )

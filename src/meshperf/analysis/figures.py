"""The figures of one run: response-time quantiles and mean, CPU per request, memory.

What it decides: what each metric means, once, for arms, pairs, objectives and reports alike.

What it refuses: a figure from parts. CPU per request counts every process of the application and its sidecars; when
the clock of one of them is missing the figure is unknown (NaN), not smaller. The same holds for memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from meshperf.histograms import merge
from meshperf.spec.records import ComponentUsage, RunResult
from meshperf.units import Unit

__all__ = [
    "JUDGED_ROLES",
    "LATENCIES",
    "METRICS",
    "PRIMARY_FAMILY",
    "QUANTILES",
    "TAIL_REQUESTS",
    "UNITS",
    "cpu_requests",
    "cpu_seconds",
    "error_share",
    "figure",
    "judged_components",
    "slices_add_up",
]

QUANTILES = {"p50": 0.50, "p90": 0.90, "p99": 0.99}
LATENCIES = ("p50", "p90", "p99", "mean")
METRICS = (*LATENCIES, "cpu_per_request", "memory")
PRIMARY_FAMILY = ("p50", "p90", "cpu_per_request")
UNITS = {
    **dict.fromkeys(LATENCIES, Unit.SECONDS),
    "cpu_per_request": Unit.CPU_SECONDS_PER_REQUEST,
    "memory": Unit.BYTES,
}
JUDGED_ROLES = frozenset({"app", "sidecar"})
"""Whose CPU and memory a request costs; the generator and the control plane are shown, not counted."""
TAIL_REQUESTS = 10_000
"""Counted requests per arm and round below which a p99 is not judged."""


def figure(run: RunResult, metric: str) -> float:
    """One metric of one run: seconds, CPU seconds per request, or bytes. NaN when it was not measured.

    Raises:
        KeyError: not a metric that meshperf knows.
    """
    if metric in QUANTILES:
        return float(run.response.quantile(QUANTILES[metric]))
    if metric == "mean":
        return run.response.mean()
    if metric == "cpu_per_request":
        requests = cpu_requests(run)
        return cpu_seconds(run, judged_components(run)) / requests if requests else math.nan
    if metric == "memory":
        private = [usage.private_bytes for usage in run.resources if usage.role in JUDGED_ROLES]
        return float(sum(p for p in private if p is not None)) if private and None not in private else math.nan
    raise KeyError(f"unknown metric {metric!r}; known: {', '.join(METRICS)}")


def judged_components(run: RunResult) -> tuple[str, ...]:
    """Names of the application's and the sidecars' processes."""
    return tuple(usage.component for usage in run.resources if usage.role in JUDGED_ROLES)


def cpu_seconds(run: RunResult, components: Iterable[str]) -> float:
    """CPU seconds of these components over the counted windows; NaN when one of them is not known or there are none."""
    wanted = tuple(components)
    if not wanted:
        return math.nan
    if any(piece.cpu_s for piece in run.slices):
        return math.fsum(piece.cpu_s.get(name, math.nan) for piece in run.slices for name in wanted)
    usage = {part.component: part for part in run.resources}
    return math.fsum(_cpu_of(usage[name]) if name in usage else math.nan for name in wanted)


def cpu_requests(run: RunResult) -> int:
    """Counted requests that were sent, which the CPU time was spent on."""
    return sum(piece.counts.sent for piece in run.slices) if run.slices else run.counts.sent


def error_share(runs: Iterable[RunResult]) -> float:
    """Share of due requests without a good reply: errors, timeouts, unanswered and never sent. NaN for none due."""
    offered = failed = 0
    for run in runs:
        counts = run.counts
        offered += counts.offered
        failed += counts.errors + counts.timeouts + counts.unanswered + counts.not_sent
    return failed / offered if offered else math.nan


def slices_add_up(run: RunResult) -> bool:
    """Whether the run's histogram is the exact sum of its slices' (true of a run that has no slices)."""
    return not run.slices or merge(piece.response for piece in run.slices) == run.response


def _cpu_of(usage: ComponentUsage) -> float:
    return math.nan if usage.cpu_s is None else usage.cpu_s

"""The efficiencies that a MeshMark is made of, round by round, from the runs of an experiment.

What it decides: at which load points the score is read (25, 50 and 75 % of the least capacity among the arms), and what
each run gives. An arm that does not sustain a cell takes the latency term out of that cell for all arms, because
response times of a run that fell behind say how long it was, not how fast.

What it refuses: a quantile with fewer than 100 requests beyond it in a round; figures of rounds in which the machine,
the generator or a claim failed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshperf.analysis.efficiency import ok_requests
from meshperf.analysis.figures import JUDGED_ROLES, cpu_seconds, figure, judged_components
from meshperf.analysis.pairing import arm_fault, in_order, set_aside, why_excluded
from meshperf.spec.records import RunResult, ValidityState

__all__ = ["SHARES", "Place", "RoundPair", "cell_points", "efficiencies", "is_sustained", "round_pairs"]

SHARES = (0.25, 0.50, 0.75)
NEAR = 0.10
"""A load point may lie so far, as a share, from the rate that a cell asks for."""
_QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
_BEYOND = 100
_NO_WIRE = "the bytes between proxies are not counted; the interfaces of pods do that (`environment: netns`)"

Place = tuple[int, int]
"""Round and group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPair:
    """Baseline and mesh of one round and group at one load point."""

    baseline: RunResult
    mesh: RunResult


def cell_points(runs: Sequence[RunResult], least_rps: float) -> tuple[dict[float, int], list[str]]:
    """The load point of each cell by its share of the least capacity, and what is missing, in words."""
    rates = {run.load_point: run.offered_rps for run in runs if run.offered_rps is not None}
    found, missing = {}, []
    for share in SHARES:
        wanted = share * least_rps
        near = [point for point, rate in rates.items() if abs(rate / wanted - 1) <= NEAR]
        if near:
            found[share] = min(near, key=lambda point: abs((rates[point] or 0.0) / wanted - 1))
        else:
            missing.append(f"no load point within {NEAR:.0%} of {wanted:.4g}/s ({share:.0%} of the least capacity)")
    return found, missing


def round_pairs(runs: Sequence[RunResult], *, arm: str, baseline: str, point: int) -> dict[Place, RoundPair]:
    """Pairs of one load point that may speak: an arm's own failures count, those of machine and generator do not."""
    found: dict[Place, dict[str, RunResult]] = {}
    for run in in_order(runs):
        if run.load_point == point and run.twin == 0 and run.arm in (arm, baseline) and _speaks(run):
            found.setdefault((run.round, run.group), {})[run.arm] = run
    return {
        place: RoundPair(baseline=both[baseline], mesh=both[arm])
        for place, both in sorted(found.items())
        if arm in both and baseline in both
    }


def is_sustained(runs: Sequence[RunResult], point: int) -> bool:
    """Whether every arm kept up with this load point in every round that speaks."""
    return not any(
        run.validity.state is ValidityState.NOT_SUSTAINED
        or any(guard.guard == "rate_shortfall" and guard.outcome == "invalid" for guard in run.guards)
        for run in in_order(runs)
        if run.load_point == point and run.twin == 0 and set_aside(run) is None
    )


def efficiencies(pair: RoundPair, *, latency: bool) -> tuple[dict[str, float], Mapping[str, str]]:
    """Efficiencies of one round by name, and why others are missing."""
    a, b = pair.baseline, pair.mesh
    found: dict[str, float] = {}
    missing: dict[str, str] = {}

    def take(name: str, top: float, bottom: float, why: str) -> None:
        if math.isfinite(top) and math.isfinite(bottom) and top > 0 and bottom > 0:
            found[name] = top / bottom
        else:
            missing[name] = why

    take("cpu", _cpu_per_ok(a), _cpu_per_ok(b), "CPU time of a process was not read")
    take("resident", figure(a, "memory"), figure(b, "memory"), "memory of a process was not read")
    take(
        "wire",
        *_wires(a, b),
        "the bytes between proxies are not counted; pods have interfaces that count them (`environment: netns`)",
    )
    for name, q in _QUANTILES.items():
        wanted = math.ceil(_BEYOND / (1 - q))
        fewest = min(a.response.total, b.response.total)
        if not latency:
            missing[name] = "an arm does not sustain this rate"
        elif fewest < wanted:
            missing[name] = f"a round has {fewest} successful requests, {wanted} are needed"
        else:
            take(name, float(a.response.quantile(q)), float(b.response.quantile(q)), "no response times")
    take("success", _success(b), _success(a), "no request succeeded")
    return found, missing


def _speaks(run: RunResult) -> bool:
    """Everything but what was set aside, and a broken claim: that arm was not what it is called."""
    return set_aside(run) is None and (why_excluded(run) is None or arm_fault(run) is not None)


def _cpu_per_ok(run: RunResult) -> float:
    """Application, proxies, and the control plane where its clock was read."""
    plane = [usage.component for usage in run.resources if usage.role == "control-plane"]
    known = [name for name in plane if math.isfinite(cpu_seconds(run, (name,)))]
    requests = ok_requests(run)
    return cpu_seconds(run, (*judged_components(run), *known)) / requests if requests else math.nan


def _wires(a: RunResult, b: RunResult) -> tuple[float, float]:
    """Bytes on the wire for each successful request of both runs, counted at the same places; NaN where they are not.

    The pods' interfaces see everything that leaves a pod, what its sidecar adds included. Without pods, the sockets of
    application and proxies will do where all of them are counted. Bytes are those of the whole stretch and successes
    those that counted: lead-ins are the same share in both, and cancel.
    """
    for measured in (_on_interfaces, _on_sockets):
        found = measured(a), measured(b)
        if all(map(math.isfinite, found)):
            return found
    return math.nan, math.nan


def _on_interfaces(run: RunResult) -> float:
    """In and out of the pods of all services; a call between two of them is seen by both."""
    services = [usage for usage in run.resources if usage.role == "app"]
    return _by_success(
        [size for usage in services for size in (usage.interface_bytes_in, usage.interface_bytes_out)], run
    )


def _on_sockets(run: RunResult) -> float:
    own = [usage for usage in run.resources if usage.role in JUDGED_ROLES]
    return _by_success([size for usage in own for size in (usage.bytes_in, usage.bytes_out)], run)


def _by_success(sizes: Sequence[int | None], run: RunResult) -> float:
    known = [size for size in sizes if size is not None]
    requests = ok_requests(run)
    return math.fsum(known) / requests if known and len(known) == len(sizes) and requests else math.nan


def _success(run: RunResult) -> float:
    return run.counts.ok / run.counts.offered if run.counts.offered else math.nan

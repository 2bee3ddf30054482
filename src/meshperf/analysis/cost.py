"""Money per million successful requests, arm by arm, from prices that the user gives.

What it decides: what the CPU time and the memory of application and sidecars cost at the rate that was measured, as
they were used and as they are reserved, and how much of it an arm adds to its baseline.

Why this way: CPU time belongs to requests and costs the same at any rate; memory, and whatever is reserved, is paid
by the hour and is shared by however many requests come in that hour. So both are shown, and the rate with them.
Money is reckoned for each round and then averaged, so that its interval is that of the measurement; what an arm adds
is subtracted within the round first.

What it assumes: prices are exact; what is used is what is paid for (usage), or the reservation of every proxy is paid
for whatever it uses (reservation).

What it refuses: a cost for what was not measured: control planes, nodes and networks are not in it, and are named as
such. Energy has no price here; `energy` tells it in joules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.efficiency import RunUse, own_runs, use_of
from meshperf.analysis.intervals import mean_amount
from meshperf.analysis.records import Estimate
from meshperf.spec.prices import NodePrice, PriceList
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["ArmCost", "arm_cost", "arm_costs", "proxies_of"]

MILLION = 1e6
HOUR_S = 3600.0
GIB = 2.0**30


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCost:
    """Money for a million successful requests of one arm at one load point; estimates over rounds."""

    arm: str
    load_point: int
    rate_rps: float
    node: str
    rounds: int
    used: Estimate
    """CPU time and memory as used."""
    cpu: Estimate
    memory: Estimate
    added: Estimate | None
    """`used`, candidate minus baseline of the same round and group; None for the baseline itself."""
    reserved: float | None
    """What the reservations of the arm's proxies cost; None: the price file does not say."""
    proxies: int
    """Processes with the role of a sidecar."""


def arm_costs(runs: Sequence[RunResult], *, baseline: str, prices: PriceList, node: str) -> tuple[ArmCost, ...]:
    """Every arm at every load point, the baseline first.

    Args:
        runs: of one experiment, with or without those that may not be compared.
        node: a key of `prices.nodes`.
    """
    names = [baseline, *(name for name in dict.fromkeys(run.arm for run in runs) if name != baseline)]
    own = {name: own_runs(runs, name) for name in names}
    found = []
    for point in sorted({run.load_point for run in runs}):
        at = {name: [run for run in own[name] if run.load_point == point] for name in names}
        for name in names:
            if at[name]:
                against = at[baseline] if name != baseline else None
                found.append(arm_cost(at[name], against, price=prices.nodes[node], prices=prices))
    return tuple(found)


def arm_cost(
    runs: Sequence[RunResult], against: Sequence[RunResult] | None, *, price: NodePrice, prices: PriceList
) -> ArmCost:
    """One arm at one load point.

    Args:
        runs: comparable ones of the arm, at least one.
        against: the baseline's, None for the baseline itself.
    """
    uses = [use_of(run) for run in runs]
    rate = math.fsum(use.achieved_rps for use in uses) / len(uses)
    parts = [_parts(use, price) for use in uses]
    added = None
    if against is not None:
        base = {(use.round, use.group): sum(_parts(use, price)) for use in map(use_of, against)}
        differences = [
            sum(part) - base[use.round, use.group]
            for use, part in zip(uses, parts, strict=True)
            if (use.round, use.group) in base
        ]
        added = _mean(differences)
    proxies = proxies_of(runs[0])
    reservation = prices.reserved(runs[0].arm)
    reserved = None
    if reservation is not None and rate > 0:
        hourly = reservation.cpu * price.reserved_vcpu_hour + reservation.memory / GIB * price.reserved_gib_hour
        reserved = proxies * hourly / (rate * HOUR_S) * MILLION
    return ArmCost(
        arm=runs[0].arm,
        load_point=runs[0].load_point,
        rate_rps=rate,
        node=price.name,
        rounds=len({run.round for run in runs}),
        used=_mean([sum(part) for part in parts]),
        cpu=_mean([part[0] for part in parts]),
        memory=_mean([part[1] for part in parts]),
        added=added,
        reserved=reserved,
        proxies=proxies,
    )


def proxies_of(run: RunResult) -> int:
    """How many proxies stood in the path of a request."""
    return sum(usage.role == "sidecar" for usage in run.resources)


def _parts(use: RunUse, price: NodePrice) -> tuple[float, float]:
    """Money for CPU time and for memory, of a million requests."""
    cpu = use.cpu_s_per_ok * MILLION / HOUR_S * price.vcpu_hour
    held_h = MILLION / use.achieved_rps / HOUR_S if use.achieved_rps > 0 else math.nan
    return cpu, use.memory_bytes / GIB * price.gib_hour * held_h


def _mean(values: Sequence[float]) -> Estimate:
    """Over rounds; unknown as soon as one is."""
    return mean_amount(values, Unit.MONEY)

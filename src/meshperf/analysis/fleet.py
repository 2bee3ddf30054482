"""What an arm would add to a fleet of pods: cores, memory and money, with the interval of the measurement.

What it decides: for so many pods that each answer so many requests a second, candidate minus baseline.

Why this way: with a ladder of rates the CPU time is split into a share for each request and an idle share. Each
request of a pod costs what a request of the arm cost, both ends of the hop counted; idle CPU and memory are there once
for each proxy, so the arm's are divided by its proxies. The sum is made for each round and only then averaged, since
slope and intercept of one round err together.

What it assumes: a pod has one proxy, and the fleet's pods do what the measured ones did. Without a ladder all CPU time
is taken to grow with the requests; that is said in `basis`, and it is wrong for a fleet that is mostly idle.

What it refuses: to stay silent on a rate outside the measured ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.cost import GIB, proxies_of
from meshperf.analysis.efficiency import RunUse, cpu_line, own_runs, use_of
from meshperf.analysis.intervals import mean_amount
from meshperf.analysis.records import Estimate
from meshperf.spec.prices import NodePrice, PriceList
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["LADDER", "POINT", "FleetCost", "fleet_cost"]

LADDER, POINT = "ladder", "one load point"
_VISIBLE = 0.01
"""Idle CPU below 0 by this share of the lowest rate's is worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCost:
    """What an arm adds to its baseline in a fleet. Estimates over rounds."""

    arm: str
    against: str
    pods: int
    rate_rps: float
    """Requests that each pod answers in a second."""
    basis: str
    """`ladder` or `one load point`."""
    cores: Estimate
    memory: Estimate
    monthly: Estimate
    """Money of what is used, of a month."""
    reserved_monthly: float | None
    """Money of what is set aside for the fleet's proxies; None: the price file does not say."""
    measured_rps: tuple[float, ...]
    proxies: int
    """Of the arm in the path of one request; idle CPU and memory were divided by it (by 1 where there is none)."""
    notes: tuple[str, ...] = ()


def fleet_cost(
    runs: Sequence[RunResult], *, arm: str, baseline: str, pods: int, rate_rps: float, prices: PriceList, node: str
) -> FleetCost | None:
    """The fleet estimate of one candidate; None where no round has both arms with everything measured.

    Args:
        pods: at least 1.
        rate_rps: above 0, requests a second at each pod.
    """
    own, base = own_runs(runs, arm), own_runs(runs, baseline)
    if not own or not base:
        return None
    mine, other = [use_of(run) for run in own], [use_of(run) for run in base]
    line, base_line = cpu_line(arm, mine), cpu_line(baseline, other)
    proxies = proxies_of(own[0])
    share = max(proxies, 1)
    cores: dict[tuple[int, int], float] = {}
    notes = []
    if line is not None and base_line is not None:
        basis, measured = LADDER, line.rates_rps
        for place in line.rounds.keys() & base_line.rounds.keys():
            with_, without = line.rounds[place], base_line.rounds[place]
            idle = (with_.intercept - without.intercept) / share
            cores[place] = pods * (idle + (with_.slope - without.slope) * rate_rps)
        worst = max(line.worst, base_line.worst)
        if not (line.linear and base_line.linear):
            notes.append(f"a load point lies {worst:.0%} off the line: CPU time does not grow evenly with the rate")
        for each in (line, base_line):
            if each.intercept.high < -_VISIBLE * each.slope.value * min(each.rates_rps):
                notes.append(f"the idle CPU of {each.arm} comes out below 0, so its line bends at low rates")
    else:
        basis = POINT
        point = _nearest_point(mine, rate_rps)
        measured = (_mean_rate(mine, point),)
        there = {(use.round, use.group): use for use in other if use.load_point == point}
        for use in mine:
            if use.load_point == point and (use.round, use.group) in there:
                added = use.cpu_s_per_ok - there[use.round, use.group].cpu_s_per_ok
                cores[use.round, use.group] = pods * rate_rps * added
        notes.append(
            "from one load point: all CPU time is taken to grow with the requests, idle CPU is not told apart; "
            "measure at several rates for that"
        )
    if measured and not min(measured) * 0.99 <= rate_rps <= max(measured) * 1.01:
        shown = ", ".join(f"{each:.4g}" for each in measured)
        notes.append(f"{rate_rps:g}/s lies outside what was measured ({shown}/s): an extrapolation")
    memory = _memory(mine, other, rate_rps, pods / share)
    price = prices.nodes[node]
    places = sorted(place for place in cores.keys() & memory.keys())
    if not places:
        return None
    hours = prices.hours_per_month
    return FleetCost(
        arm=arm,
        against=baseline,
        pods=pods,
        rate_rps=rate_rps,
        basis=basis,
        cores=mean_amount([cores[place] for place in places], Unit.CORES),
        memory=mean_amount([memory[place] for place in places], Unit.BYTES),
        monthly=mean_amount([_monthly(cores[p], memory[p], price, hours) for p in places], Unit.MONEY),
        reserved_monthly=_reserved(prices, price, arm, pods) if proxies else None,
        measured_rps=measured,
        proxies=proxies,
        notes=tuple(notes),
    )


def _memory(
    mine: Sequence[RunUse], other: Sequence[RunUse], rate_rps: float, times: float
) -> dict[tuple[int, int], float]:
    """Memory that the fleet's proxies add, by round and group, from the load point nearest to the rate."""
    point = _nearest_point(mine, rate_rps)
    base = {(use.round, use.group): use.memory_bytes for use in other if use.load_point == point}
    return {
        (use.round, use.group): times * (use.memory_bytes - base[use.round, use.group])
        for use in mine
        if use.load_point == point and (use.round, use.group) in base
    }


def _nearest_point(uses: Sequence[RunUse], rate_rps: float) -> int:
    points = sorted({use.load_point for use in uses})
    return min(points, key=lambda point: abs(math.log(max(_mean_rate(uses, point), 1e-9) / rate_rps)))


def _mean_rate(uses: Sequence[RunUse], point: int) -> float:
    rates = [use.achieved_rps for use in uses if use.load_point == point]
    return math.fsum(rates) / len(rates)


def _monthly(cores: float, memory: float, price: NodePrice, hours: float) -> float:
    return (cores * price.vcpu_hour + memory / GIB * price.gib_hour) * hours


def _reserved(prices: PriceList, price: NodePrice, arm: str, pods: int) -> float | None:
    reservation = prices.reserved(arm)
    if reservation is None:
        return None
    hourly = reservation.cpu * price.reserved_vcpu_hour + reservation.memory / GIB * price.reserved_gib_hour
    return pods * hourly * prices.hours_per_month

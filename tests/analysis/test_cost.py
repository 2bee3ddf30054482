"""Money per million requests and for a fleet, against sums made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ladder_sample import TRUTHS, Truth, ladder
from meshperf.analysis.cost import arm_costs
from meshperf.analysis.fleet import LADDER, POINT, fleet_cost
from meshperf.spec.prices import NodePrice, PriceList, Reservation

NODE = NodePrice(name="n", vcpu_hour=0.036, gib_hour=0.0045, reserved_vcpu_hour=0.02, reserved_gib_hour=0.002)
PRICES = PriceList(
    name="p", currency="EUR", nodes={"n": NODE}, default="n", reservation=Reservation(cpu=0.1, memory=2**27)
)


def costs_at(rate: float, **settings: object):
    runs = ladder(rates=(rate,), **settings)
    return {one.arm: one for one in arm_costs(runs, baseline="baseline", prices=PRICES, node="n")}


def fleet(runs, **settings: object):
    asked = {"arm": "envoy", "baseline": "baseline", "pods": 400, "rate_rps": 500.0, "prices": PRICES, "node": "n"}
    return fleet_cost(runs, **{**asked, **settings})


def test_money_is_cpu_time_by_request_and_memory_by_the_hour() -> None:
    found = costs_at(500.0)["baseline"]
    cpu = 50e-6 * 1e6 / 3600 * 0.036
    memory = 20 / 1024 * 0.0045 * (1e6 / 500 / 3600)
    assert found.cpu.value == pytest.approx(cpu)
    assert found.memory.value == pytest.approx(memory)
    assert found.used.value == pytest.approx(cpu + memory)
    assert found.added is None


def test_what_an_arm_adds_is_the_difference_to_its_baseline() -> None:
    found = costs_at(500.0)
    added = found["envoy"].added
    assert added is not None and added.value == pytest.approx(found["envoy"].used.value - found["baseline"].used.value)


def test_a_reservation_weighs_most_at_a_low_rate_and_usage_of_cpu_does_not() -> None:
    busy, quiet = costs_at(500.0)["envoy"], costs_at(5.0, requests=500)["envoy"]
    assert busy.reserved == pytest.approx(2 * (0.1 * 0.02 + 0.125 * 0.002) / (500 * 3600) * 1e6)
    assert quiet.reserved == pytest.approx(100 * busy.reserved)
    assert quiet.memory.value == pytest.approx(100 * busy.memory.value)
    assert costs_at(5.0, requests=500)["baseline"].cpu.value == pytest.approx(costs_at(500.0)["baseline"].cpu.value)


def test_prices_scale_costs_and_their_bounds() -> None:
    runs = ladder(noise=0.05)
    dear = replace(PRICES, nodes={"n": replace(NODE, vcpu_hour=0.36, gib_hour=0.045)})
    once = arm_costs(runs, baseline="baseline", prices=PRICES, node="n")
    ten = arm_costs(runs, baseline="baseline", prices=dear, node="n")
    for a, b in zip(once, ten, strict=True):
        assert (b.used.value, b.used.low, b.used.high) == pytest.approx(
            (10 * a.used.value, 10 * a.used.low, 10 * a.used.high)
        )
        assert a.used.low < a.used.value < a.used.high


def test_an_unread_clock_makes_the_cost_unknown_and_not_smaller() -> None:
    runs = [
        replace(run, resources=tuple(replace(u, cpu_s=None) if u.component == "proxy-0" else u for u in run.resources))
        for run in ladder(rates=(500.0,))
    ]
    found = {one.arm: one for one in arm_costs(runs, baseline="baseline", prices=PRICES, node="n")}
    assert math.isnan(found["envoy"].used.value) and math.isfinite(found["baseline"].used.value)


def test_a_fleet_with_a_ladder_pays_requests_and_idle_proxies_apart() -> None:
    found = fleet(ladder())
    assert found.basis == LADDER and found.proxies == 2 and found.notes == ()
    assert found.cores.value == pytest.approx(400 * (0.04 / 2 + 100e-6 * 500))
    assert found.memory.value == pytest.approx(400 * 40 * 2**20 / 2)
    monthly = (found.cores.value * 0.036 + found.memory.value / 2**30 * 0.0045) * 730
    assert found.monthly.value == pytest.approx(monthly)
    assert found.reserved_monthly == pytest.approx(400 * (0.1 * 0.02 + 0.125 * 0.002) * 730)


def test_a_fleet_from_one_load_point_says_so() -> None:
    found = fleet(ladder(rates=(500.0,)))
    assert found.basis == POINT and any("one load point" in note for note in found.notes)
    assert found.cores.value == pytest.approx(400 * 500 * (0.04 / 500 + 100e-6))


def test_a_rate_outside_the_measured_ones_is_called_an_extrapolation() -> None:
    assert any("extrapolation" in note for note in fleet(ladder(), rate_rps=50.0).notes)
    assert any("extrapolation" in note for note in fleet(ladder(rates=(500.0,)), rate_rps=50.0).notes)
    assert not any("extrapolation" in note for note in fleet(ladder(), rate_rps=1000.0).notes)


def test_the_interval_of_a_fleet_holds_the_truth_at_least_93_times_in_100() -> None:
    truth = 400 * (0.04 / 2 + 100e-6 * 500) * math.exp(0.04**2 / 2)
    held = 0
    for seed in range(150):
        found = fleet(ladder(noise=0.04, requests=200, seed=seed))
        held += found.cores.low <= truth <= found.cores.high
    assert held >= 0.88 * 150  # 0.95 less four sampling errors


def test_an_arm_without_a_run_has_no_estimate() -> None:
    assert fleet([run for run in ladder() if run.arm == "baseline"]) is None
    assert fleet(ladder(), arm="istio") is None


def test_an_arm_without_proxies_counts_as_one_process_a_pod() -> None:
    truths = {"baseline": Truth(), "library": replace(TRUTHS["envoy"], sidecars=0)}
    found = fleet(ladder(truths), arm="library")
    assert found.cores.value == pytest.approx(400 * (0.04 + 100e-6 * 500)) and found.reserved_monthly is None

"""Convergence of a control plane study, on arrivals that are known beforehand."""

from __future__ import annotations

import math

import pytest

from meshperf.analysis.propagation import convergences, ecdf, plane_costs
from meshperf.spec.propagation import ENDPOINT, ROUTE, ChangeRecord, PlaneUsage, PropagationRun


def _change(high: list[float | None], *, kind: str = ROUTE, apart: float = 0.001) -> ChangeRecord:
    low = [None if at is None else at - apart for at in high]
    return ChangeRecord(kind=kind, low_s=tuple(low), high_s=tuple(high), handed_in_s=0.002, period_s=apart)


def _run(number: int, changes: list[ChangeRecord], usage: tuple[PlaneUsage, ...] = ()) -> PropagationRun:
    return PropagationRun(
        arm="istio", round=number, proxies=10, services=0, probe_period_s=0.001, first_answer_s=3.0,
        changes=tuple(changes), usage=usage,
    )  # fmt: skip


def test_a_share_of_the_proxies_is_an_order_statistic_and_a_deployment_one_value() -> None:
    arrivals: list[float | None] = [0.01 * (number + 1) for number in range(10)]
    runs = [_run(number, [_change([at * number for at in arrivals if at]) for _ in range(3)]) for number in (1, 2, 3)]
    (found,) = convergences(runs)
    # 50 % of ten proxies is the fifth, 90 % the ninth, 99 % the tenth; the three deployments are 1, 2 and 3 times it.
    assert [found.shares[name].value for name in ("50 %", "90 %", "99 %", "all")] == pytest.approx(
        [0.10, 0.18, 0.20, 0.20]
    )
    # t with two degrees of freedom is 4.3027; the standard error of 0.05, 0.10, 0.15 is 0.05 / sqrt(3).
    half = 4.302653 * 0.05 / math.sqrt(3)
    assert (found.shares["50 %"].low, found.shares["50 %"].high) == pytest.approx((0.10 - half, 0.10 + half))
    assert found.lower["50 %"] == pytest.approx(0.099)
    assert (found.rounds, found.changes, found.incomplete) == (3, 9, 0)


def test_one_odd_change_does_not_move_the_median_and_is_in_the_ecdf() -> None:
    runs = [_run(1, [_change([0.01] * 10), _change([0.01] * 10), _change([0.01] * 9 + [5.0])])]
    (found,) = convergences(runs)
    assert found.shares["all"].value == pytest.approx(0.01)
    assert math.isnan(found.shares["all"].low)
    assert ecdf(runs, ROUTE)["istio", 10, 0][-1] == 5.0


def test_a_change_that_did_not_arrive_everywhere_is_counted_and_left_out_of_the_times() -> None:
    runs = [_run(1, [_change([0.02] * 10), _change([0.02] * 9 + [None])])]
    (found,) = convergences(runs)
    assert (found.changes, found.incomplete) == (2, 1)
    assert found.shares["all"].value == pytest.approx(0.02)


def test_kinds_of_change_are_apart() -> None:
    runs = [_run(1, [_change([0.01] * 10), _change([0.03] * 10, kind=ENDPOINT)])]
    assert {one.kind: one.shares["all"].value for one in convergences(runs)} == pytest.approx(
        {ROUTE: 0.01, ENDPOINT: 0.03}
    )


def test_cost_adds_the_stretches_of_a_deployment_and_divides_by_their_time() -> None:
    usage = tuple(
        PlaneUsage(component="istiod", stretch="churn", wall_s=2.0, cpu_s=cpu, private_bytes=30_000_000, changes=10)
        for cpu in (0.5, 0.7)
    )
    (found,) = plane_costs([_run(1, [], usage)])
    assert found.cores is not None
    assert found.cores.value == pytest.approx(1.2 / 4.0)
    assert found.cpu_per_change_s == pytest.approx(1.2 / 20)
    assert found.private_bytes == 30_000_000


def test_cpu_that_could_not_be_read_stays_unknown() -> None:
    usage = (PlaneUsage(component="istiod", stretch="rest", wall_s=2.0, cpu_s=None, private_bytes=None),)
    (found,) = plane_costs([_run(1, [], usage)])
    assert (found.cores, found.cpu_per_change_s, found.private_bytes) == (None, None, None)

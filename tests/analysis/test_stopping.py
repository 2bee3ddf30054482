"""Looks that were planned, their levels, and what ends an experiment."""

import pytest
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation

from meshperf.analysis import compare, may_stop, plan_stopping


def _looked(alpha, ratio=1.5, rounds=6, **settings):
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=ratio, cpu_ratio=2.0)}
    simulation = Simulation(arms=arms, rounds=rounds, requests=400, run_sd=0.02, **settings)
    return compare(simulation.run(3), baseline="baseline", subject=("mesh",), margins=MARGINS, alpha=alpha)


@pytest.mark.parametrize("rounds", [3, 6, 7, 10, 20, 50])
def test_the_levels_add_up_and_most_is_kept_for_the_end(rounds):
    plan = plan_stopping(rounds)
    assert sum(plan.alphas) == pytest.approx(0.05)
    assert plan.looks[-1] == plan.rounds == rounds
    assert plan.alphas[-1] >= 0.04 - 1e-12
    assert len(plan.looks) <= 5
    assert list(plan.looks) == sorted(set(plan.looks))
    assert all(look >= 6 for look in plan.looks[:-1])


def test_a_look_that_was_not_planned_has_no_level():
    plan = plan_stopping(10)
    assert plan.alpha_at(10) == plan.alphas[-1]
    assert plan.alpha_at(7) is None
    assert plan.alpha_at(11) is None


def test_looks_may_be_named():
    plan = plan_stopping(12, looks=(4, 8, 12))
    assert plan.looks == (4, 8, 12)
    assert plan.alphas == pytest.approx((0.005, 0.005, 0.04))


@pytest.mark.parametrize(("rounds", "looks"), [(2, None), (10, (2,)), (10, (11,))])
def test_looks_outside_of_the_experiment_are_refused(rounds, looks):
    with pytest.raises(ValueError, match="at least 3 rounds"):
        plan_stopping(rounds, looks=looks)


def test_an_experiment_may_stop_when_all_primary_metrics_are_decided():
    assert may_stop(_looked(0.005), alpha=0.005) == (True, "all primary metrics are decided")


def test_one_open_metric_keeps_it_going():
    stop, why = may_stop(_looked(0.005, cpu_sd=2.0), alpha=0.005)
    assert not stop
    assert why == "undecided: cpu_per_request of envoy"


def test_a_verdict_at_a_higher_level_is_no_look():
    with pytest.raises(ValueError, match="level planned"):
        may_stop(_looked(0.05), alpha=0.005)


def test_a_resolution_is_reached_or_not():
    looked = _looked(0.005)
    assert may_stop(looked, resolution={"p50": 0.5}, alpha=0.005) == (True, "as sharp as asked for")
    stop, why = may_stop(looked, resolution={"p50": 0.001}, alpha=0.005)
    assert not stop
    assert "p50 of envoy" in why


def test_a_metric_without_an_interval_is_never_sharp_enough():
    stop, why = may_stop(_looked(0.005), resolution={"p99": 9.0}, alpha=0.005)
    assert not stop
    assert "p99" in why


def test_intervals_of_a_look_carry_its_level():
    (looked,) = _looked(0.005)
    (usual,) = _looked(0.05)
    assert looked.alpha == 0.005
    assert looked.metrics[0].ratio.confidence == pytest.approx(0.995)
    assert looked.metrics[0].ratio.high > usual.metrics[0].ratio.high

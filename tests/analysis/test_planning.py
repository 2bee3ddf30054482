"""Plans from pilots."""

import math

import numpy as np
import pytest
from scipy import stats
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation

from meshperf.analysis import Pilot, compare, pilot_of, rounds_for


def _pilot(**settings):
    return Pilot(**{"metric": "p50", "rounds": 6, "slices": 20, "between_sd": 0.05, "within_sd": 0.03, **settings})


def test_a_finer_resolution_and_a_rougher_pilot_take_more_rounds():
    usual = rounds_for(_pilot(), 0.05).rounds
    assert rounds_for(_pilot(), 0.03).rounds > usual
    assert rounds_for(_pilot(between_sd=0.08), 0.05).rounds > usual
    assert rounds_for(_pilot(), 0.05, power=0.95).rounds > usual
    assert rounds_for(_pilot(), 0.05, alpha=0.01).rounds > usual
    assert rounds_for(_pilot(rounds=3), 0.05).rounds > usual


@pytest.mark.parametrize("pilot_rounds", [3, 8])
def test_the_rounds_planned_are_enough_in_the_share_of_pilots_promised(pilot_rounds):
    """Over pilots and experiments together, the plan's own rounding up included."""
    rng, reached, sd, wanted = np.random.default_rng(9), 0, 0.04, 0.06
    for _ in range(600):
        seen = float(rng.normal(0, sd, size=pilot_rounds).std(ddof=1))
        pilot = Pilot(metric="p50", rounds=pilot_rounds, slices=0, between_sd=seen, within_sd=None)
        plan = rounds_for(pilot, wanted)
        rounds = plan.rounds if plan else 200
        made = float(rng.normal(0, sd, size=rounds).std(ddof=1))
        half = float(stats.t.ppf(0.975, rounds - 1)) * made / math.sqrt(rounds)
        reached += half <= math.log1p(wanted)
    assert reached / 600 >= 0.78


def test_finding_a_difference_takes_more_rounds_than_knowing_it_as_well():
    wide, found = rounds_for(_pilot(), 0.05), rounds_for(_pilot(), 0.05, find=True)
    assert wide.rounds < found.rounds < 4 * wide.rounds


@pytest.mark.parametrize("pilot_rounds", [6, 20])
def test_a_difference_planned_for_is_found(pilot_rounds):
    rng, found, sd = np.random.default_rng(7), 0, 0.04
    for _ in range(400):
        seen = float(rng.normal(0, sd, size=pilot_rounds).std(ddof=1))
        pilot = Pilot(metric="p50", rounds=pilot_rounds, slices=0, between_sd=seen, within_sd=None)
        plan = rounds_for(pilot, 0.05, find=True)
        rounds = plan.rounds if plan else 200
        found += stats.ttest_1samp(rng.normal(math.log(1.05), sd, size=rounds), 0.0).pvalue < 0.05
    assert found / 400 >= 0.76


def test_noise_of_slices_is_bought_down_with_slices_and_luck_with_rounds():
    noisy = rounds_for(_pilot(between_sd=0.05, within_sd=0.05), 0.04, round_cost=50)
    lucky = rounds_for(_pilot(between_sd=0.05, within_sd=0.001), 0.04, round_cost=1)
    assert noisy.slices >= 40
    assert lucky.slices == 10
    assert noisy.rounds < lucky.rounds


def test_a_single_round_says_nothing_of_luck_so_some_is_assumed_and_told():
    plan = rounds_for(_pilot(rounds=1, between_sd=None, within_sd=0.001), 0.05)
    assert plan.assumed
    assert plan.between_sd == pytest.approx(0.03, rel=0.02)
    assert not rounds_for(_pilot(), 0.05).assumed


def test_a_plan_that_nobody_would_carry_out_is_not_given():
    assert rounds_for(_pilot(between_sd=1.0), 0.01) is None


@pytest.mark.parametrize(("resolution", "power"), [(0.0, 0.8), (-0.1, 0.8), (0.1, 1.0)])
def test_what_cannot_be_asked_is_refused(resolution, power):
    with pytest.raises(ValueError, match="resolution is above 0"):
        rounds_for(_pilot(), resolution, power=power)


def test_a_pilot_is_read_from_a_comparison_and_from_an_aa_test():
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.2)}
    runs = Simulation(arms=arms, twins=("baseline",), rounds=3, slices=24, requests=1200).run(1)
    (comparison,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
    for measured in (comparison.metrics[0], comparison.noise_floors[0]):
        pilot = pilot_of(measured, slices=24)
        assert (pilot.metric, pilot.rounds, pilot.slices) == ("p50", 3, 24)
        assert 0 < pilot.between_sd < 0.2
        assert 0.005 < pilot.within_sd < 0.1
        assert rounds_for(pilot, 0.10).half_width > 0

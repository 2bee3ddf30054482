"""Estimates inside one deployment, on slices with a known ratio under known weather."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from simulated import BASELINE, SimulatedArm, Simulation, constant_run

from meshperf.analysis import within_round
from meshperf.analysis.blocks import pair_blocks, weighted_quantile
from meshperf.analysis.within import WithinRound, centred_quantile, pooled_quantile, super_block_ratio
from meshperf.histograms import EMPTY


def _pair(seed, *, ratio=1.0, storm_sd=0.0, slices=60, requests=3000, **settings):
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=ratio, **settings)}
    simulation = Simulation(
        arms=arms, rounds=1, slices=slices, requests=requests, storm_sd=storm_sd, run_sd=0.0, cpu_sd=0.0
    )
    return simulation.run(seed)


def _coverage(estimator, metric, *, ratio, storm_sd, experiments):
    inside, widths = 0, []
    for seed in range(experiments):
        found = estimator(pair_blocks(*_pair(seed, ratio=ratio, storm_sd=storm_sd)), metric)
        interval = found.estimate()
        inside += interval.low <= ratio <= interval.high
        widths.append(math.log(interval.high / interval.low) / 2)
    return inside / experiments, float(np.mean(widths))


@pytest.mark.parametrize("metric", ["p50", "p90"])
def test_the_centred_interval_covers_the_truth_in_storms(metric):
    coverage, _ = _coverage(centred_quantile, metric, ratio=1.3, storm_sd=0.3, experiments=200)
    assert coverage >= 0.91  # 0.95 less 2.6 standard errors of 200 experiments


def test_centring_removes_storms_that_both_arms_share():
    _, centred = _coverage(centred_quantile, "p90", ratio=1.0, storm_sd=0.5, experiments=30)
    _, pooled = _coverage(pooled_quantile, "p90", ratio=1.0, storm_sd=0.5, experiments=30)
    assert centred < 0.75 * pooled


def test_centring_does_not_shrink_a_difference_as_centring_on_the_joint_median_does():
    """The trap is built here beside ours: on ten requests a slice it reads a fifth of the difference away."""
    truth, ours, trap = math.log(1.2), [], []
    for seed in range(40):
        blocks = pair_blocks(*_pair(seed, ratio=1.2, storm_sd=0.3, requests=600))
        ours.append(centred_quantile(blocks, "p50").log_ratio)
        trap.append(_centred_on_the_joint_median(blocks))
    assert np.mean(trap) < 0.87 * truth
    assert np.mean(ours) == pytest.approx(truth, rel=0.08)


def _centred_on_the_joint_median(blocks):
    sides = (blocks.baseline, blocks.candidate)
    shift = np.array(
        [
            np.median(np.concatenate([np.repeat(np.log(s.value[s.block == b]), s.count[s.block == b]) for s in sides]))
            for b in range(blocks.blocks)
        ]
    )
    medians = []
    for side in sides:
        logs = np.log(side.value) - shift[side.block]
        order = np.argsort(logs)
        medians.append(weighted_quantile(logs[order], side.count[order], 0.5))
    return medians[1] - medians[0]


@pytest.mark.parametrize("metric", ["mean", "cpu_per_request"])
def test_super_blocks_cover_the_truth(metric):
    truth = 1.2
    inside = 0
    for seed in range(150):
        runs = _pair(seed, ratio=1.2, cpu_ratio=1.2)
        interval = super_block_ratio(pair_blocks(*runs), metric).estimate()
        inside += interval.low <= truth <= interval.high
    assert inside / 150 >= 0.90


def test_a_p99_needs_a_thousand_requests_in_every_super_block():
    assert super_block_ratio(pair_blocks(*_pair(1, requests=11_400)), "p99") is None
    assert super_block_ratio(pair_blocks(*_pair(1, requests=12_600)), "p99") is not None


def test_the_mean_is_not_centred_so_a_stall_of_one_arm_stays_its_own():
    runs = _pair(2, own_stalls=0.02)  # 2 % of its requests wait 20 ms: + 0.4 ms on a mean of 1.13 ms
    found = super_block_ratio(pair_blocks(*runs), "mean")
    assert math.exp(found.log_ratio) == pytest.approx(1 + 0.4 / 1.133, rel=0.08)


def test_a_block_in_which_an_arm_answered_nothing_is_kept():
    base, candidate = _pair(3)
    empty = candidate.slices[7]
    holed = replace(candidate, slices=(*candidate.slices[:7], replace(empty, response=EMPTY), *candidate.slices[8:]))
    found = centred_quantile(pair_blocks(base, holed), "p50")
    assert found is not None
    assert math.isfinite(found.standard_error)
    assert pair_blocks(base, holed).blocks == 60


def test_few_blocks_give_a_value_without_bounds():
    interval = centred_quantile(pair_blocks(*_pair(4, slices=4, requests=400)), "p50").estimate()
    assert math.isfinite(interval.value)
    assert math.isnan(interval.low) and math.isnan(interval.high)
    assert super_block_ratio(pair_blocks(*_pair(4, slices=4, requests=400)), "mean") is None


def test_continuous_runs_have_no_blocks_and_no_interval_of_their_own():
    runs = [constant_run(1e-3, arm="baseline"), constant_run(2e-3, arm="envoy")]
    assert pair_blocks(*runs) is None
    assert within_round(*runs, "p50") == (None, None)


def test_an_interval_of_one_deployment_says_so():
    centred, pooled = within_round(*_pair(1), "p50")
    assert "this deployment only" in centred.method
    assert "this deployment only" in pooled.method


def test_the_quantile_of_repeated_values_is_that_of_the_values_written_out():
    value, count = np.array([1.0, 2.0, 5.0, 9.0]), np.array([3, 1, 4, 2])
    for q in (0.0, 0.1, 0.5, 0.9, 1.0):
        assert weighted_quantile(value, count, q) == pytest.approx(np.quantile(np.repeat(value, count), q))


def test_five_residents_of_sixty_blocks_over_six_rounds_take_less_than_two_seconds():
    rounds = [_pair(seed, storm_sd=0.2) for seed in range(6)]
    started = time.process_time()
    for _ in range(5):
        for runs in rounds:
            blocks = pair_blocks(*runs)
            results = [centred_quantile(blocks, "p50"), centred_quantile(blocks, "p90")]
            results += [super_block_ratio(blocks, metric) for metric in ("mean", "cpu_per_request")]
            assert all(isinstance(found, WithinRound) for found in results)
    assert time.process_time() - started < 2.0

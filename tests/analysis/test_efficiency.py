"""CPU time by request and at rest, from ladders whose line is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ladder_sample import RATES, TRUTHS, Truth, ladder
from meshperf.analysis.efficiency import cpu_line, fit_rounds, objective_rate, own_runs, use_of
from meshperf.spec.objectives import parse_objective
from meshperf.spec.records import Counts, SliceRecord, Validity, ValidityState

P90 = (parse_objective("p90 <= 20ms"),)


def line_of(arm: str, **settings: object):
    return cpu_line(arm, [use_of(run) for run in own_runs(ladder(**settings), arm)])


def test_slope_and_intercept_of_an_exact_line_are_found() -> None:
    line = line_of("envoy")
    assert line.slope.value == pytest.approx(150e-6, rel=1e-6)
    assert line.intercept.value == pytest.approx(0.04, rel=1e-6)
    assert line.worst < 1e-6 and line.linear
    assert line.rates_rps == pytest.approx(RATES)


def test_the_interval_of_the_slope_holds_the_truth_at_least_93_times_in_100() -> None:
    held = {"slope": 0, "intercept": 0}
    for seed in range(150):
        line = line_of("envoy", noise=0.05, rounds=6, requests=200, seed=seed)
        held["slope"] += line.slope.low <= 150e-6 * math.exp(0.05**2 / 2) <= line.slope.high
        held["intercept"] += line.intercept.low <= 0.04 <= line.intercept.high
    assert min(held.values()) >= 0.88 * 150  # 0.95 less four sampling errors


def test_failed_requests_make_the_others_dearer() -> None:
    failing = {"baseline": Truth(), "envoy": Truth(slope=100e-6, fails=0.2)}
    runs = ladder(failing)
    run = own_runs(runs, "envoy")[0]
    spent = sum(part.cpu_s for part in run.resources if part.role != "generator")
    assert run.counts.ok == round(0.8 * run.counts.sent)
    assert use_of(run).cpu_s_per_ok == pytest.approx(spent / (0.8 * run.counts.sent))


def test_a_line_that_bends_says_so() -> None:
    runs = [run for run in ladder() if run.arm == "envoy"]
    bent = [
        replace(run, resources=tuple(replace(u, cpu_s=u.cpu_s * (run.load_point + 1) ** 2) for u in run.resources))
        for run in runs
    ]
    line = cpu_line("envoy", [use_of(run) for run in bent])
    assert line is not None and not line.linear


def test_one_rate_gives_no_line() -> None:
    assert line_of("envoy", rates=(500.0,)) is None
    assert line_of("envoy", rates=(500.0, 501.0)) is None


def test_a_round_in_which_a_load_point_is_missing_gives_no_line() -> None:
    runs = [run for run in ladder() if not (run.round == 2 and run.load_point == 1)]
    assert sorted(fit_rounds([use_of(run) for run in own_runs(runs, "envoy")])) == [(n, 0) for n in (0, 1, 3, 4, 5)]


def test_one_round_has_no_interval() -> None:
    line = line_of("envoy", rounds=1)
    assert math.isnan(line.slope.low) and line.slope.value == pytest.approx(150e-6)


def test_cpu_clocks_of_slices_are_divided_by_the_time_they_cover() -> None:
    run = own_runs(ladder(), "baseline")[0]
    counts = Counts(offered=100, sent=100, ok=100)
    piece = SliceRecord(
        position=0, block=0, begin_s=1.0, end_s=1.4, drained_s=1.5, counts=counts, response=run.response,
        cpu_s={"app": 0.05},
    )  # fmt: skip
    use = use_of(replace(run, slices=(piece,)))
    assert (use.cores, use.rate_rps, use.cpu_s_per_ok) == pytest.approx((0.1, 200.0, 0.0005))
    assert use.achieved_rps == pytest.approx(run.achieved_rps)


def test_throughput_lies_between_the_last_rate_that_held_and_the_first_that_broke() -> None:
    truths = {**TRUTHS, "envoy": replace(TRUTHS["envoy"], slow_from=750.0)}
    found = objective_rate("envoy", ladder(truths), P90)
    assert found is not None and (found.low_rps, found.high_rps) == (500.0, 750.0)
    unbroken = objective_rate("baseline", ladder(truths), P90)
    assert unbroken is not None and (unbroken.low_rps, unbroken.high_rps) == (1000.0, None)


def test_a_load_that_an_arm_does_not_sustain_breaks_and_one_the_generator_spoilt_is_left_out() -> None:
    truths = {**TRUTHS, "envoy": replace(TRUTHS["envoy"], gives_up_from=1000.0)}
    runs = ladder(truths)
    found = objective_rate("envoy", runs, P90)
    assert found is not None and (found.low_rps, found.high_rps) == (750.0, 1000.0)
    spoilt = [
        replace(run, validity=Validity(state=ValidityState.CLIENT_LIMITED)) if run.offered_rps == 1000.0 else run
        for run in runs
    ]
    left = objective_rate("envoy", spoilt, P90)
    assert left is not None and (left.low_rps, left.high_rps) == (750.0, None)


def test_a_rate_that_held_in_some_rounds_is_neither_bound() -> None:
    truths = {**TRUTHS, "envoy": replace(TRUTHS["envoy"], slow_from=500.0)}
    good, bad = ladder(), ladder(truths)
    mixed = [g if g.offered_rps == 500.0 and g.round < 3 else b for g, b in zip(good, bad, strict=True)]
    found = objective_rate("envoy", mixed, P90)
    assert found is not None and (found.low_rps, found.high_rps) == (250.0, 750.0)
    assert found.held[500.0] == (3, 6)


def test_without_objectives_there_is_no_throughput_at_them() -> None:
    assert objective_rate("envoy", ladder(), ()) is None

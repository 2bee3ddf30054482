"""CPU of the whole machine beside an arm."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from efficiency_sample import BEYOND, NODE, ladder_with_use

from ladder_sample import ladder
from meshperf.analysis.node_delta import node_use


def found(runs):
    made = node_use(runs, baseline="baseline", arms=("baseline", "envoy"))
    return {one.arm: one for one in made if one.load_point == 0}


def test_busy_cores_are_told_for_the_machine_and_for_what_nobody_was_charged_with() -> None:
    made = found(ladder_with_use())
    for arm in NODE:
        assert made[arm].node.value == pytest.approx(NODE[arm])
        assert made[arm].beyond.value == pytest.approx(BEYOND[arm])
        assert made[arm].rate_rps == pytest.approx(250.0)
    assert made["envoy"].added_node.value == pytest.approx(0.4)
    assert made["envoy"].added_beyond.value == pytest.approx(0.03)
    assert made["baseline"].added_node is None


def test_the_interval_of_what_is_added_holds_the_truth_at_least_93_times_in_100() -> None:
    held = 0
    for seed in range(150):
        added = found(ladder_with_use(noise=0.05, seed=seed))["envoy"].added_node
        held += added.low <= 0.4 * math.exp(0.05**2 / 2) <= added.high
    assert held >= 0.88 * 150  # 0.95 less four sampling errors


def test_control_stretches_of_the_first_round_alone_have_no_interval() -> None:
    added = found(ladder_with_use(control="first-round"))["envoy"].added_node
    assert added.value == pytest.approx(0.4) and added.n == 1 and math.isnan(added.low)


def test_without_a_control_stretch_the_reason_is_told() -> None:
    assert found(ladder())["envoy"].node is None
    continuous = [replace(run, design=replace(run.design, design="continuous")) for run in ladder()]
    assert "interleaved" in found(continuous)["envoy"].unavailable
    interleaved = [replace(run, design=replace(run.design, design="interleaved")) for run in ladder()]
    assert "no control stretch" in found(interleaved)["envoy"].unavailable


def test_what_the_machine_did_not_say_is_unknown_with_its_reason() -> None:
    mute = [
        replace(
            run, noise=tuple(replace(n, cpu_by_mode={}, unavailable={"cpu_by_mode": "too short"}) for n in run.noise)
        )
        for run in ladder_with_use()
    ]
    assert found(mute)["envoy"].unavailable == "too short"
    uncounted = [replace(run, facts={}) for run in ladder_with_use()]
    assert "cores is not known" in found(uncounted)["envoy"].unavailable


def test_strangers_that_were_not_told_apart_leave_the_machine_itself_known() -> None:
    runs = [
        replace(run, noise=tuple(replace(n, foreign_cpu_share=None) for n in run.noise)) for run in ladder_with_use()
    ]
    made = found(runs)["envoy"]
    assert made.beyond is None and made.added_beyond is None and made.node.value == pytest.approx(0.9)

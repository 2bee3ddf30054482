"""Bytes a request, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from efficiency_sample import GENERATOR, INTERFACE, SOCKET, ladder_with_use, no_counts

from ladder_sample import ladder
from meshperf.analysis.wire import wire_bytes


def found(runs):
    made = wire_bytes(runs, baseline="baseline", arms=("baseline", "envoy"))
    return {(one.arm, one.place): one for one in made if one.load_point == 0}


@pytest.mark.parametrize(("place", "truth"), [("generator", GENERATOR), ("app", SOCKET), ("app interface", INTERFACE)])
def test_each_place_has_its_own_bytes_and_what_the_arm_adds_there(place: str, truth: dict) -> None:
    made = found(ladder_with_use())
    for arm, (towards, back) in truth.items():
        one = made[arm, place]
        assert (one.towards.value, one.back.value, one.total.value) == pytest.approx((towards, back, towards + back))
    added = made["envoy", place].added
    truth_added = sum(truth["envoy"]) - sum(truth["baseline"])
    assert added.value == pytest.approx(truth_added) and added.low <= truth_added <= added.high and added.n == 6
    assert made["baseline", place].added is None


def test_without_pods_the_interface_is_unknown_with_its_reason() -> None:
    one = found(ladder_with_use(pods=False))["envoy", "app interface"]
    assert (one.total, one.added, one.unavailable) == (None, None, "it has no pod")


def test_where_nobody_counted_there_is_nothing() -> None:
    assert wire_bytes(no_counts(ladder_with_use()), baseline="baseline", arms=("baseline", "envoy")) == ()
    assert wire_bytes(ladder(), baseline="baseline", arms=("baseline", "envoy")) == ()


def test_a_generator_that_does_not_count_leaves_the_services_bytes() -> None:
    runs = ladder_with_use()
    mixed = [replace(run, counts=other.counts) for run, other in zip(runs, no_counts(runs), strict=True)]
    made = found(mixed)
    assert made["envoy", "generator"].total is None and "does not count" in made["envoy", "generator"].unavailable
    assert made["envoy", "app"].total.value == pytest.approx(sum(SOCKET["envoy"]))

"""The capacity search against simulated servers of known capacity, noisy and stray."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from meshperf.analysis.capacity import CapacitySearch
from meshperf.spec.kinds import CapacityOutcome, ObjectiveReading, StepOutcome, StepState

SEARCHES = 250
SHARE = 0.99


def search(**changes: float) -> CapacitySearch:
    numbers = {
        "start_rate": 100.0, "least_rate": 1.0, "max_rate": 1e6, "growth": 2.0, "resolution": 0.02, "confirmations": 5
    }  # fmt: skip
    return CapacitySearch(**{**numbers, **changes})


def step(label: str, rate: float, share: float, state: StepState | None = None, busy: float = 1.0) -> StepOutcome:
    held = share >= SHARE
    reading = ObjectiveReading(objective="achieved >= 99%", value=share, threshold=SHARE, unit="1", held=held)
    return StepOutcome(
        label=label, state=state or (StepState.HELD if held else StepState.FAILED), offered_rps=rate,
        achieved_rps=share * rate, begin_s=0, duration_s=1, requests=100, failed=0, objectives=(reading,),
        busy={"app": busy, "proxy": 0.2},
    )  # fmt: skip


def drive(
    hunt: CapacitySearch,
    answer: Callable[[float, int], float],
    unclean: Callable[[float], StepState | None] | None = None,
) -> tuple[CapacityOutcome, int]:
    """Run a search; `answer`: share of the offered rate that comes back at a rate, in the step with this number."""
    number = 0
    while (wanted := hunt.next()) is not None:
        share = answer(wanted.rate, number)
        state = unclean(wanted.rate) if unclean and share < SHARE else None
        hunt.add(step(wanted.label, wanted.rate, share, state))
        number += 1
        assert number < 200, "the search does not end"
    return hunt.outcome(), number


@pytest.mark.parametrize(("spread", "stray"), [(0.0, 0.0), (0.003, 0.03), (0.005, 0.0), (0.01, 0.03), (0.02, 0.03)])
def test_the_interval_holds_the_capacity_at_least_93_times_in_100(spread: float, stray: float) -> None:
    held, widths = 0, []
    for seed in range(SEARCHES):
        random = np.random.default_rng([seed, int(1e4 * spread)])
        capacity = random.uniform(200, 5000)

        def answer(rate: float, _: int, random: np.random.Generator = random, capacity: float = capacity) -> float:
            share = min(1.0, capacity * math.exp(random.normal(0, spread)) / rate)
            return share * random.uniform(0.5, 0.95) if random.random() < stray else share

        found, _ = drive(search(), answer)
        assert found.answer == "interval"
        held += found.low_rps <= capacity * (1 + 1e-9) and capacity <= found.high_rps
        widths.append(found.high_rps / found.low_rps - 1)
    assert held / SEARCHES >= 0.93
    assert np.median(widths) < 0.03 + 2 * spread


def test_one_stray_failure_at_any_step_does_not_move_the_answer() -> None:
    def clean(rate: float, _: int) -> float:
        return min(1.0, 1000 / rate)

    undisturbed, steps = drive(search(), clean)
    for stray in range(steps):
        found, more = drive(search(), lambda rate, n, stray=stray: 0.6 if n == stray else clean(rate, n))
        assert found.confirmed
        assert found.low_rps <= 1000 <= found.high_rps, stray
        assert found.high_rps == pytest.approx(undisturbed.high_rps)
        assert found.low_rps >= undisturbed.low_rps * 0.98
        assert more <= steps + 1


def test_an_unclean_generator_is_never_the_servers_limit() -> None:
    found, _ = drive(search(), lambda rate, _: 1.0 if rate <= 700 else 0.5, lambda rate: StepState.CLIENT_LIMITED)
    assert (found.answer, found.limiting, found.high_rps) == ("at-least", "generator", None)
    assert 680 <= found.low_rps <= 700
    assert found.confirmed
    assert found.asked_above == 0


def test_a_disturbed_target_leaves_the_machine_as_the_limit() -> None:
    found, _ = drive(search(), lambda rate, _: 1.0 if rate <= 700 else 0.5, lambda rate: StepState.DISTURBED)
    assert (found.answer, found.limiting) == ("at-least", "machine")


def test_a_server_that_fails_before_the_generator_does_is_still_found() -> None:
    found, _ = drive(
        search(), lambda rate, _: min(1.0, 700 / rate), lambda rate: StepState.CLIENT_LIMITED if rate > 1200 else None
    )
    assert (found.answer, found.limiting) == ("interval", "app")
    assert found.low_rps <= 700 <= found.high_rps


def test_a_generator_that_is_unclean_now_and_then_is_asked_again() -> None:
    calls = iter([None, StepState.CLIENT_LIMITED] * 100)
    found, _ = drive(search(), lambda rate, _: min(1.0, 1000 / rate), lambda rate: next(calls))
    assert found.answer == "interval"
    assert found.low_rps <= 1000 <= found.high_rps


def test_the_highest_allowed_rate_that_holds_is_an_at_least() -> None:
    found, _ = drive(search(max_rate=640.0), lambda rate, _: 1.0)
    assert (found.answer, found.low_rps, found.high_rps) == ("at-least", 640, None)
    assert (found.confirmed_below, found.confirmed) == (5, True)
    assert found.limiting == "unknown"


def test_a_first_rate_that_fails_is_searched_below() -> None:
    found, _ = drive(search(start_rate=5000.0), lambda rate, _: min(1.0, 77 / rate))
    assert found.low_rps <= 77 <= found.high_rps
    nothing, steps = drive(search(start_rate=100.0, least_rate=10.0), lambda rate, _: 0.0)
    assert (nothing.answer, nothing.low_rps, nothing.high_rps) == ("below", None, 10.0)
    assert steps < 20


def test_a_boundary_that_is_not_sharp_has_a_wide_interval() -> None:
    """Between 800 and 1000 a step holds as often as not: neither end of the interval should lie well inside."""
    lows, highs = [], []
    for seed in range(100):
        random = np.random.default_rng(seed)

        def answer(rate: float, _: int, random: np.random.Generator = random) -> float:
            return 1.0 if rate < 800 or (rate < 1000 and random.random() < 0.5) else 0.7

        found, _ = drive(search(), answer)
        lows.append(found.low_rps)
        highs.append(found.high_rps)
    assert np.median(lows) <= 840
    assert np.median(highs) >= 960


def test_collapse_above_the_boundary_does_not_pull_the_lower_end_down() -> None:
    found, _ = drive(search(), lambda rate, _: 1.0 if rate <= 1000 else 0.3)
    assert 0.95 * 1000 <= found.low_rps <= 1000 <= found.high_rps <= 1020


def test_the_lower_end_is_what_came_back_and_not_what_was_asked() -> None:
    """A capacity of 1000/s holds `achieved >= 99%` at 1005/s, and has not shown 1005/s by that."""
    found, _ = drive(search(resolution=0.002), lambda rate, _: min(1.0, 1000 / rate))
    assert found.low_rps <= 1000.0 + 1e-6
    assert found.high_rps == pytest.approx(1000 / SHARE, rel=0.003)


def test_what_was_broken_and_who_was_busiest_are_told() -> None:
    found, _ = drive(search(), lambda rate, _: min(1.0, 1000 / rate))
    assert found.broken_objectives == ("achieved >= 99%",)
    assert (found.limiting, found.limiting_busy) == ("app", 1.0)
    assert "bisection to 2.00%" in found.rule


def test_an_idle_target_is_not_named_as_the_limit() -> None:
    hunt = search()
    while (wanted := hunt.next()) is not None:
        hunt.add(step(wanted.label, wanted.rate, min(1.0, 1000 / wanted.rate), busy=0.4))
    assert (hunt.outcome().limiting, hunt.outcome().limiting_busy) == ("unknown", pytest.approx(0.4))


def test_breaking_off_at_any_step_gives_what_is_known_and_no_confirmation() -> None:
    _, steps = drive(search(), lambda rate, _: min(1.0, 1000 / rate))
    for last in range(steps):
        hunt = search()
        for number in range(last + 1):
            wanted = hunt.next()
            state = StepState.BROKEN_OFF if number == last else None
            hunt.add(step(wanted.label, wanted.rate, min(1.0, 1000 / wanted.rate), state))
        found = hunt.outcome()
        assert hunt.next() is None
        assert not found.confirmed
        assert found.low_rps is None or found.low_rps <= 1000
        assert found.high_rps is None or found.high_rps >= 1000


def test_the_estimate_is_what_a_full_target_answers_or_else_the_middle() -> None:
    full, _ = drive(search(resolution=0.2), lambda rate, _: min(1.0, 1000 / rate))
    assert full.high_rps / full.low_rps > 1.1
    assert full.estimate_rps == pytest.approx(1000, rel=1e-3)
    slow, _ = drive(search(resolution=0.2), lambda rate, _: 1.0 if rate <= 1000 else 0.3)
    assert slow.estimate_rps == pytest.approx(math.sqrt(slow.low_rps * slow.high_rps))

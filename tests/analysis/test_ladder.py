"""Price lists of simulated experiments whose step prices are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from simulated import BARE, ENVOY, HOST, constant_run, facts_of

from meshperf.analysis.ladder import LADDER_METRICS, Ladder, price_ladder
from meshperf.analysis.ladder_order import LadderOrder, LadderStep
from meshperf.spec.records import RunResult, Validity, ValidityState

BASE_S = 1e-3
PRICES_S = {"http": 400e-6, "mtls": 120e-6, "log": 60e-6, "rules": 200e-6}
ORDER = LadderOrder(
    baseline="baseline",
    steps=(
        LadderStep(before="baseline", after="http", changes={"mesh": "envoy"}),
        LadderStep(before="http", after="mtls", changes={"mtls": "strict"}),
        LadderStep(before="mtls", after="log", changes={"access_log": "True"}),
        LadderStep(before="mtls", after="rules", changes={"functions.authorization_rules": "10"}),
    ),
    whole="all",
    summed=("http", "mtls", "log", "rules"),
)
TRUTH_S = {
    "baseline": 0.0,
    "http": PRICES_S["http"],
    "mtls": PRICES_S["http"] + PRICES_S["mtls"],
    "log": PRICES_S["http"] + PRICES_S["mtls"] + PRICES_S["log"],
    "rules": PRICES_S["http"] + PRICES_S["mtls"] + PRICES_S["rules"],
    "all": sum(PRICES_S.values()),
}
GROUPS = (("http", "mtls"), ("log", "rules"), ("all",))


def simulate(
    *,
    seed: int,
    rounds: int = 6,
    sd_s: float = 20e-6,
    weather_s: float = 100e-6,
    truth: Mapping[str, float] = TRUTH_S,
    groups: Sequence[Sequence[str]] = GROUPS,
) -> list[RunResult]:
    """One run an arm, group and round: base + truth + weather of the group (met by all in it) + luck of its own."""
    rng = np.random.default_rng(seed)
    runs = []
    for number in range(1, rounds + 1):
        for group, candidates in enumerate(groups):
            weather = rng.normal() * weather_s
            for arm in ("baseline", *candidates):
                seconds = BASE_S + truth[arm] + weather + rng.normal() * sd_s
                own = BARE if arm == "baseline" else ENVOY
                runs.append(
                    constant_run(
                        seconds, arm=arm, round=number, group=group, requests=2000,
                        cpu_s=2000 * (50e-6 + truth[arm] / 4), facts=facts_of({**HOST, **own}),
                    )
                )  # fmt: skip
    return runs


def priced(runs: Sequence[RunResult], order: LadderOrder = ORDER) -> Ladder:
    return price_ladder(runs, order, subject=("mesh",))


def test_every_step_has_its_price_whichever_group_its_arms_sat_in() -> None:
    ladder = priced(simulate(seed=1, sd_s=0.0))
    for step, truth in PRICES_S.items():
        found = ladder.price(step, "mean")
        assert found.price.value == pytest.approx(truth, rel=0.02)
        assert found.missing == "" and found.price.n == 6
    assert [ladder.price(step, "p50").direct for step in PRICES_S] == [True, True, False, False]


def test_intervals_of_steps_hold_the_truth_as_often_as_they_say() -> None:
    held: dict[str, int] = dict.fromkeys(PRICES_S, 0)
    residual, times = 0, 250
    for seed in range(times):
        ladder = priced(simulate(seed=seed))
        for step, truth in PRICES_S.items():
            price = ladder.price(step, "mean").price
            held[step] += price.low <= truth <= price.high
        left = ladder.sum("mean").residual
        residual += left.low <= 0.0 <= left.high
    sampling = 3 * math.sqrt(0.95 * 0.05 / times)
    for count in (*held.values(), residual):
        assert 0.95 - sampling <= count / times <= 0.95 + sampling


def test_weather_that_a_group_meets_together_is_in_no_price() -> None:
    calm, rough = (priced(simulate(seed=3, sd_s=0.0, weather_s=amount)) for amount in (0.0, 200e-6))
    for step in PRICES_S:
        assert rough.price(step, "mean").price.value == pytest.approx(calm.price(step, "mean").price.value, abs=3e-6)


def test_the_residual_is_zero_where_steps_add_up() -> None:
    ladder = priced(simulate(seed=1, sd_s=0.0, weather_s=0.0))
    found = ladder.sum("cpu_per_request")
    assert found.residual.value == pytest.approx(0.0, abs=1e-18)
    assert found.total.value == pytest.approx(sum(PRICES_S.values()) / 4)
    assert found.whole.value == pytest.approx(found.total.value)


def test_a_residual_keeps_its_sign_and_is_the_whole_less_the_steps() -> None:
    truth = {**TRUTH_S, "all": TRUTH_S["all"] - 150e-6}
    found = priced(simulate(seed=5, sd_s=4e-6, truth=truth)).sum("mean")
    assert found.residual.low <= -150e-6 <= found.residual.high < 0
    assert found.whole.value == pytest.approx(found.total.value + found.residual.value)
    assert found.share == pytest.approx(-150e-6 / truth["all"], rel=0.1)


def test_a_chain_sums_to_its_whole_whatever_the_noise() -> None:
    steps = [("baseline", "http"), ("http", "mtls"), ("mtls", "all")]
    order = LadderOrder(
        baseline="baseline",
        steps=tuple(LadderStep(before=a, after=b, changes={"x": b}) for a, b in steps),
        whole="all",
        summed=("http", "mtls", "all"),
    )
    assert order.chained and not ORDER.chained
    ladder = priced(simulate(seed=6, groups=(("http",), ("mtls",), ("all",))), order)
    assert ladder.sum("mean").residual.value == pytest.approx(0.0, abs=1e-15)


def test_a_step_without_its_arm_has_no_price_and_leaves_no_sum() -> None:
    ladder = priced([run for run in simulate(seed=2) if run.arm != "rules"])
    assert "no round" in ladder.price("rules", "p50").missing
    assert math.isnan(ladder.price("rules", "p50").price.value)
    found = ladder.sum("p50")
    assert found.missing == ("rules",)
    assert math.isnan(found.residual.value) and math.isnan(found.total.value)
    assert found.whole.n == 6 and ladder.price("log", "p50").price.n == 6


def test_a_round_that_does_not_count_is_in_no_step_that_it_touches() -> None:
    late = Validity(state=ValidityState.CLIENT_LIMITED, reasons=("late",))
    runs = [
        replace(run, validity=late) if (run.arm, run.round) == ("mtls", 2) else run
        for run in simulate(seed=2, rounds=6)
    ]
    ladder = priced(runs)
    assert [ladder.price(step, "mean").price.n for step in PRICES_S] == [6, 5, 5, 5]
    assert ladder.sum("mean").residual.n == 5


def test_arms_that_may_not_be_compared_have_no_price() -> None:
    other = facts_of({**HOST, **ENVOY, "workload.response_bytes": 4096})
    runs = [replace(run, facts=other) if run.arm == "log" else run for run in simulate(seed=2)]
    ladder = priced(runs)
    assert "class X" in ladder.price("log", "mean").missing
    assert ladder.sum("mean").missing == ("log",)


def test_a_pilot_shows_prices_without_intervals() -> None:
    runs = [replace(run, design=replace(run.design, pilot=True)) for run in simulate(seed=2, rounds=2)]
    ladder = priced(runs)
    assert ladder.pilot
    for step in PRICES_S:
        price = ladder.price(step, "mean").price
        assert math.isfinite(price.value) and math.isnan(price.low) and math.isnan(price.high)


def test_a_single_round_gives_values_without_intervals() -> None:
    price = priced(simulate(seed=2, rounds=1)).price("mtls", "mean").price
    assert math.isfinite(price.value) and math.isnan(price.low)


def test_the_ratio_between_groups_is_one_of_ratios() -> None:
    ladder = priced(simulate(seed=1, sd_s=0.0, weather_s=0.0))
    truth = (BASE_S + TRUTH_S["log"]) / (BASE_S + TRUTH_S["mtls"])
    assert ladder.price("log", "mean").ratio.value == pytest.approx(truth, rel=2e-3)


def test_runs_of_two_load_points_are_refused() -> None:
    first, *rest = simulate(seed=1)
    with pytest.raises(ValueError, match="one load point, found those of 2"):
        priced([replace(first, load_point=1), *rest])


def test_the_order_of_runs_does_not_matter() -> None:
    runs = simulate(seed=9)
    assert priced(runs).prices == priced(runs[::-1]).prices
    assert {one.metric for one in priced(runs).sums} == set(LADDER_METRICS)


def test_an_arm_again_beside_each_step_keeps_its_luck_out_of_the_sum() -> None:
    functions = [f"f{number}" for number in range(6)]
    truth = {"baseline": 0.0, "mtls": 400e-6, **dict.fromkeys(functions, 450e-6), "all": 700e-6}
    first = LadderStep(before="baseline", after="mtls", changes={"mesh": "envoy"})
    spread = {}
    for kind in ("shared", "beside"):
        again = {name: "mtls" if kind == "shared" else f"mtls-{name}" for name in functions}
        steps = (first, *(LadderStep(before=again[name], after=name, changes={name: "1"}) for name in functions))
        order = LadderOrder(
            baseline="baseline", steps=steps, whole="all", summed=("mtls", *functions),
            same={copy: "mtls" for copy in again.values() if copy != "mtls"},
        )  # fmt: skip
        alone = [functions[place : place + 2] for place in (0, 2, 4)]
        pairs = [(again[name], name) for name in functions]
        groups = [("mtls",), ("all",), *(alone if kind == "shared" else pairs)]
        known = {**truth, **dict.fromkeys(again.values(), truth["mtls"])}
        runs = simulate(seed=11, rounds=60, truth=known, groups=groups)
        residual = priced(runs, order).sum("mean").residual
        assert residual.low <= 0.0 <= residual.high
        spread[kind] = residual.high - residual.low
    assert spread["beside"] < 0.7 * spread["shared"]

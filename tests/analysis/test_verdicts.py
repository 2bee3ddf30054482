"""Every rule that gives or withdraws a verdict."""

import math

import pytest

from meshperf.analysis import Verdict, ratio_estimate
from meshperf.analysis.series import Series
from meshperf.analysis.verdicts import companion_verdict, judge, simple_verdict


def _series(logs, *, metric="p50", uncentred=None, pooled=None):
    return Series(
        metric=metric,
        log_ratios=tuple(logs),
        uncentred=tuple(uncentred if uncentred is not None else logs),
        added=tuple(1e-3 * value for value in logs),
        rounds=(),
        centred=uncentred is not None,
        pooled=pooled,
    )


def _around(ratio, half=0.01, rounds=6):
    return [math.log(ratio) + half * ((-1) ** n) * (1 + n / 10) for n in range(rounds)]


@pytest.mark.parametrize(
    ("ratio", "half", "verdict"),
    [
        (1.30, 0.01, Verdict.WORSE),
        (0.70, 0.01, Verdict.BETTER),
        (1.00, 0.01, Verdict.EQUIVALENT),
        (1.03, 0.25, Verdict.INCONCLUSIVE),
    ],
)
def test_less_is_better_for_every_metric(ratio, half, verdict):
    found = judge(_series(_around(ratio, half)), 0.05, grade="A")
    assert found.verdict is verdict
    assert "over 6 rounds" in found.reason


def test_a_certain_difference_within_the_margin_is_equivalent():
    assert simple_verdict(_around(1.02, 0.002), None) is Verdict.WORSE
    assert judge(_series(_around(1.02, 0.002)), 0.05, grade="A").verdict is Verdict.EQUIVALENT


def test_without_a_margin_equality_cannot_be_shown():
    assert judge(_series(_around(1.0)), None, grade="A").verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("rounds", [1, 2])
def test_fewer_than_three_rounds_never_decide(rounds):
    found = judge(_series(_around(2.0, 0.0001, rounds)), 0.05, grade="A" if rounds > 1 else "D")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "never decide" in found.reason


def test_three_to_five_rounds_decide_by_the_t_interval_and_say_so():
    found = judge(_series(_around(2.0, 0.01, 4)), 0.05, grade="A")
    assert found.verdict is Verdict.WORSE
    assert "too few rounds for Hodges-Lehmann" in found.reason


def test_the_companion_withdraws_a_verdict_it_does_not_share():
    logs = [0.10, 0.11, 0.09, 0.10, 0.12, 0.11, -0.005, 0.10]
    assert simple_verdict(logs, 0.01) is Verdict.WORSE
    shaky = [*logs[:5], -0.02]
    assert simple_verdict(shaky, 0.01) is Verdict.WORSE
    assert companion_verdict(shaky, 0.01) is Verdict.INCONCLUSIVE
    found = judge(_series(shaky), 0.01, grade="A")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "Hodges-Lehmann says inconclusive" in found.reason


def test_a_verdict_that_only_centring_shows_depends_on_the_weather():
    found = judge(_series(_around(1.2), uncentred=_around(1.2, 0.4)), 0.05, grade="A")
    assert (found.verdict, found.weather) == (Verdict.INCONCLUSIVE, True)
    agreed = judge(_series(_around(1.2), uncentred=_around(1.18, 0.02)), 0.05, grade="A")
    assert (agreed.verdict, agreed.weather) == (Verdict.WORSE, False)


def test_a_difference_smaller_than_the_noise_floor_is_withdrawn():
    found = judge(_series(_around(1.08)), 0.01, grade="A", floor=0.10)
    assert (found.verdict, found.below_floor) == (Verdict.INCONCLUSIVE, True)
    assert "deployed twice differs by up to 10 %" in found.reason
    assert judge(_series(_around(1.08)), 0.01, grade="A", floor=0.05).verdict is Verdict.WORSE


def test_a_difference_smaller_than_a_bucket_is_withdrawn():
    found = judge(_series(_around(1.0005, 0.00001)), None, grade="A")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "bucket" in found.reason
    assert judge(_series(_around(1.0005, 0.00001), metric="memory"), None, grade="A").verdict is Verdict.WORSE


def test_holm_may_withdraw_what_the_plain_interval_says():
    logs = [0.03, 0.08, 0.01, 0.07, 0.05, 0.012]
    assert judge(_series(logs), 0.01, grade="A", p_adjusted=0.03).verdict is Verdict.WORSE
    found = judge(_series(logs), 0.01, grade="A", p_adjusted=0.08)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "after Holm" in found.reason


def test_an_open_verdict_says_how_many_rounds_would_decide():
    found = judge(_series([0.10, -0.06, 0.08, -0.02, 0.05, -0.03]), 0.05, grade="A")
    assert found.rounds_needed > 6
    assert f"about {found.rounds_needed} rounds" in found.reason


@pytest.mark.parametrize("grade", ["C", "D"])
def test_indicative_figures_get_no_verdict(grade):
    found = judge(_series(_around(2.0)), 0.05, grade=grade)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert f"class {grade}" in found.reason


def test_arms_that_may_not_be_compared_say_so_before_anything_else():
    assert judge(_series(_around(2.0)), 0.05, grade="X", pilot=True).verdict is Verdict.NOT_COMPARABLE


def test_a_pilot_decides_nothing():
    found = judge(_series(_around(2.0)), 0.05, grade="D", pilot=True)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "pilot" in found.reason


def test_a_pooled_tail_is_not_judged():
    found = judge(_series(_around(2.0), metric="p99", pooled=(1.0, 2.0)), 0.05, grade="A")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "merged" in found.reason


def test_a_metric_that_was_never_measured_is_open():
    assert "not measured" in judge(_series([]), 0.05, grade="A").reason


def test_equality_is_shown_by_the_90_percent_interval_not_the_95_percent_one():
    logs = [0.0481, -0.0481] * 3
    assert ratio_estimate(logs, 0.95).high > 1.05 > ratio_estimate(logs, 0.90).high
    assert judge(_series(logs), 0.05, grade="A").verdict is Verdict.EQUIVALENT

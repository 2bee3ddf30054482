"""What a pair of arms is judged to be: floors, guards, order in time, Holm."""

from dataclasses import replace
from datetime import timedelta

import pytest
from simulated import BASELINE, BEGIN, MARGINS, SimulatedArm, Simulation, constant_run

from meshperf.analysis import Terms, Verdict, compare, comparison_from_document, comparison_to_document, judge_paired
from meshperf.analysis.pairing import one_after_the_other, only_guarded, pair_rounds
from meshperf.analysis.series import PairedRounds
from meshperf.spec.records import Claim, GuardReading, Validity, ValidityState

STEAL = GuardReading(guard="steal", value=0.2, unit="1", warn_above=0.01, invalid_above=0.05, outcome="invalid")
ERRORS = GuardReading(guard="error_share", value=0.2, unit="1", warn_above=0.01, invalid_above=0.05, outcome="invalid")
RATIOS = (1.20, 1.22, 1.19, 1.21, 1.20, 1.23, 1.22)


def _runs(ratios=RATIOS, base_s=1e-3):
    a = [constant_run(base_s, arm="baseline", round=n + 1) for n in range(len(ratios))]
    b = [constant_run(base_s * ratio, arm="envoy", round=n + 1) for n, ratio in enumerate(ratios)]
    return a, b


def _p50(a, b, **settings):
    paired = PairedRounds(pairing=pair_rounds([*a, *b], baseline=("baseline", 0), candidate=("envoy", 0)))
    terms = Terms(**{"arm": "envoy", "against": "baseline", "grade": "A", "metrics": ("p50",), **settings})
    return next(judge_paired(paired, terms)).comparison


def _compared(runs, **settings):
    (comparison,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS, **settings)
    return comparison


def test_an_added_amount_below_the_absolute_floor_is_equivalent_whatever_its_share():
    a, b = _runs(base_s=100e-6)
    assert _p50(a, b, margins={"p50": 0.05}).verdict is Verdict.WORSE
    found = _p50(a, b, margins={"p50": 0.05}, absolute_floors={"p50": 100e-6})
    assert found.verdict is Verdict.EQUIVALENT
    assert "absolute floor" in found.reason
    assert found.absolute_floor == 100e-6
    assert "absolute floor of 100 us" in found.reason
    assert (found.narrow_added.low < 21e-6 < found.narrow_added.high) and found.narrow_added_companion is not None
    assert _p50(a, b, margins={"p50": 0.05}, absolute_floors={"p50": 15e-6}).verdict is Verdict.WORSE
    assert _p50(a, b).narrow_added is None


def test_rounds_that_an_absolute_floor_needs_are_planned_too():
    a, b = _runs((1.03, 0.98, 1.06, 0.94, 1.02, 1.0), base_s=100e-6)
    without = _p50(a, b, margins={"p50": 0.001})
    with_floor = _p50(a, b, margins={"p50": 0.001}, absolute_floors={"p50": 3e-6})
    assert with_floor.verdict is Verdict.INCONCLUSIVE
    assert with_floor.rounds_needed < (without.rounds_needed or 1001)


def test_the_floor_is_held_against_the_interval_and_not_the_value():
    a, b = _runs((1.0, 1.9, 1.0, 1.9, 1.0, 1.9), base_s=100e-6)
    assert _p50(a, b, absolute_floors={"p50": 60e-6}).verdict is not Verdict.EQUIVALENT


def test_rounds_of_one_arm_before_all_of_the_other_are_indicative():
    a, b = _runs()
    later = [
        replace(run, start_time=run.start_time + timedelta(hours=1), end_time=run.end_time + timedelta(hours=1))
        for run in b
    ]
    assert _p50(a, b).verdict is Verdict.WORSE
    found = _p50(a, later)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "one arm after the other" in found.reason
    assert found.narrow is None
    assert one_after_the_other(pair_rounds([*a, *later], baseline=("baseline", 0), candidate=("envoy", 0)).pairs)


def test_one_round_has_an_order_and_no_design():
    a, b = _runs(RATIOS[:1])
    later = [replace(run, start_time=BEGIN + timedelta(hours=1), end_time=BEGIN + timedelta(hours=2)) for run in b]
    assert not one_after_the_other(pair_rounds([*a, *later], baseline=("baseline", 0), candidate=("envoy", 0)).pairs)


def test_the_verdict_is_shown_with_the_rounds_that_a_guard_excluded_too():
    a, b = _runs()
    b[6] = replace(constant_run(0.2e-3, arm="envoy", round=7), guards=(STEAL,))
    p50 = _compared([*a, *b]).metrics[0]
    assert (p50.verdict, p50.ratio.n) == (Verdict.WORSE, 6)
    second = p50.with_excluded
    assert (second.verdict, second.rounds) == (Verdict.INCONCLUSIVE, 7)
    assert second.ratio.value < p50.ratio.value


def test_without_excluded_rounds_there_is_no_second_verdict():
    a, b = _runs()
    assert _compared([*a, *b]).metrics[0].with_excluded is None


@pytest.mark.parametrize(
    "changes",
    [
        {"guards": (ERRORS,)},
        {"validity": Validity(state=ValidityState.INVALID, reasons=("it crashed",))},
        {"guards": (STEAL,), "claims": (Claim(claim="mtls", held=False, evidence="plaintext passed", when="end"),)},
        {
            "guards": (STEAL,),
            "validity": Validity(state=ValidityState.INVALID, reasons=("the round was made again (attempt 2)",)),
        },
    ],
    ids=["the arm's own errors", "a crash", "a broken claim", "a round made again"],
)
def test_what_is_more_than_a_guard_is_in_neither_verdict(changes):
    assert not only_guarded(replace(constant_run(1e-3, arm="envoy"), **changes))


def test_a_client_that_was_late_is_a_guards_exclusion():
    late = Validity(state=ValidityState.CLIENT_LIMITED, reasons=("pacing error",))
    assert only_guarded(replace(constant_run(1e-3, arm="envoy"), validity=late))
    assert not only_guarded(constant_run(1e-3, arm="envoy"))


def test_scatter_of_rounds_is_told_apart_into_slices_and_deployments():
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.2)}
    runs = Simulation(arms=arms, rounds=12, slices=24, requests=1200, run_sd=0.08).run(5)
    p50 = _compared(runs).metrics[0]
    assert p50.deployment_sd == pytest.approx((p50.between_sd**2 - p50.within_sd**2) ** 0.5)
    assert p50.deployment_sd == pytest.approx(0.08 * 2**0.5, rel=0.4)
    assert p50.within_sd < p50.deployment_sd


def test_the_smallest_difference_that_would_show_is_told():
    a, b = _runs()
    found = _p50(a, b)
    assert 0.005 < found.detectable < 0.05


def test_everything_new_survives_being_written_down():
    a, b = _runs()
    b[6] = replace(constant_run(0.2e-3, arm="envoy", round=7), guards=(STEAL,))
    comparison = _compared([*a, *b], absolute_floors={"p50": 1e-6})
    again = comparison_from_document(comparison_to_document(comparison)).metrics[0]
    assert again.with_excluded == comparison.metrics[0].with_excluded
    assert again.narrow == comparison.metrics[0].narrow
    assert again.absolute_floor == 1e-6


def test_an_inconclusive_verdict_says_how_many_rounds_more():
    a, b = _runs((1.10, 0.95, 1.08, 0.97, 1.04, 1.01))
    found = _p50(a, b, margins={"p50": 0.02})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert f"({found.rounds_needed - 6} more)" in found.reason


def test_of_runs_without_known_times_no_order_is_claimed():
    a, b = ([replace(run, start_time=BEGIN, end_time=BEGIN) for run in runs] for runs in _runs())
    assert not one_after_the_other(pair_rounds([*a, *b], baseline=("baseline", 0), candidate=("envoy", 0)).pairs)

"""The answer in sentences: what may be said in which class, and no more."""

import math
from dataclasses import replace

import pytest
import sample

from meshperf.analysis.records import Comparison, Estimate, MetricComparison, Verdict
from meshperf.report import prose, wording
from meshperf.spec.records import Warning, WarningKind
from meshperf.units import Unit


def comparison_with(grade: str = "A", **changes) -> Comparison:
    """One metric of one candidate, known by hand: 128 us against 740 us."""
    metric = MetricComparison(
        **{
            "arm": "envoy",
            "against": "baseline",
            "metric": "p50",
            "unit": Unit.SECONDS,
            "ratio": Estimate(value=5.78, low=5.6, high=5.97, confidence=0.95, n=6, unit=Unit.RATIO),
            "added": Estimate(value=612e-6, low=600e-6, high=624e-6, confidence=0.95, n=6, unit=Unit.SECONDS),
            "margin": 0.05,
            "verdict": Verdict.WORSE,
            "primary": True,
            **changes,
        }
    )
    whole, _ = sample.clean()
    comparability = replace(whole.comparability, grade=grade)
    return replace(whole, metrics=(metric,), comparability=comparability, noise_floors=(), arms=whole.arms[:1])


def first(comparison: Comparison) -> str:
    return wording.plain(prose.answer(comparison)[0])


def test_a_cost_is_told_with_amount_ratio_interval_and_rounds():
    assert first(comparison_with()) == "envoy adds 612 us at p50 (x5.78, 95 % interval 5.60 to 5.97, 6 rounds)."


def test_a_saving_is_told_as_one():
    saved = comparison_with(
        verdict=Verdict.BETTER,
        metric="cpu_per_request",
        unit=Unit.CPU_SECONDS_PER_REQUEST,
        added=Estimate(value=-2e-6, low=-3e-6, high=-1e-6, confidence=0.95, n=6, unit=Unit.CPU_SECONDS_PER_REQUEST),
    )
    assert first(saved).startswith("envoy saves 2.00 us of CPU time per request (")


def test_equivalence_names_its_margin():
    text = first(comparison_with(verdict=Verdict.EQUIVALENT))
    assert text.startswith("envoy and baseline are equivalent at p50 up to the margin of 5 % (")


def test_inconclusive_says_how_many_more_rounds():
    text = first(comparison_with(verdict=Verdict.INCONCLUSIVE, rounds_needed=10))
    assert text.startswith("Inconclusive: ")
    assert text.endswith("about 4 more rounds should decide it.")


def test_inconclusive_for_another_reason_says_the_reason():
    text = first(comparison_with(verdict=Verdict.INCONCLUSIVE, reason="Hodges-Lehmann disagrees."))
    assert text.endswith("; Hodges-Lehmann disagrees.")


@pytest.mark.parametrize("grade", ["C", "D", "X", "?"])
def test_no_winner_is_named_in_a_class_without_verdicts(grade):
    comparison, _ = sample.clean()
    comparison = replace(comparison, comparability=replace(comparison.comparability, grade=grade))
    text = " ".join(prose.answer(comparison))
    for winning in ("adds", "saves", "equivalent", "Inconclusive", "worse", "better"):
        assert winning not in text.replace("is a verdict", "")


@pytest.mark.parametrize("grade", ["D", "X"])
def test_no_interval_is_told_in_a_class_without_ratios(grade):
    comparison, _ = sample.clean()
    comparison = replace(comparison, comparability=replace(comparison.comparability, grade=grade), noise_floors=())
    assert "interval" not in " ".join(prose.answer(comparison))
    assert "×" not in " ".join(prose.answer(comparison))


def test_each_pair_speaks_by_its_own_class():
    comparison, _ = sample.clean()
    good, bad = (replace(comparison.comparability, grade=grade) for grade in ("A", "X"))
    mixed = replace(comparison, comparability=bad, pairs=(bad, good))
    text = " ".join(prose.answer(mixed))
    assert "client-library and baseline are not comparable" in text
    assert "client-library adds" not in text
    assert "envoy adds" in text


def test_a_metric_that_is_not_comparable_gets_no_figure_of_difference():
    text = first(comparison_with(verdict=Verdict.NOT_COMPARABLE))
    assert "×" not in text and "adds" not in text
    assert "no verdict" in text


def test_a_pooled_figure_is_shown_without_a_verdict():
    bounds = Estimate(value=4.7, low=math.nan, high=math.nan, confidence=0.95, n=6, unit=Unit.RATIO)
    text = first(comparison_with(metric="p99", pooled=True, ratio=bounds, verdict=Verdict.INCONCLUSIVE))
    assert text == "envoy: x4.70 at p99, pooled over all rounds, no verdict."


def test_a_candidate_compared_with_another_candidate_names_it():
    assert "compared with client-library" in first(comparison_with(against="client-library"))


def test_a_pilot_is_not_to_be_quoted():
    assert any("pilot" in s for s in prose.answer(replace(comparison_with(), pilot=True)))


def test_every_answer_ends_with_its_reach():
    for comparison in (sample.clean()[0], sample.ugly()[0]):
        assert "this machine" in prose.answer(comparison)[-1]


def test_every_kind_of_warning_says_what_to_do():
    assert set(prose.ADVICE) == set(WarningKind)
    assert all(advice.endswith(".") for advice in prose.ADVICE.values())


def test_advice_for_a_kind_is_given_once():
    kind = WarningKind.ROUND_EXCLUDED
    told = prose.warnings([Warning(kind=kind, text=f"Round {n} is not counted") for n in (1, 2)])
    assert told[0] == "Round 1 is not counted."
    assert told[1] == f"Round 2 is not counted. {prose.ADVICE[kind]}"

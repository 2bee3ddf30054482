"""An experiment over time: since when, by how much, and what else differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from history_sample import BEGIN, entries, levels, template
from meshperf.analysis import Comparison, Verdict
from meshperf.analysis.history import history


@pytest.fixture(scope="module")
def judged() -> Comparison:
    return template()


def followed(judged, ratios, **settings):
    facts = settings.pop("facts", {})
    return history("h", entries(judged, ratios, **facts), metrics=("p50",), arms=("envoy",), **settings)


def test_a_step_is_told_with_its_date_its_size_and_their_intervals(judged) -> None:
    found = followed(judged, levels(24, [14], [1.10], noise=0.01, seed=3))
    (series,) = found.series
    (change,) = series.changes
    assert series.against == "baseline" and len(series.points) == 24
    assert change.first_after == BEGIN + timedelta(days=14) and change.last_before == BEGIN + timedelta(days=13)
    assert change.earliest <= change.first_after <= change.latest and change.first_after_id == "id014"
    assert change.ratio.low < 1.10 < change.ratio.high and change.ratio.high - change.ratio.low < 0.03
    assert change.after / change.before == pytest.approx(change.ratio.value)


def test_a_rise_and_its_mending_are_two_changes(judged) -> None:
    found = followed(judged, levels(36, [12, 24], [1.2, 1 / 1.2], noise=0.01, seed=2))
    ratios = [change.ratio.value for change in found.series[0].changes]
    assert ratios == pytest.approx([1.2, 1 / 1.2], rel=0.02)


def test_the_interval_of_a_clear_step_holds_its_size_at_least_90_times_in_100(judged) -> None:
    held = seen = 0
    for seed in range(60):
        found = followed(judged, levels(20, [10], [1.10], noise=0.015, seed=seed), permutations=199)
        changes = found.series[0].changes
        seen += bool(changes)
        held += any(change.ratio.low <= 1.10 <= change.ratio.high for change in changes)
    assert seen == 60 and held >= 49  # 0.95 less four sampling errors


def test_all_figures_together_are_wrong_in_at_most_5_of_100_histories(judged) -> None:
    alarms = 0
    for seed in range(60):
        results = entries(judged, levels(16, [], [], noise=0.05, seed=seed))
        alarms += history("h", results, permutations=199).changed
    assert alarms <= 8  # 3 expected, three sampling errors


def test_what_differs_throughout_both_levels_is_listed_and_nothing_else(judged) -> None:
    facts = {
        "kernel": ["6.1"] * 12 + ["6.6"] * 12,
        "cores": ["4"] * 24,
        "weather": [str(number) for number in range(24)],
        "late": ["a"] * 15 + ["b"] * 9,
    }
    found = followed(judged, levels(24, [12], [1.3], noise=0.01, seed=1), facts=facts)
    (change,) = found.series[0].changes
    assert change.differing == ("kernel: 6.1 -> 6.6",)


def test_results_are_put_in_order_of_time(judged) -> None:
    results = entries(judged, levels(20, [10], [1.2], noise=0.01, seed=5))
    assert history("h", results) == history("h", results[::-1])


def test_pilots_and_figures_without_a_verdict_are_left_out_and_named(judged) -> None:
    results = entries(judged, levels(8, [], [], noise=0.01, seed=5))
    pilot = replace(results[2], comparisons=(replace(results[2].comparisons[0], pilot=True),))
    barred = replace(
        results[3],
        comparisons=(
            replace(
                results[3].comparisons[0],
                metrics=tuple(
                    replace(one, verdict=Verdict.NOT_COMPARABLE) for one in results[3].comparisons[0].metrics
                ),
            ),
        ),
    )
    changed = [*results[:2], pilot, barred, *results[4:]]
    (series,) = history("h", changed, metrics=("p50",), arms=("envoy",)).series
    assert len(series.points) == 6
    assert series.left_out == ("id002: a pilot", "id003: not comparable")


def test_a_baseline_is_followed_in_its_own_unit_and_candidates_too_when_asked(judged) -> None:
    results = entries(judged, levels(6, [], [], noise=0.01, seed=5))
    mixed = {(one.arm, one.against): one.unit for one in history("h", results, metrics=("p50",)).series}
    assert mixed == {("baseline", ""): "s", ("envoy", "baseline"): "1"}
    alone = history("h", results, metrics=("p50",), absolute=True).series
    assert {(one.arm, one.against, str(one.unit)) for one in alone} == {("baseline", "", "s"), ("envoy", "", "s")}


def test_too_few_results_have_no_change_whatever_they_say(judged) -> None:
    assert not followed(judged, [1.0, 1.0, 5.0, 5.0, 5.0]).changed

"""Response times over time: stretches with a known truth, and when there are none."""

from dataclasses import replace

import numpy as np
import pytest
import sample

import kept_sample
from meshperf.histograms import Histogram, merge
from meshperf.report.charts import charts
from meshperf.report.over_time import section, stretches
from meshperf.spec.records import Counts, RunResult, SliceRecord, Validity, ValidityState

USUAL_S = 1e-3


def sliced(
    arm: str, number: int = 1, *, slow: range = range(0), slices: int = 32, each: int = 40, group: int = 0
) -> RunResult:
    """All requests of a slice take 1 ms, in `slow` slices 2 ms."""
    pieces = tuple(
        SliceRecord(
            position=n,
            block=n,
            begin_s=n * 0.2,
            end_s=n * 0.2 + 0.1,
            drained_s=n * 0.2 + 0.11,
            counts=Counts(offered=each, sent=each, ok=each),
            response=Histogram.from_values(np.full(each, USUAL_S * (2 if n in slow else 1))),
        )
        for n in range(slices)
    )
    plain = sample.run(arm, number, median_s=USUAL_S, rng=np.random.default_rng(1), requests=20)
    return replace(plain, slices=pieces, response=merge(piece.response for piece in pieces), group=group)


def test_a_slow_quarter_is_found_at_its_place_with_its_size():
    found = stretches([sliced("baseline"), sliced("envoy", slow=range(8, 16))])
    slow = [each for each in found if each.by_median > 1.1]
    assert {each.arm for each in slow} == {"envoy"}
    assert min(each.begin for each in slow) == pytest.approx(0.25, abs=0.1)
    assert max(each.end for each in slow) == pytest.approx(0.5, abs=0.1)
    assert [each.by_median for each in slow] == pytest.approx([2.0] * len(slow), rel=0.01)
    assert {each.quantile for each in found} == {"p90"}
    assert "×2.00" in {row[4].detail for row in section(found).exhibits[0].table.rows}


def test_few_requests_are_read_at_the_median_and_too_few_not_at_all():
    assert {each.quantile for each in stretches([sliced("baseline", slices=10, each=10)])} == {"p50"}
    assert stretches([sliced("baseline", slices=4, each=10)]) == ()
    assert stretches([sample.clean()[1][0]]) == ()


def test_groups_follow_one_another_in_a_round():
    found = stretches([sliced("baseline", group=0), sliced("baseline", group=1), sliced("envoy", group=1)])
    assert {each.begin >= 0.5 for each in found if each.arm == "envoy"} == {True}
    assert min(each.begin for each in found if each.arm == "baseline") == 0
    assert max(each.end for each in found) == pytest.approx(1.0)


def test_twins_and_runs_that_are_not_valid_are_left_out():
    bad = Validity(state=ValidityState.INVALID, reasons=("x",))
    assert stretches([replace(sliced("a"), validity=bad), replace(sliced("b"), twin=1)]) == ()


def test_the_chart_shows_only_what_differs_and_keeps_hostile_names_as_text():
    comparison, _ = sample.clean()
    runs = [sliced("baseline"), sliced(sample.HOSTILE_ARM, slow=range(8, 16))]
    drawn = {each.name: each.svg for each in charts(comparison, runs)}["time"]
    assert "&lt;script&gt;" in drawn and "<script" not in drawn
    assert 'fill="#d55e00"' in drawn and 'fill="#0072b2"' not in drawn.split("faster than usual")[-1]


def test_kept_runs_have_stretches():
    assert stretches([run for number in range(3) for run in kept_sample.round_of(number)])

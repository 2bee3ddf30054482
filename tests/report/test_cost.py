"""The report of money: what its first sentence may say, and its bars."""

import math
import re
from dataclasses import replace

import pytest
import sample
from judged_pages import costs
from reading import Page

from meshperf.analysis.cost import ArmCost
from meshperf.analysis.records import Estimate
from meshperf.report import wording
from meshperf.report.charts.bars import money_bars
from meshperf.report.cost import CostReport, assemble_cost, sections


def first(of: CostReport) -> str:
    return wording.plain(" ".join(sections(of)[0].sentences))


def candidate(of: CostReport) -> ArmCost:
    return next(each for each in of.costs if each.added is not None)


def with_added(of: CostReport, low: float, high: float, *, names: tuple[str, ...] = ("envoy",)) -> CostReport:
    """One candidate of each name, each a tenth dearer than the one before it."""
    base = candidate(of)
    made = []
    for place, name in enumerate(names):
        factor = 1 + place / 10
        added = replace(base.added, value=factor * (low + high) / 2, low=factor * low, high=factor * high)
        made.append(replace(base, arm=name, added=added))
    return replace(of, costs=(next(each for each in of.costs if each.added is None), *made))


def test_what_a_candidate_adds_is_told_first_with_interval_and_rounds():
    text = first(with_added(costs(), 0.001, 0.002))
    assert text.startswith(
        "envoy costs EUR 0.00150 more than baseline for a million successful requests at 250/s "
        "(0.00100 to 0.00200, 6 rounds)."
    )
    assert "no verdict on whether the arms may be compared" in text


def test_a_saving_and_what_is_not_decided_are_told_as_such():
    assert "envoy costs EUR 0.00150 less than baseline" in first(with_added(costs(), -0.002, -0.001))
    text = first(with_added(costs(), -0.001, 0.002))
    assert text.startswith("Whether envoy costs more or less than baseline") and "is not decided" in text
    assert not re.search(r"costs EUR", text)


def test_an_amount_without_an_interval_decides_nothing():
    text = first(with_added(costs(), math.nan, math.nan))
    assert "envoy" not in text and "no added cost is told" in text
    of = costs()
    lone = replace(candidate(of), added=replace(candidate(of).added, low=math.nan, high=math.nan, n=1))
    text = first(replace(of, costs=(lone,)))
    assert "with no interval, so nothing is decided" in text and "more than" not in text


def test_many_arms_are_told_by_the_least_and_the_most():
    text = first(with_added(costs(), 0.001, 0.002, names=tuple("abcdef")))
    assert text.startswith("Of 6 arms, from the least to the most: a costs EUR 0.00150 more") and "; f costs" in text
    assert "; b costs" not in text


def test_hostile_arms_are_text_in_every_file():
    files = assemble_cost(with_added(costs("<b>money</b>"), 0.001, 0.002, names=(sample.HOSTILE_ARM,)))
    page = files["report.html"].decode()
    assert "<script>alert" not in page and "<b>money" not in page
    assert sample.HOSTILE in Page(page).text
    assert b"<script" not in files["charts/money.svg"]


def test_bars_begin_at_zero_and_an_unknown_cost_is_left_out():
    of = costs()
    (drawing,) = money_bars(of.costs, "EUR")
    bars = [layer["encoding"]["x"]["scale"]["domain"] for layer in drawing.document["layer"]]
    assert all(domain[0] == 0 for domain in bars)
    nothing = Estimate(value=math.nan, low=math.nan, high=math.nan, confidence=0.95, n=0, unit=of.costs[0].used.unit)
    assert money_bars([replace(of.costs[0], used=nothing)], "EUR") == ()


@pytest.mark.parametrize("side", ["low", "high"])
def test_each_bound_of_an_interval_is_drawn(side: str):
    of = costs()
    (drawing,) = money_bars(of.costs, "EUR")
    rules = drawing.document["layer"][1]["data"]["values"]
    assert [row[side] for row in rules] == pytest.approx([getattr(each.used, side) for each in of.costs])

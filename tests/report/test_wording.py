"""Figures, gaps and foreign names in words."""

import math

import pytest

from meshperf.analysis.records import Estimate
from meshperf.report import wording
from meshperf.spec.records import Fact
from meshperf.units import Unit

NBSP = "\u00a0"


def estimate(value: float, low: float, high: float, unit: Unit = Unit.RATIO) -> Estimate:
    return Estimate(value=value, low=low, high=high, confidence=0.95, n=6, unit=unit)


@pytest.mark.parametrize(
    ("figure", "unit", "text"),
    [
        (612e-6, Unit.SECONDS, "612 µs"),
        (6e-6, Unit.SECONDS, "6.00 µs"),
        (27.1e-6, Unit.SECONDS, "27.1 µs"),
        (1.8e-3, Unit.SECONDS, "1.80 ms"),
        (12.0, Unit.SECONDS, "12.0 s"),
        (118e-6, Unit.CPU_SECONDS_PER_REQUEST, "118 µs"),
        (24.6 * 2**20, Unit.BYTES, "24.6 MiB"),
        (-4300.0, Unit.BYTES, "−4.20 KiB"),
        (5.78, Unit.RATIO, "×5.78"),
    ],
)
def test_a_measured_figure_keeps_three_figures_and_its_unit(figure, unit, text):
    assert wording.quantity(figure, unit) == text.replace(" ", NBSP)


def test_a_setting_loses_the_zeros_that_a_measured_figure_keeps():
    assert wording.seconds(0.1) == f"100{NBSP}ms"
    assert wording.seconds(0.005) == f"5{NBSP}ms"


@pytest.mark.parametrize("figure", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_known_in_every_form(figure):
    assert wording.quantity(figure, Unit.SECONDS) == wording.UNKNOWN
    assert wording.share(figure) == wording.UNKNOWN
    assert wording.count(figure) == wording.UNKNOWN
    assert wording.ratio(math.nan if figure is None else figure) == wording.UNKNOWN


def test_an_interval_shows_as_many_decimals_as_its_width_supports():
    assert wording.interval(estimate(5.784, 5.602, 5.973)) == "5.60 to 5.97"
    assert wording.interval(estimate(1.01234, 1.0101, 1.0146)) == "1.010 to 1.015"
    assert wording.interval(estimate(16.6437, 16.613, 16.674)) == "16.61 to 16.67"
    assert wording.estimate(estimate(5.784, 4.0, 8.0)) == "×5.8"


def test_an_interval_with_units_names_a_shared_unit_once():
    assert wording.interval(estimate(20e-6, 18e-6, 27e-6, Unit.SECONDS)) == f"18.0 to 27.0{NBSP}µs"
    both = wording.interval(estimate(1e-3, 0.9e-3, 1.1e-3, Unit.SECONDS))
    assert both == f"900{NBSP}µs to 1.10{NBSP}ms"


def test_without_bounds_there_is_no_interval():
    assert wording.interval(estimate(2.0, math.nan, math.nan)) == "no interval"


def test_shares_keep_what_matters():
    assert [wording.plain(wording.share(s)) for s in (0.05, 0.031, 0.0025, 0.00001, 0.0, 1.0)] == [
        "5 %",
        "3.1 %",
        "0.25 %",
        "< 0.01 %",
        "0 %",
        "100 %",
    ]


def test_foreign_text_cannot_move_the_cursor_or_turn_the_reading_direction():
    cleaned = wording.clean("a\x1b[31mb\u202ec\nd\x00e\ud800")
    assert cleaned == "a\ufffd[31mb\ufffdc d\ufffde\ufffd"


def test_a_fact_is_a_value_or_the_reason_why_there_is_none():
    assert wording.fact(Fact(value=True)) == "yes"
    assert wording.fact(Fact(unavailable="no /proc")) == "unavailable: no /proc"
    assert wording.fact(Fact()) == "unavailable: no reason was recorded"
    assert wording.fact(Fact(value=math.nan)) == wording.UNKNOWN


def test_plain_text_is_ascii_for_all_signs_of_ours():
    assert wording.plain("×5 −3 µs ±2\u00a0%") == "x5 -3 us +/-2 %"

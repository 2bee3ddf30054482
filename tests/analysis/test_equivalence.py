"""Equality within a margin, Holm's correction and plans."""

import math

import numpy as np
import pytest

from meshperf.analysis.equivalence import holm, inside_margin, rounds_for_margin, rounds_to_decide, tost_p
from meshperf.analysis.intervals import t_bounds


def test_the_tost_p_value_is_below_5_percent_exactly_when_the_90_percent_interval_is_inside():
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(300):
        logs = rng.normal(0.02, 0.04, size=6)
        _, low, high = t_bounds(logs, 0.90)
        inside = inside_margin(low, high, 0.05)
        assert (tost_p(logs, 0.05) < 0.05) == inside
        seen.add(inside)
    assert seen == {True, False}


def test_the_margin_is_symmetric_on_the_log_scale():
    assert inside_margin(math.log(1 / 1.0499), math.log(1.0499), 0.05)
    assert not inside_margin(math.log(0.951), 0.0, 0.05)
    assert not inside_margin(math.nan, math.nan, 0.05)


def test_holm_multiplies_step_by_step_and_never_falls():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})


def test_a_metric_that_cannot_be_tested_does_not_count_in_holm():
    adjusted = holm({"a": 0.02, "b": math.nan, "c": 0.5})
    assert adjusted["a"] == pytest.approx(0.04)
    assert math.isnan(adjusted["b"])


@pytest.mark.parametrize(("sd", "margin", "want"), [(0.02, 0.05, 4), (0.03, 0.10, 3), (0.05, 0.10, 6)])
def test_the_plan_for_equality_gives_the_power_it_promises(sd, margin, want):
    """Known truth by simulation: at the planned number the test passes in about 80 %, at one fewer clearly less."""
    planned = rounds_for_margin(sd, margin)
    assert abs(planned - want) <= 1
    rng = np.random.default_rng(1)

    def power(n):
        draws = rng.normal(0.0, sd, size=(4000, n))
        return np.mean([tost_p(row, margin) < 0.05 for row in draws])

    assert power(planned) >= 0.78
    assert planned == 3 or power(planned - 1) < 0.80


def test_no_number_of_rounds_shows_equality_of_arms_that_differ_by_the_margin():
    assert rounds_for_margin(0.01, 0.05, difference=math.log(1.05)) is None


def test_rounds_to_decide_grow_with_the_scatter_and_exceed_those_at_hand():
    calm = rounds_to_decide([0.03, -0.02, 0.04, -0.03, 0.02, 0.01], 0.05)
    rough = rounds_to_decide([0.09, -0.06, 0.12, -0.09, 0.06, 0.03], 0.05)
    assert 6 < calm < rough


def test_a_plan_that_nobody_would_carry_out_is_not_given():
    assert rounds_to_decide([1.0, -1.0, 1.1, -1.1], None) is None
    assert rounds_to_decide([0.1], 0.05) == 6

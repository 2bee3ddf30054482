"""The axis of nines and where a curve must end."""

import numpy as np
import pytest
import sample

from meshperf.histograms import EMPTY, Histogram
from meshperf.report.quantiles import curve, deepest, nines, pooled
from meshperf.spec.records import Validity, ValidityState


def test_each_nine_is_one_step_on_the_axis():
    assert nines([0.0, 0.9, 0.99, 0.999]) == pytest.approx([0, 1, 2, 3])


def test_a_curve_ends_where_ten_requests_remain():
    histogram = Histogram.from_values(np.linspace(1e-3, 2e-3, 10_000))
    points = curve(histogram, points=50)
    assert deepest(histogram.total) == pytest.approx(0.999)
    assert points[-1][0] == pytest.approx(3.0, abs=1e-4)
    assert points[-1][1] == pytest.approx(1.999e-3, rel=2e-3)
    assert [x for x, _ in points] == sorted(x for x, _ in points)


@pytest.mark.parametrize("requests", [0, 1, 10])
def test_too_few_requests_give_no_curve(requests):
    histogram = Histogram.from_values(np.full(requests, 1e-3)) if requests else EMPTY
    assert curve(histogram, points=20) == []


def test_an_arm_is_pooled_from_its_valid_runs_without_twins():
    rng = np.random.default_rng(1)
    runs = [
        sample.run("a", 0, median_s=1e-3, rng=rng, requests=100),
        sample.run("a", 1, median_s=1e-3, rng=rng, requests=100),
        sample.run("a", 1, median_s=1e-3, rng=rng, requests=100, twin=1),
        sample.run("a", 2, median_s=1e-3, rng=rng, requests=100, validity=Validity(state=ValidityState.CLIENT_LIMITED)),
    ]
    assert {arm: h.total for arm, h in pooled(runs).items()} == {"a": 200}

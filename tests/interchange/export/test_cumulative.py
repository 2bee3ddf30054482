"""Cumulative counts: exact, at rising bounds."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meshperf.histograms import Histogram
from meshperf.interchange.export.cumulative import bucket_counts, cumulative
from meshperf.spec.imported import Bucket, Imported, Source

SOURCE = Source(tool="t", form="f")


@given(st.lists(st.integers(min_value=0, max_value=10**12), min_size=1, max_size=200))
def test_every_count_is_exact_and_no_bucket_is_wider_than_an_eighth(nanoseconds: list[int]) -> None:
    histogram = Histogram.from_values(np.array(nanoseconds) * 1e-9)
    points = cumulative(Imported(source=SOURCE, response=histogram))
    bounds = [upper for upper, _ in points]
    assert bounds == sorted(set(bounds))
    recorded = np.rint(np.array(nanoseconds, dtype=np.float64)).astype(np.int64)
    for upper, count in points:
        assert count == int((recorded <= round(upper * 1e9)).sum())
    assert points[-1][1] == len(nanoseconds)
    for (low, _), (high, _) in pairwise(points):
        assert high - low <= max(high / 8, 128e-9) * (1 + 1e-9)


def test_buckets_of_another_tool_keep_their_bounds_and_gaps() -> None:
    buckets = (
        Bucket(low_s=0.001, high_s=0.002, count=3),
        Bucket(low_s=0.005, high_s=0.006, count=2),
        Bucket(low_s=0.006, high_s=math.inf, count=1),
    )
    points = cumulative(Imported(source=SOURCE, buckets=buckets))
    assert points == ((0.001, 0), (0.002, 3), (0.005, 3), (0.006, 5))
    assert bucket_counts(points, 6) == (0, 3, 0, 2, 1)


def test_a_bucket_without_width_is_counted_at_its_value() -> None:
    buckets = (Bucket(low_s=0.5, high_s=0.5, count=4),)
    assert cumulative(Imported(source=SOURCE, buckets=buckets)) == ((0.5, 4),)


def test_nothing_recorded_has_no_points() -> None:
    assert cumulative(Imported(source=SOURCE)) == ()

"""Bounds of quantiles, against sorted data."""

from __future__ import annotations

import math
from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshperf.interchange.printed import printed_count, printed_size, printed_time
from meshperf.interchange.quantiles import bounded, bounds_in, completed, hdr_bounds
from meshperf.spec.imported import Bucket

EDGES = [0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0]


def bucketed(values: list[float]) -> tuple[Bucket, ...]:
    counts = [0] * len(EDGES)
    for value in values:
        counts[bisect_right(EDGES, value) - 1] += 1
    return tuple(
        Bucket(low_s=low, high_s=high, count=count)
        for low, high, count in zip(EDGES, [*EDGES[1:], math.inf], counts, strict=True)
    )


@given(st.lists(st.floats(0, 12.9), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_every_definition_of_a_quantile_lies_in_its_bounds(values: list[float], q: float) -> None:
    ordered = sorted(values)
    bounds = bounds_in(bucketed(values), q)
    assert bounds is not None
    position = q * (len(ordered) - 1)
    for rank in (math.floor(position), math.ceil(position), math.ceil(q * len(ordered)) - 1):
        assert bounds[0] <= ordered[max(rank, 0)] <= bounds[1]


@given(st.lists(st.floats(0, 12.9), min_size=1, max_size=2000))
def test_quantiles_from_buckets_rise_and_lie_in_their_bounds(values: list[float]) -> None:
    found = completed((), bucketed(values))
    assert all(one.low_s <= one.value_s <= one.high_s for one in found)
    assert [one.value_s for one in found] == sorted(one.value_s for one in found)
    assert all(len(values) * (1 - one.q) >= 1 for one in found)


def test_a_quantile_given_is_kept_and_those_around_stay_in_order() -> None:
    buckets = (Bucket(low_s=0.0, high_s=1.0, count=1000),)
    found = completed([bounded(0.9, 0.2, [(0.0, 1.0)])], buckets)
    assert [(one.q, one.value_s) for one in found if one.q <= 0.9] == [(0.5, 0.2), (0.75, 0.2), (0.9, 0.2)]


def test_the_open_last_bucket_tells_no_value() -> None:
    buckets = (Bucket(low_s=0.0, high_s=1.0, count=10), Bucket(low_s=1.0, high_s=math.inf, count=90))
    assert completed((), buckets) == ()


def test_bounds_hold_the_value_and_contradictions_widen_them() -> None:
    assert bounded(0.5, 5.0, [(1.0, 2.0)]).high_s == 5.0
    apart = bounded(0.5, 1.5, [(1.0, 2.0), (3.0, 4.0)])
    assert (apart.low_s, apart.high_s) == (1.0, 4.0)
    assert bounded(0.5, 1.5, []).low_s == 1.5


@pytest.mark.parametrize(
    ("value", "digits", "bounds"),
    [
        (0, 3, (0, 1)),
        (2047, 3, (2047, 2048)),
        (2049, 3, (2048, 2050)),
        (51_295, 3, (51_264, 51_296)),
        (180_007, 4, (180_000, 180_008)),
        (1000, 2, (1000, 1004)),
    ],
)
def test_the_bounds_of_an_hdrhistogram(value: int, digits: int, bounds: tuple[int, int]) -> None:
    assert hdr_bounds(value, digits=digits) == bounds


@given(st.integers(0, 2**50), st.integers(1, 5))
def test_an_hdrhistogram_is_as_fine_as_its_digits(value: int, digits: int) -> None:
    low, high = hdr_bounds(value, digits=digits)
    assert low <= value < high
    assert high - low <= max(1, value / 10**digits)


@pytest.mark.parametrize(
    ("text", "low", "value", "high"),
    [
        ("101.00us", 100.995e-6, 101e-6, 101.005e-6),
        ("1.22ms", 1.215e-3, 1.22e-3, 1.225e-3),
        ("13us", 12.5e-6, 13e-6, 13.5e-6),
        ("2.10s", 2.095, 2.1, 2.105),
        ("1.50m", 89.7, 90, 90.3),
    ],
)
def test_a_printed_time_is_bounded_by_half_of_its_last_digit(text: str, low: float, value: float, high: float) -> None:
    found = printed_time(text)
    assert found is not None
    assert (found.low, found.value, found.high) == pytest.approx((low, value, high))


def test_printed_sizes_are_binary_and_counts_decimal() -> None:
    size, count = printed_size("1.50MB"), printed_count("40.79k")
    assert size is not None and size.value == 1.5 * 2**20
    assert count is not None and count.value == 40_790.0
    assert (printed_size("1.5 parsecs"), printed_count("-3"), printed_time("nanus")) == (None, None, None)

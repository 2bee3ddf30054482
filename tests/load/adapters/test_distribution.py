"""Buckets and quantiles become histograms in which no quantile leaves the bounds that the tool resolved."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshperf.histograms import Histogram
from meshperf.load.adapters.distribution import from_buckets, from_quantiles, successes, weighted, without
from meshperf.load.adapters.fortio import failures
from meshperf.spec.imported import Bucket, Imported, LatencyOf, Quantile, Source

SOURCE = Source(tool="t", form="f")


def buckets(*parts: tuple[float, float, int]) -> tuple[Bucket, ...]:
    return tuple(Bucket(low_s=low, high_s=high, count=count) for low, high, count in parts)


def quantiles(*parts: tuple[float, float]) -> tuple[Quantile, ...]:
    return tuple(Quantile(q=q, value_s=value, low_s=value, high_s=value) for q, value in parts)


def test_every_latency_is_better_than_buckets() -> None:
    samples = Histogram.from_values([0.001, 0.002, 0.003])
    imported = Imported(source=SOURCE, ok=3, buckets=buckets((0, 1, 3)))
    found = successes(imported, 3, samples, None)
    assert (found.response, found.resolution, found.quantiles) == (samples, "every reply's time", ())


def test_a_list_that_is_not_of_all_successes_is_not_taken_for_them() -> None:
    imported = Imported(source=SOURCE, ok=3, buckets=buckets((0.0, 0.1, 3)), latency_of=LatencyOf.SUCCESSES)
    found = successes(imported, 3, Histogram.from_values([0.001]), None)
    assert found.response.total == 3
    assert "buckets" in found.resolution


def test_replies_lie_inside_their_bucket_and_no_farther_than_the_extremes() -> None:
    found = from_buckets(buckets((0.0, 0.010, 100), (0.010, math.inf, 10)), least_s=0.002, longest_s=0.050)
    assert found.total == 110
    assert 0.002 <= found.minimum() <= 0.0021
    assert 0.047 <= found.maximum() <= 0.0501
    assert float(found.quantile(0.5)) == pytest.approx(0.0064, rel=0.02)


@given(
    st.lists(st.tuples(st.floats(1e-6, 1.0), st.integers(1, 10**6)), min_size=1, max_size=8),
    st.floats(0.001, 0.999),
)
def test_no_quantile_leaves_its_bucket(parts: list[tuple[float, int]], q: float) -> None:
    edges = np.concatenate([[0.0], np.cumsum([width for width, _ in parts])])
    made = buckets(*((edges[i], edges[i + 1], count) for i, (_, count) in enumerate(parts)))
    found = from_buckets(made, least_s=0.0, longest_s=math.inf)
    total = sum(count for _, count in parts)
    assert found.total == total
    rank = q * (total - 1)
    ends = np.cumsum([count for _, count in parts])
    at = int(np.searchsorted(ends, rank, side="right"))
    # An interpolated rank may lie between the last reply of one bucket and the first of the next.
    low, high = edges[at], edges[at + 1] if rank + 1 <= ends[at] else edges[min(at + 2, len(edges) - 1)]
    assert low * 0.998 - 1e-8 <= float(found.quantile(q)) <= high * 1.002 + 1e-8


def test_quantiles_come_out_as_they_went_in() -> None:
    given_quantiles = quantiles((0.5, 0.001), (0.9, 0.004), (0.99, 0.100))
    found = from_quantiles(given_quantiles, 10_000, least_s=0.0005, longest_s=0.2)
    assert found.total == 10_000
    for one in given_quantiles:
        assert float(found.quantile(one.q)) == pytest.approx(one.value_s, rel=0.01)


def test_quantiles_without_a_maximum_make_no_histogram() -> None:
    imported = Imported(source=SOURCE, ok=10, quantiles=quantiles((0.5, 1), (0.9, 2), (0.99, 3)))
    found = successes(imported, 10, None, None)
    assert found.response.total == 0
    assert len(found.quantiles) == 3


def test_failures_that_are_among_the_times_and_not_apart_leave_no_distribution() -> None:
    mixed = Imported(
        source=SOURCE, ok=90, errors=10, latency_count=100, latency_of=LatencyOf.ALL, buckets=buckets((0, 0.1, 100)),
        quantiles=quantiles((0.5, 0.01), (0.9, 0.02), (0.99, 0.03)), max_s=0.05,
    )  # fmt: skip
    found = successes(mixed, 90, None, None)
    assert found.response.total == 0
    assert "failures" in found.resolution


def test_failures_that_are_also_apart_are_taken_out() -> None:
    mixed = Imported(
        source=SOURCE, ok=90, errors=10, latency_count=100, latency_of=LatencyOf.ALL,
        buckets=buckets((0.0, 0.01, 60), (0.01, 0.02, 40)), max_s=0.02,
    )  # fmt: skip
    found = successes(mixed, 90, None, buckets((0.011, 0.02, 10)))
    assert found.response.total == 90
    assert found.response.share_above(0.0101) == pytest.approx(30 / 90, abs=0.01)


def test_fortios_failures_are_read_where_it_has_them_apart() -> None:
    data = {"Data": [{"Start": 0.001, "End": 0.002, "Count": 7}]}
    assert failures(Imported(source=SOURCE, extra={"ErrorsDurationHistogram": data})) == buckets((0.001, 0.002, 7))
    assert failures(Imported(source=SOURCE)) is None
    assert failures(Imported(source=SOURCE, extra={"ErrorsDurationHistogram": {"Data": [{"Start": "x"}]}})) is None


def test_more_failures_than_a_bucket_holds_are_taken_from_its_neighbours() -> None:
    left = without(buckets((0.0, 1.0, 5), (1.0, 2.0, 5)), buckets((1.0, 2.0, 7)))
    assert [(one.low_s, one.count) for one in left] == [(0.0, 3)]


def test_many_replies_are_counted_without_being_listed() -> None:
    found = from_buckets(buckets((0.001, 0.002, 10**12)), least_s=0.0, longest_s=math.inf)
    assert found.total == 10**12
    assert weighted([0.001, 0.001, 0.5], [2, 3, 1]).total == 6


def test_nothing_answered_is_no_distribution() -> None:
    assert successes(Imported(source=SOURCE, ok=0), 0, None, None).response.total == 0

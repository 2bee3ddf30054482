"""A distribution as cumulative counts up to rising bounds, for formats with buckets.

What it decides: an HdrHistogram is shown at every 128th of its borders, which makes buckets at most an eighth of their
value wide and some fifty of them a result; the counts are exact, since each bound is a border. Buckets of another tool
stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from meshperf.histograms import Histogram, bucket_bounds
from meshperf.spec.imported import Bucket, Imported

__all__ = ["bucket_counts", "cumulative"]

_STEP = 128
_NS = 1e-9


def cumulative(record: Imported) -> tuple[tuple[float, int], ...]:
    """Inclusive upper bound [s] and how many requests lie at or below it, both rising, the last bound finite.

    Requests above the last bound are those of an open last bucket; empty where the record has no distribution.
    """
    if record.response.total:
        return _of_histogram(record.response)
    return _of_buckets(record.buckets)


def bucket_counts(points: Sequence[tuple[float, int]], total: int) -> tuple[int, ...]:
    """Requests in each bucket between neighbouring bounds: one more than bounds, the last one open."""
    ends = [0, *(count for _, count in points), total]
    return tuple(later - before for before, later in pairwise(ends))


def _of_histogram(histogram: Histogram) -> tuple[tuple[float, int], ...]:
    first = int(histogram.index[0]) // _STEP * _STEP
    last = (int(histogram.index[-1]) // _STEP + 1) * _STEP
    borders = np.arange(max(first, _STEP), last + 1, _STEP, dtype=np.int64)
    below = np.concatenate([[0], np.cumsum(histogram.count)])[np.searchsorted(histogram.index, borders)]
    ends = bucket_bounds(borders)[0] - 1  # whole nanoseconds: below a border is at or below the one before it
    return tuple((float(round(end * _NS, 9)), int(count)) for end, count in zip(ends, below, strict=True))


def _of_buckets(buckets: Sequence[Bucket]) -> tuple[tuple[float, int], ...]:
    points: list[tuple[float, int]] = []
    count = 0
    for bucket in buckets:
        if bucket.low_s > 0 and (not points or bucket.low_s > points[-1][0]):
            points.append((bucket.low_s, count))
        count += bucket.count
        if np.isinf(bucket.high_s):
            break
        if points and bucket.high_s <= points[-1][0]:
            points[-1] = (points[-1][0], count)
        else:
            points.append((bucket.high_s, count))
    return tuple(points)

"""From what a tool says of its latencies to a histogram of successful replies, with the resolution it really has.

Every single latency is best, then the tool's own buckets, then a table of quantiles. Inside a bucket, or between two
quantiles, nothing is known: replies are spread evenly there, which no quantile can tell from the truth within the
bounds that are kept beside. Where failures cannot be told apart from successes there is no histogram.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from meshperf.histograms import EMPTY, HIGHEST_S, Histogram, bucket_index, merge
from meshperf.spec.imported import Bucket, Imported, LatencyOf, Quantile

__all__ = ["Distribution", "from_buckets", "from_quantiles", "successes", "weighted", "without"]

_FEWEST_QUANTILES = 3
_PLACES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Times of successful replies."""

    response: Histogram = EMPTY
    quantiles: tuple[Quantile, ...] = ()
    """With their bounds, where the histogram is finer than what the tool resolved; none where it is exact."""
    resolution: str = "none"
    """How the histogram came about, in words."""


def successes(
    imported: Imported, ok: int, samples: Histogram | None, failures: Sequence[Bucket] | None
) -> Distribution:
    """What is known of the times of the `ok` successful replies.

    Args:
        samples: every successful reply's time, where the tool wrote them.
        failures: the times of failed requests in the tool's buckets, where it has them apart.
    """
    if ok == 0:
        return Distribution()
    for exact in (samples, imported.response):
        if exact is not None and exact.total == ok:
            return Distribution(response=exact, resolution="every reply's time")
    counted = imported.latency_count if imported.latency_count is not None else ok
    mixed = imported.latency_of is not LatencyOf.SUCCESSES and (imported.errors or 0) > 0 and counted != ok
    if imported.buckets:
        buckets = imported.buckets
        if mixed:
            if failures is None or sum(one.count for one in buckets) - sum(one.count for one in failures) != ok:
                return Distribution(resolution="none: failures are among the times")
            buckets = without(buckets, failures)
        if sum(one.count for one in buckets) == ok:
            longest = imported.max_s if imported.max_s is not None else math.inf
            return Distribution(
                response=from_buckets(buckets, least_s=imported.min_s or 0.0, longest_s=longest),
                quantiles=imported.quantiles,
                resolution=f"{len(buckets)} buckets of the tool, spread evenly inside",
            )
    if mixed:
        return Distribution(resolution="none: failures are among the times")
    if len(imported.quantiles) >= _FEWEST_QUANTILES and imported.max_s is not None:
        return Distribution(
            response=from_quantiles(imported.quantiles, ok, least_s=imported.min_s, longest_s=imported.max_s),
            quantiles=imported.quantiles,
            resolution=f"{len(imported.quantiles)} quantiles of the tool, spread evenly between them",
        )
    return Distribution(quantiles=imported.quantiles, resolution="none: the tool gives too few quantiles")


def without(buckets: Sequence[Bucket], others: Sequence[Bucket]) -> tuple[Bucket, ...]:
    """Buckets less the counts of others of the same layout. Tools narrow the first and last one to what they saw, so
    that a count is taken from the bucket in which the other's middle lies."""
    left = [one.count for one in buckets]
    for other in others:
        middle = other.low_s if math.isinf(other.high_s) else (other.low_s + other.high_s) / 2
        owed = other.count
        for index in sorted(range(len(buckets)), key=lambda at: _distance(buckets[at], middle)):
            taken = min(owed, left[index])
            left[index] -= taken
            owed -= taken
            if owed == 0:
                break
    return tuple(
        Bucket(low_s=one.low_s, high_s=one.high_s, count=count)
        for one, count in zip(buckets, left, strict=True)
        if count
    )


def _distance(bucket: Bucket, value: float) -> float:
    return max(bucket.low_s - value, value - bucket.high_s, 0.0)


def from_buckets(buckets: Iterable[Bucket], *, least_s: float, longest_s: float) -> Histogram:
    """Counts spread evenly inside their buckets, those at the ends no farther than the extremes that were seen."""
    parts = []
    for one in buckets:
        low = min(max(one.low_s, least_s), one.high_s)
        high = max(min(one.high_s, longest_s), low)
        parts.append(_spread(low, low if math.isinf(high) else high, one.count))
    return merge(parts)


def from_quantiles(quantiles: Sequence[Quantile], total: int, *, least_s: float | None, longest_s: float) -> Histogram:
    """`total` replies spread evenly between neighbouring quantiles; below the first one from the least time seen."""
    first = quantiles[0].value_s if least_s is None else least_s
    ends = [(0.0, min(first, quantiles[0].value_s)), *((one.q, one.value_s) for one in quantiles), (1.0, longest_s)]
    parts, done = [], 0
    for (_, low), (q, high) in pairwise(ends):
        upto = round(q * total)
        if upto > done:
            parts.append(_spread(low, max(low, high), upto - done))
            done = upto
    return merge(parts)


def _spread(low_s: float, high_s: float, count: int) -> Histogram:
    """`count` replies at even distances; many of them in as many places as no quantile can tell from more."""
    places = min(count, _PLACES)
    values = low_s + (high_s - low_s) * (np.arange(places, dtype=np.float64) + 0.5) / places
    share, rest = divmod(count, places)
    # The ones that are left over are spread as well: every so many places one more.
    counts = share + np.diff(np.arange(places + 1) * rest // places)
    return weighted(values, counts)


def weighted(seconds: npt.ArrayLike, counts: npt.ArrayLike) -> Histogram:
    """A histogram of values [s] that were each seen so many times."""
    ns = np.clip(np.rint(np.asarray(seconds, dtype=np.float64) * 1e9), 0, HIGHEST_S * 1e9).astype(np.int64)
    index, inverse = np.unique(bucket_index(ns), return_inverse=True)
    summed = np.zeros(index.size, dtype=np.int64)
    np.add.at(summed, inverse, np.asarray(counts, dtype=np.int64))
    return Histogram(index[summed > 0], summed[summed > 0])

"""Quantiles with the bounds that a tool's resolution leaves: from buckets, from printed digits, from an HdrHistogram.

What it decides: how far the truth may be from the figure. Every sensible definition of a sample quantile lies between
two neighbouring ranks; the bounds are those of the buckets of both, so no definition is favoured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

from meshperf.spec.imported import Bucket, Quantile

__all__ = ["STANDARD", "bounded", "bounds_in", "completed", "hdr_bounds", "in_order"]

STANDARD = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
"""Quantiles that are read from buckets where the tool gave none."""


def bounds_in(buckets: Sequence[Bucket], q: float) -> tuple[float, float] | None:
    """Bounds [s] of quantile `q` in (0, 1) by the buckets of its two neighbouring ranks; None for no requests."""
    ends = list(accumulate(bucket.count for bucket in buckets))
    total = ends[-1] if ends else 0
    if total < 1:
        return None
    position = q * (total - 1)
    low, high = _holding(ends, math.floor(position)), _holding(ends, math.ceil(position))
    return buckets[low].low_s, buckets[high].high_s


def bounded(q: float, value_s: float, bounds: Iterable[tuple[float, float] | None]) -> Quantile:
    """A quantile whose bounds are what all of `bounds` leave, and always hold the value itself.

    A value outside of them, or bounds that exclude one another, widen: what contradicts itself resolves nothing.
    """
    known = [one for one in bounds if one is not None]
    low = max((one[0] for one in known), default=value_s)
    high = min((one[1] for one in known), default=value_s)
    if low > high:
        low, high = min(one[0] for one in known), max(one[1] for one in known)
    return Quantile(q=q, value_s=value_s, low_s=min(low, value_s), high_s=max(high, value_s))


def completed(given: Iterable[Quantile], buckets: Sequence[Bucket]) -> tuple[Quantile, ...]:
    """The quantiles given, and those of `STANDARD` that the buckets tell and at least one request lies beyond.

    Inside a bucket the value is interpolated by rank, and kept between those of the neighbouring quantiles given.
    """
    known = {one.q: one for one in given}
    total = sum(bucket.count for bucket in buckets)
    for q in STANDARD:
        if q in known or total * (1 - q) < 1:
            continue
        bounds = bounds_in(buckets, q)
        value = _interpolated(buckets, q)
        if bounds is None or value is None or not math.isfinite(bounds[1]):
            continue
        below = max((one.value_s for one in known.values() if one.q < q), default=0.0)
        above = min((one.value_s for one in known.values() if one.q > q), default=math.inf)
        known[q] = bounded(q, min(max(value, below), above), [bounds])
    return in_order(known.values())


def in_order(quantiles: Iterable[Quantile]) -> tuple[Quantile, ...]:
    """Rising in `q`."""
    return tuple(sorted(quantiles, key=lambda one: one.q))


def hdr_bounds(value: int, *, digits: int = 3, lowest: int = 1) -> tuple[int, int]:
    """The values that an HdrHistogram cannot tell from `value`: the first, and the first above them; in its own unit.

    Args:
        digits: significant figures, 1 to 5.
        lowest: the smallest value that it tells from 0.

    Source: HdrHistogram's layout, 2 * 10**digits sub-buckets rounded up to a power of two.
    """
    magnitude = math.ceil(math.log2(2 * 10**digits))
    unit = max(lowest.bit_length() - 1, 0)
    shift = max(value.bit_length() - magnitude, unit)
    low = (value >> shift) << shift
    return low, low + (1 << shift)


def _holding(ends: Sequence[int], rank: int) -> int:
    """The bucket with the request of this rank, which counts from 0."""
    return next(number for number, end in enumerate(ends) if end > rank)


def _interpolated(buckets: Sequence[Bucket], q: float) -> float | None:
    total = sum(bucket.count for bucket in buckets)
    before = 0
    for bucket in buckets:
        if bucket.count and before + bucket.count >= q * total:
            if not math.isfinite(bucket.high_s):
                return None
            inside = (q * total - before) / bucket.count
            return bucket.low_s + max(inside, 0.0) * (bucket.high_s - bucket.low_s)
        before += bucket.count
    return None

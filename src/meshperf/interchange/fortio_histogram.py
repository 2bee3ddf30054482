"""The histogram of fortio's documents, which Meshery keeps and Nighthawk imitates: buckets, percentiles and moments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshperf.interchange.json_value import Value
from meshperf.interchange.quantiles import bounded, bounds_in, completed, hdr_bounds
from meshperf.spec.imported import Bucket, ImportNote, NoteKind, Quantile

__all__ = ["DurationHistogram", "duration_histogram"]

_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationHistogram:
    """A histogram as a document has it; times in seconds."""

    count: int
    mean_s: float | None
    stddev_s: float | None
    min_s: float | None
    max_s: float | None
    buckets: tuple[Bucket, ...]
    quantiles: tuple[Quantile, ...]
    notes: tuple[ImportNote, ...] = ()


def duration_histogram(value: Value, *, hdr_digits: int | None = None) -> DurationHistogram:
    """Read a `DurationHistogram`.

    Args:
        hdr_digits: the percentiles are those of an HdrHistogram in ns with so many digits; None: fortio's own,
            interpolated inside its buckets.

    Raises:
        DocumentError: MP2402, MP2403.
    """
    count = value.need("Count").count()
    if count == 0:
        return DurationHistogram(count=0, mean_s=None, stddev_s=None, min_s=None, max_s=None, buckets=(), quantiles=())
    data = value.get("Data")
    buckets = tuple(_buckets(data)) if data is not None else ()
    given = value.get("Percentiles")
    notes: list[ImportNote] = []
    quantiles = [] if given is None else [_quantile(one, buckets, hdr_digits, notes) for one in given.each()]
    return DurationHistogram(
        count=count,
        mean_s=_seconds(value, "Avg"),
        stddev_s=_seconds(value, "StdDev"),
        min_s=_seconds(value, "Min"),
        max_s=_seconds(value, "Max"),
        buckets=buckets,
        quantiles=completed((one for one in quantiles if 0 < one.q < 1), buckets),
        notes=tuple(notes),
    )


def _seconds(value: Value, name: str) -> float | None:
    found = value.get(name)
    return None if found is None else found.number()


def _buckets(data: Value) -> Iterator[Bucket]:
    for one in data.each():
        low, high, count = one.need("Start").number(), one.need("End").number(), one.need("Count").count()
        if low > high * (1 + _SLACK):
            raise one.need("Start").contradicts("is above the bucket's end")
        if count:
            yield Bucket(low_s=low, high_s=max(low, high), count=count)


def _quantile(one: Value, buckets: tuple[Bucket, ...], digits: int | None, notes: list[ImportNote]) -> Quantile:
    percent = one.need("Percentile").number()
    if percent > 100:
        raise one.need("Percentile").contradicts("is no percentage")
    q, value = percent / 100, one.need("Value").number()
    if not 0 < q < 1:
        return Quantile(q=q, value_s=value, low_s=value, high_s=value)
    if digits is not None and value < 1e9:
        low, high = hdr_bounds(round(value * 1e9), digits=digits)
        return bounded(q, value, [(low * 1e-9, high * 1e-9)])
    bounds = bounds_in(buckets, q)
    if bounds is not None and not bounds[0] * (1 - _SLACK) <= value <= bounds[1] * (1 + _SLACK):
        text = f"p{percent:g} ({value:g} s) is not in its bucket, {bounds[0]:g} to {bounds[1]:g} s"
        notes.append(ImportNote(kind=NoteKind.INCONSISTENT, text=text))
    return bounded(q, value, [bounds])

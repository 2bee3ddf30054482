"""Single latencies, any number of them, gathered into a histogram in bounded memory.

What it decides: nothing; it counts. Minimum, maximum, sum and sum of squares are exact, quantiles are those of a
histogram of three digits. A tool that rounds its figures adds half of its last digit to every bound.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field

import numpy as np

from meshperf.histograms import EMPTY, HIGHEST_S, Histogram, bucket_bounds
from meshperf.interchange.quantiles import STANDARD
from meshperf.spec.imported import ImportNote, NoteKind, Quantile

__all__ = ["MOST_REASONS", "Samples", "Tally", "truncated"]

_BATCH = 8192
MOST_REASONS = 200
"""Different texts of errors that are kept apart; the rest are counted together."""
_REASON = 200


@dataclass(slots=True)
class Samples:
    """Latencies [s] of one kind of request."""

    count: int = 0
    least: float = math.inf
    most: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    gathered: Histogram = EMPTY
    waiting: array[float] = field(default_factory=lambda: array("d"))

    def add(self, seconds: float) -> None:
        """One latency. Raises ValueError: negative, not a number, or above one hour."""
        if not 0 <= seconds <= HIGHEST_S:
            raise ValueError(f"a latency of {seconds:g} s cannot be")
        self.waiting.append(seconds)
        if len(self.waiting) >= _BATCH:
            self.histogram()

    def histogram(self) -> Histogram:
        """All latencies so far."""
        if self.waiting:
            values = np.frombuffer(self.waiting, dtype=np.float64)
            self.count += values.size
            self.least = min(self.least, float(values.min()))
            self.most = max(self.most, float(values.max()))
            self.total += float(values.sum())
            self.squares += float((values * values).sum())
            self.gathered += Histogram.from_values(values)
            del values  # an array that is looked at cannot be emptied
            self.waiting = array("d")
        return self.gathered

    @property
    def mean_s(self) -> float | None:
        self.histogram()
        return self.total / self.count if self.count else None

    @property
    def stddev_s(self) -> float | None:
        """Of the population, as tools have it."""
        self.histogram()
        if not self.count:
            return None
        mean = self.total / self.count
        return math.sqrt(max(self.squares / self.count - mean * mean, 0.0))

    @property
    def min_s(self) -> float | None:
        self.histogram()
        return self.least if self.count else None

    @property
    def max_s(self) -> float | None:
        self.histogram()
        return self.most if self.count else None

    def quantiles(self, *, half_s: float = 0.0) -> tuple[Quantile, ...]:
        """Those of `STANDARD` that at least one latency lies beyond, with the buckets of both neighbouring ranks.

        Args:
            half_s: half of the tool's last digit [s]; the truth lies so much further on either side.
        """
        histogram = self.histogram()
        if not histogram.total:
            return ()
        ends = np.cumsum(histogram.count)
        least, most = self.min_s or 0.0, self.max_s or 0.0
        found = []
        for q in STANDARD:
            if histogram.total * (1 - q) < 1:
                continue
            rank = q * (histogram.total - 1)
            first = histogram.index[int(np.searchsorted(ends, math.floor(rank), side="right"))]
            last = histogram.index[int(np.searchsorted(ends, math.ceil(rank), side="right"))]
            low = max(float(bucket_bounds(first)[0]) * 1e-9, least)
            high = min(float(bucket_bounds(last)[1]) * 1e-9, most)
            high = max(high, low)
            value = min(max(float(histogram.quantile(q)), low), high)
            found.append(Quantile(q=q, value_s=value, low_s=max(low - half_s, 0.0), high_s=high + half_s))
        return tuple(found)


@dataclass(slots=True)
class Tally:
    """Outcomes of requests: successes, and failures by status or reason."""

    ok: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    by_reason: dict[str, int] = field(default_factory=dict)
    by_grpc_status: dict[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        return sum(sum(one.values()) for one in (self.by_status, self.by_reason, self.by_grpc_status))

    def failed(self, kind: dict[str, int], key: str, count: int = 1) -> None:
        """Count failures under `key` of one of the three mappings."""
        word = key.strip()[:_REASON] or "unknown"
        if word not in kind and len(kind) >= MOST_REASONS:
            word = "other"
        kind[word] = kind.get(word, 0) + count


def truncated(line: int) -> ImportNote:
    """That the last line of a file was cut off, and was left out."""
    text = f"the file breaks off in line {line}; that line is left out"
    return ImportNote(kind=NoteKind.TRUNCATED, text=text, figures={"line": float(line)})

"""Sparse HDR histograms: the form in which every distribution is stored, merged and read.

What it decides: nothing; it holds counts. Values are integer nanoseconds, three significant digits, 1 ns to 1 h,
the layout of HdrHistogram with 2048 sub-buckets (33 792 counters), so counts of two histograms add exactly and any
HdrHistogram reader understands the V2 form.

Why this way: a quantile's error is bounded by the bucket (at most 0.1 %), never by the number of samples kept, and
merging loses nothing. A quantile is therefore always given with the bucket it was read from.

What it refuses: a quantile of nothing (NaN instead of 0), and merging other layouts.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["EMPTY", "HIGHEST_S", "Histogram", "bucket_bounds", "bucket_index", "merge"]

_HALF = 1024
_HALF_MAGNITUDE = 10
_COUNTERS = 33_792
_NS = 1e-9
HIGHEST_S = 3600.0
"""The longest duration a histogram holds [s]; longer ones are recorded at this value."""

_V2_COOKIE = 0x1C849313
_V2_COMPRESSED_COOKIE = 0x1C849314
_V2_WORD_SIZE = 0xF0
"""Bits of a cookie that say nothing in the V2 form; writers differ in them."""
_V2_HEAD = ">iiiiqqd"
_V2_LONGEST = struct.calcsize(_V2_HEAD) + 9 * _COUNTERS
"""Bytes of an unpacked V2 form: a head, then at most nine for each counter."""


def bucket_index(value_ns: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The counter that holds each value. `value_ns`: integers in [0, 3.6e12] ns. Source: HdrHistogram's layout."""
    value = np.asarray(value_ns, dtype=np.int64)
    exponent = np.frexp(np.maximum(value, 1).astype(np.float64))[1] - 1  # floor(log2), exact below 2**53
    bucket = np.maximum(exponent - _HALF_MAGNITUDE, 0)
    return np.asarray((bucket << _HALF_MAGNITUDE) + (value >> bucket), dtype=np.int64)


def bucket_bounds(index: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Lower bound (inclusive) and upper bound (exclusive) of counters, in ns."""
    position = np.asarray(index, dtype=np.int64)
    bucket = np.maximum((position >> _HALF_MAGNITUDE) - 1, 0)
    low = (position - (bucket << _HALF_MAGNITUDE)) << bucket
    return low, low + (np.int64(1) << bucket)


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts per bucket, only the buckets that are not empty.

    `index`: int64, strictly increasing counters; `count`: int64, same length, each at least 1.
    """

    index: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.index.shape != self.count.shape or self.index.ndim != 1:
            raise ValueError("a histogram needs one count for every bucket index")
        if self.index.size and (
            self.index[0] < 0 or self.index[-1] >= _COUNTERS or (np.diff(self.index) <= 0).any() or self.count.min() < 1
        ):
            raise ValueError("bucket indexes must rise within the layout and counts must be at least 1")

    @classmethod
    def from_pairs(cls, pairs: Iterable[Sequence[int]]) -> Histogram:
        """From `[[bucket, count], …]`, as documents carry it."""
        table = np.array([tuple(pair) for pair in pairs], dtype=np.int64).reshape(-1, 2)
        return cls(table[:, 0].copy(), table[:, 1].copy())

    @classmethod
    def from_bytes(cls, data: bytes) -> Histogram:
        """From the engine: little-endian uint32 index, uint32 count, repeated."""
        table = np.frombuffer(data, dtype="<u4").reshape(-1, 2).astype(np.int64)
        return cls(table[:, 0].copy(), table[:, 1].copy())

    @classmethod
    def from_values(cls, seconds: npt.ArrayLike) -> Histogram:
        """Record durations given in seconds; above one hour they count as one hour."""
        ns = np.clip(np.rint(np.asarray(seconds, dtype=np.float64) / _NS), 0, HIGHEST_S / _NS).astype(np.int64)
        index, count = np.unique(bucket_index(ns), return_counts=True)
        return cls(index, count.astype(np.int64))

    @classmethod
    def from_hdr_v2(cls, text: str) -> Histogram:
        """From the compressed V2 form of HdrHistogram in base64, of this layout (three digits, from 1 ns).

        Raises:
            ValueError: it is not such a form.
        """
        try:
            data = base64.b64decode(text, validate=True)
            cookie, length = struct.unpack_from(">ii", data)
            unpacking = zlib.decompressobj()
            raw = unpacking.decompress(data[8:], _V2_LONGEST)
            inner, size, offset, digits, lowest, _, ratio = struct.unpack_from(_V2_HEAD, raw)
        except (binascii.Error, struct.error, zlib.error) as broken:
            raise ValueError(f"not a compressed HdrHistogram: {broken}") from broken
        payload = raw[struct.calcsize(_V2_HEAD) :]
        whole = unpacking.eof and not unpacking.unused_data and length == len(data) - 8 and size == len(payload)
        cookies = (cookie & ~_V2_WORD_SIZE, inner & ~_V2_WORD_SIZE)
        if cookies != (_V2_COMPRESSED_COOKIE & ~_V2_WORD_SIZE, _V2_COOKIE & ~_V2_WORD_SIZE) or not whole:
            raise ValueError("not a whole HdrHistogram in the compressed V2 form")
        if (offset, digits, lowest, ratio) != (0, 3, 1, 1.0):
            raise ValueError("an HdrHistogram of another layout")
        index, count, position = [], [], 0
        for value in _zigzags(payload):
            if value > 0:
                index.append(position)
                count.append(value)
            position += 1 if value >= 0 else -value
        return cls(np.array(index, dtype=np.int64), np.array(count, dtype=np.int64))

    def to_bytes(self) -> bytes:
        """What `from_bytes` reads: little-endian uint32 index, uint32 count, repeated.

        Raises:
            ValueError: a count is above 4,294,967,295; the HdrHistogram form holds it.
        """
        if self.count.size and self.count.max() > 0xFFFF_FFFF:
            raise ValueError("a count is too large for this form; use to_hdr_v2")
        return np.column_stack([self.index, self.count]).astype("<u4").tobytes()

    def buckets(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Lower bound [s], upper bound [s] and count of every bucket that is not empty, in rising order."""
        low, high = bucket_bounds(self.index)
        return np.asarray(low * _NS, dtype=np.float64), np.asarray(high * _NS, dtype=np.float64), self.count.copy()

    def pairs(self) -> list[list[int]]:
        """`[[bucket, count], …]` for a document."""
        return [[int(i), int(c)] for i, c in zip(self.index, self.count, strict=True)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return np.array_equal(self.index, other.index) and np.array_equal(self.count, other.count)

    def __add__(self, other: Histogram) -> Histogram:
        return merge([self, other])

    def __hash__(self) -> int:
        return hash((self.index.tobytes(), self.count.tobytes()))

    @property
    def total(self) -> int:
        """How many values were recorded."""
        return int(self.count.sum())

    def values_s(self) -> npt.NDArray[np.float64]:
        """The middle of each bucket [s], same length as `count`."""
        low, high = bucket_bounds(self.index)
        return np.asarray((low + high - 1) * (_NS / 2), dtype=np.float64)

    def quantile(self, q: float | npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Quantiles [s], interpolated inside the bucket by rank (Hyndman & Fan, definition 7, on bucketed ranks).

        Args:
            q: in [0, 1], any shape.

        Returns:
            float64 of the shape of `q`; NaN where nothing was recorded.
        """
        wanted = np.asarray(q, dtype=np.float64)
        total = self.total
        if total == 0:
            return np.full(wanted.shape, np.nan)
        ends = np.cumsum(self.count)
        rank = wanted * (total - 1)
        bucket = np.minimum(np.searchsorted(ends, rank, side="right"), self.index.size - 1)
        low, high = bucket_bounds(self.index[bucket])
        before = ends[bucket] - self.count[bucket]
        inside = np.clip((rank - before + 0.5) / self.count[bucket], 0.0, 1.0)
        return np.asarray((low + inside * (high - 1 - low)) * _NS, dtype=np.float64)

    def bracket(self, q: float) -> tuple[float, float]:
        """The bounds [s] of the bucket that holds quantile `q`; NaN twice where nothing was recorded."""
        if self.total == 0:
            return (float("nan"), float("nan"))
        rank = q * (self.total - 1)
        bucket = min(int(np.searchsorted(np.cumsum(self.count), rank, side="right")), self.index.size - 1)
        low, high = bucket_bounds(self.index[bucket])
        return float(low * _NS), float(high * _NS)

    def mean(self) -> float:
        """Mean [s] of the bucket middles, within 0.05 % of the true mean; NaN where nothing was recorded."""
        total = self.total
        return float((self.values_s() * self.count).sum() / total) if total else float("nan")

    def minimum(self) -> float:
        """Lower bound [s] of the first bucket; NaN where nothing was recorded."""
        return float(bucket_bounds(self.index[0])[0] * _NS) if self.index.size else float("nan")

    def maximum(self) -> float:
        """Upper bound [s] of the last bucket; NaN where nothing was recorded."""
        return float((bucket_bounds(self.index[-1])[1] - 1) * _NS) if self.index.size else float("nan")

    def share_above(self, seconds: float) -> float:
        """Share of values in buckets wholly above `seconds`; NaN where nothing was recorded."""
        if not self.total:
            return float("nan")
        low = bucket_bounds(self.index)[0]
        return float(self.count[low * _NS > seconds].sum() / self.total)

    def to_hdr_v2(self) -> str:
        """The compressed V2 form of HdrHistogram in base64, for other tools."""
        dense = np.zeros(int(self.index[-1]) + 1 if self.index.size else 0, dtype=np.int64)
        dense[self.index] = self.count
        payload = bytearray()
        zeros = 0
        for value in dense.tolist():
            if value == 0:
                zeros += 1
                continue
            if zeros:
                payload += _zigzag(-zeros)
                zeros = 0
            payload += _zigzag(value)
        head = struct.pack(_V2_HEAD, _V2_COOKIE, len(payload), 0, 3, 1, int(HIGHEST_S / _NS), 1.0)
        packed = zlib.compress(head + bytes(payload))
        return base64.b64encode(struct.pack(">ii", _V2_COMPRESSED_COOKIE, len(packed)) + packed).decode()


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """Exact sum of any number of histograms."""
    parts = [h for h in histograms if h.index.size]
    if not parts:
        return EMPTY
    index = np.concatenate([h.index for h in parts])
    count = np.concatenate([h.count for h in parts])
    unique, inverse = np.unique(index, return_inverse=True)
    summed = np.zeros(unique.size, dtype=np.int64)
    np.add.at(summed, inverse, count)
    return Histogram(unique, summed)


def _zigzag(value: int) -> bytes:
    """ZigZag LEB128 of a 64-bit integer, as HdrHistogram's V2 encoding has it (at most nine bytes)."""
    number = (value << 1) ^ (value >> 63)
    out = bytearray()
    while number >= 0x80 and len(out) < 8:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _zigzags(payload: bytes) -> Iterator[int]:
    """The integers of a run of ZigZag LEB128. Raises ValueError where the last one is cut off."""
    number = shift = 0
    for byte in payload:
        last = shift == 56  # the ninth byte holds eight bits
        number |= (byte if last else byte & 0x7F) << shift
        if byte < 0x80 or last:
            yield (number >> 1) ^ -(number & 1)
            number = shift = 0
        else:
            shift += 7
    if shift:
        raise ValueError("an HdrHistogram that breaks off inside a count")


EMPTY = Histogram(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
"""The histogram of nothing."""

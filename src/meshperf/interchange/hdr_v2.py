"""HdrHistogram's V2 encoding in any layout: what other writers' logs hold.

`histograms.Histogram` reads its own layout only, because only that adds exactly. Here every layout is read, and the
result is plain buckets in the histogram's own unit.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
import zlib
from dataclasses import dataclass

__all__ = ["HdrBuckets", "decode_hdr_v2"]

_HEAD = struct.Struct(">iiiiqqd")
_COOKIES = {0x1C849304 & ~0xF0: "compressed V2", 0x1C849303 & ~0xF0: "V2"}
_OLDER = frozenset({0x1C849301 & ~0xF0, 0x1C849302 & ~0xF0, 0x1C849308 & ~0xF0, 0x1C849309 & ~0xF0})
_MOST_BYTES = 64 * 2**20
"""Of an unpacked histogram; five digits over the whole range stay below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HdrBuckets:
    """Counts by bucket: first value, first value above, count; in the unit of the histogram."""

    buckets: tuple[tuple[int, int, int], ...]
    digits: int
    lowest: int

    @property
    def total(self) -> int:
        return sum(count for _, _, count in self.buckets)

    @property
    def largest(self) -> int:
        """The largest value that the last bucket may hold; 0 for none."""
        return self.buckets[-1][1] - 1 if self.buckets else 0


def decode_hdr_v2(text: str) -> HdrBuckets:
    """Decode base64 of a compressed or plain V2 histogram.

    Raises:
        ValueError: it is none, is cut off, or holds counts that cannot be.
    """
    try:
        data = base64.b64decode(text, validate=True)
        cookie = struct.unpack_from(">i", data)[0] & ~0xF0
        if _COOKIES.get(cookie) == "compressed V2":
            unpacking = zlib.decompressobj()
            data = unpacking.decompress(data[8:], _MOST_BYTES)
            if not unpacking.eof:
                raise ValueError("the histogram is cut off or too large")
            cookie = struct.unpack_from(">i", data)[0] & ~0xF0
        if cookie in _OLDER:
            raise ValueError("the histogram is in an older encoding than V2")
        if _COOKIES.get(cookie) != "V2":
            raise ValueError("not an HdrHistogram in the V2 encoding")
        _, size, offset, digits, lowest, _, ratio = _HEAD.unpack_from(data)
    except (binascii.Error, struct.error, zlib.error) as broken:
        raise ValueError(f"not an HdrHistogram in the V2 encoding: {broken}") from None
    payload = data[_HEAD.size :]
    if size != len(payload) or not 0 <= digits <= 5 or not 1 <= lowest <= 2**60 or offset != 0 or ratio != 1.0:
        raise ValueError("the head of the histogram contradicts its content")
    return HdrBuckets(buckets=_buckets(payload, digits, lowest), digits=digits, lowest=lowest)


def _buckets(payload: bytes, digits: int, lowest: int) -> tuple[tuple[int, int, int], ...]:
    magnitude = math.ceil(math.log2(2 * 10**digits)) if digits else 1
    half = 1 << (magnitude - 1)
    unit = lowest.bit_length() - 1
    found = []
    position = 0
    for value in _zigzags(payload):
        if value < 0:
            position -= value
        else:
            if value:
                bucket = max((position >> (magnitude - 1)) - 1, 0)
                low = (position - bucket * half) << (bucket + unit)
                found.append((low, low + (1 << (bucket + unit)), value))
            position += 1
        if position > half * 70:
            raise ValueError("the histogram has more counters than its layout")
    return tuple(found)


def _zigzags(payload: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in payload:
        last = shift == 56  # the ninth byte holds eight bits
        number |= (byte if last else byte & 0x7F) << shift
        if byte < 0x80 or last:
            numbers.append((number >> 1) ^ -(number & 1))
            number = shift = 0
        else:
            shift += 7
    if shift:
        raise ValueError("the histogram breaks off inside a count")
    return numbers

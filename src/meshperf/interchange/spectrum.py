"""The percentile spectrum that HdrHistogram prints: value, share of requests up to it, count up to it.

Every value is the largest that the histogram cannot tell from the recorded one, so what lies between two rows lies
above the first value and not above the second: the spectrum is a list of buckets with exact counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.interchange.quantiles import hdr_bounds
from meshperf.interchange.text import Line
from meshperf.spec.imported import Bucket

__all__ = ["Spectrum", "read_spectrum"]

_ROW = re.compile(r"\s*([0-9]{1,12})\.([0-9]{1,6})\s+([01]\.[0-9]{1,15})\s+([0-9]{1,18})\s+(?:[0-9.]{1,30}|inf)\s*")
_FOOT = re.compile(r"#\[(\w[\w ]*?)\s*=\s*([0-9.]+),\s*(\w[\w ]*?)\s*=\s*([0-9.]+)\]")
_MOST = 1e18


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """Buckets [s], and the moments below the table, in the unit of the table times its scale."""

    buckets: tuple[Bucket, ...]
    total: int
    mean_s: float | None
    stddev_s: float | None
    max_s: float
    digits: int
    """Significant figures of the histogram."""


def read_spectrum(lines: Sequence[Line], *, unit_ns: int) -> Spectrum | None:
    """The first spectrum in the lines; None where there is none.

    Args:
        unit_ns: what 1 in the table stands for; the histogram's own unit is one of the table's last decimal.

    Raises:
        DocumentError: MP2403, its rows do not rise, or its counts do not fit the total.
    """
    rows: list[tuple[Line, int, float, int]] = []
    decimals = 0
    foot: dict[str, float] = {}
    for line in lines:
        found = _ROW.fullmatch(line.text)
        if found is not None:
            decimals = len(found[2])
            rows.append((line, int(found[1] + found[2]), float(found[3]), int(found[4])))
        elif rows and line.text.startswith("#["):
            foot.update(_foot(line))
    if not rows:
        return None
    unit_s = unit_ns * 1e-9 / 10**decimals
    digits = 3 if not foot.get("SubBuckets") else max(1, len(str(int(foot["SubBuckets"]) // 2)) - 1)
    buckets = _buckets(rows, unit_s, min(digits, 5))
    total = rows[-1][3]
    if "Total count" in foot and int(foot["Total count"]) != total:
        raise rows[-1][0].contradicts(f"the spectrum ends at {total} requests of {foot['Total count']:g}")
    mean, stddev = foot.get("Mean"), foot.get("StdDeviation")
    return Spectrum(
        buckets=buckets,
        total=total,
        mean_s=None if mean is None else mean * unit_ns * 1e-9,
        stddev_s=None if stddev is None else stddev * unit_ns * 1e-9,
        max_s=rows[-1][1] * unit_s,
        digits=min(digits, 5),
    )


def _foot(line: Line) -> dict[str, float]:
    found = _FOOT.fullmatch(line.text.strip())
    if found is None:
        return {}
    try:
        figures = {found[1]: float(found[2]), found[3]: float(found[4])}
    except ValueError:
        raise line.broken("a figure below the spectrum is no number") from None
    if max(figures.values()) > _MOST:
        raise line.contradicts("a figure below the spectrum is larger than any result")
    return figures


def _buckets(rows: list[tuple[Line, int, float, int]], unit_s: float, digits: int) -> tuple[Bucket, ...]:
    buckets = []
    low = hdr_bounds(rows[0][1], digits=digits)[0]
    share, counted = 0.0, 0
    for line, value, percentile, count in rows:
        if value + 1 < low or percentile < share or count < counted:
            raise line.contradicts("the rows of the spectrum are out of order")
        if count > counted:
            buckets.append(Bucket(low_s=low * unit_s, high_s=(value + 1) * unit_s, count=count - counted))
            low = value + 1
        share, counted = percentile, count
    return tuple(buckets)

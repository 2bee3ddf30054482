"""Absolute floors: an added amount that counts as none whatever its share, by metric, in the metric's unit.

A margin of 5 % of a response time of 200 us is 10 us, which hardly anybody would act on; a floor says so beforehand.
"""

from __future__ import annotations

from meshperf.units import parse_duration, parse_size

__all__ = ["FLOOR_METRICS", "parse_absolute_floor"]

FLOOR_METRICS = ("p50", "p90", "p99", "mean", "cpu_per_request", "memory")
_LONGEST_S = 60.0
_LARGEST_BYTES = 2**40


def parse_absolute_floor(metric: str, text: str) -> float:
    """Read one floor: `20us` for a time (CPU time per request too), `1MiB` for memory. Seconds, or bytes.

    Args:
        metric: a word of `FLOOR_METRICS`.

    Raises:
        ValueError: it cannot be read, or is not above 0, or beyond 60 s or 1 TiB.
    """
    if metric == "memory":
        if text.strip().replace(".", "", 1).isdigit():
            raise ValueError(f"a floor of memory needs its unit: write `{text.strip()}B` for bytes")
        size = parse_size(text)
        if not 0 < size <= _LARGEST_BYTES:
            raise ValueError(f"a floor of memory must be above 0 and at most 1TiB, found {text}")
        return float(size)
    seconds = parse_duration(text)
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"a floor of a time must be above 0 and at most 60s, found {text}")
    return float(seconds)

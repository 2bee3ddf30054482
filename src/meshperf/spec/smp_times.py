"""Instants in SMP documents: RFC 3339 text, or seconds and nanoseconds, without losing a nanosecond.

Why not `datetime`: it ends at microseconds, and the standard's own samples have nanoseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["instant_of", "instant_text"]

_TEXT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d{2}):(\d{2}))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""Seconds since 1970 of the years 1 and 9999, protobuf's bounds."""


def instant_of(value: Any) -> tuple[int, int] | None:
    """Seconds since 1970 and nanoseconds of a time in either form; None where it is neither."""
    if isinstance(value, dict):
        return _from_numbers(value)
    match = _TEXT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    day, clock, fraction, _, sign, hours, minutes = match.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{clock}+00:00")
    except ValueError:
        return None
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        return None
    east = (int(hours or 0) * 60 + int(minutes or 0)) * 60
    seconds = (local - _EPOCH) // timedelta(seconds=1) - (-east if sign == "-" else east)
    return _within(seconds, int((fraction or "").ljust(9, "0")))


def instant_text(seconds: int, nanos: int) -> str:
    """RFC 3339 in UTC: microseconds, or nanoseconds where there are any."""
    moment = _EPOCH + timedelta(seconds=seconds)
    fraction = f"{nanos:09d}" if nanos % 1000 else f"{nanos // 1000:06d}"
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{fraction}Z"


def _from_numbers(value: dict[Any, Any]) -> tuple[int, int] | None:
    if set(value) - {"seconds", "nanos"} or not value:
        return None
    seconds, nanos = value.get("seconds", 0), value.get("nanos", 0)
    if isinstance(seconds, str) and re.fullmatch(r"-?[0-9]{1,18}", seconds):
        seconds = int(seconds)
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in (seconds, nanos)):
        return None
    return _within(seconds, nanos)


def _within(seconds: int, nanos: int) -> tuple[int, int] | None:
    return (seconds, nanos) if _FIRST <= seconds <= _LAST and 0 <= nanos < 10**9 else None

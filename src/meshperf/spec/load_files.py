"""What a load takes from files beside it: the times of a trace; and the message of a given length.

A trace is text, one time in seconds a line, rising; empty lines and lines that begin with `#` are passed over. Every
problem is told with the line it stands in.
"""

from __future__ import annotations

import math
from pathlib import Path

from meshperf.errors import DocumentError, Location
from meshperf.spec.quantities import LONGEST_S

__all__ = ["DEFAULT_MESSAGE", "MOST_TIMES", "message_of", "read_trace"]

DEFAULT_MESSAGE = 64
"""Bytes of a message of TCP or UDP where nothing is said."""
MOST_TIMES = 10_000_000
"""Longest trace: its times are held in memory, by the engine too."""
_MOST_BYTES = 32 * MOST_TIMES


def message_of(length: int) -> bytes:
    """A message of so many bytes: text, so that it can be read on the wire."""
    return (b"meshperf" * (length // 8 + 1))[:length]


def read_trace(path: Path) -> tuple[float, ...]:
    """The times of a trace [s].

    Raises:
        DocumentError: MP2001, it cannot be read; MP2002, it is no text; MP2103 or MP2104 with its line, a wrong time.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DocumentError("MP2001", f"{path} is too long for a trace", location=Location(path=path))
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DocumentError("MP2002", "the file is not UTF-8 text", location=Location(path=path)) from None
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise DocumentError("MP2001", f"cannot read {path}: {why}", location=Location(path=path)) from None
    times: list[float] = []
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        times.append(_time(written, times[-1] if times else 0.0, Location(path=path, line=number)))
        if len(times) > MOST_TIMES:
            message = f"a trace holds at most {MOST_TIMES:,} times"
            raise DocumentError("MP2103", message, location=Location(path=path, line=number))
    if not times:
        message = "the trace has no times"
        raise DocumentError("MP2102", message, location=Location(path=path), hint="write one time in seconds a line")
    return tuple(times)


def _time(written: str, before: float, place: Location) -> float:
    try:
        time = float(written)
    except ValueError:
        message = f"not a time in seconds: `{written[:40]}`"
        raise DocumentError("MP2104", message, location=place, hint="write one number a line, such as 0.25") from None
    if not math.isfinite(time) or not 0 <= time <= LONGEST_S:
        message = f"a time must be from 0 to {LONGEST_S:.0f} seconds, found {written[:40]}"
        raise DocumentError("MP2103", message, location=place)
    if time < before:
        message = f"the time {time:g} is earlier than the one before it, {before:g}"
        raise DocumentError("MP2103", message, location=place, hint="sort the times: `sort -g FILE`")
    return time

"""Seconds under a name that says milliseconds: the signs of it, and which of them are proof.

Meshery, from which most SMP results come, copies fortio's seconds into `latencies_ms`. A guess would turn a true
result into one a thousand times slower, so signs are only told, and the figures converted where the user asked for it
or where the document proves it: it holds the very histogram the figures were copied from, in seconds.

The sign that needs no knowledge of the tool: a clock of nanoseconds writes seconds with nine decimals, and milliseconds
with six. A minimum of 0.012007082 "ms" would be a fraction of a nanosecond finer than any clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["copied_from", "signs"]

_FASTEST_MEDIAN_MS = 0.03
"""No request and reply through two network stacks has a lower median [ms]."""
_SAME = 1e-9


def signs(latencies: Mapping[str, float], placeholders: bool) -> list[str]:
    """Why the figures, in ms by their name, may be seconds; nothing where none of it shows."""
    found = []
    finest = [latencies[name] for name in ("min", "max") if latencies.get(name)]
    if finest and all(_finer_than_a_clock(value) for value in finest):
        shown = ", ".join(f"{value:.12g}" for value in finest)
        found.append(f"as milliseconds, {shown} are finer than any clock; as seconds, they are whole nanoseconds")
    median = latencies.get("p50")
    if median is not None and 0 < median < _FASTEST_MEDIAN_MS:
        found.append(f"a median of {median * 1e3:.3g} us is faster than two network stacks")
    if placeholders:
        found.append("the ids are those of Meshery's export, which writes seconds")
    return found


def copied_from(latencies: Mapping[str, float], document: Mapping[str, Any]) -> bool:
    """Whether the document holds fortio's histogram whose seconds are the very figures under `latencies_ms`."""
    for histogram in _histograms(document, depth=4):
        pairs = ((histogram.get("Avg"), "average"), (histogram.get("Max"), "max"), (histogram.get("Min"), "min"))
        told = [
            (value, latencies[name]) for value, name in pairs if name in latencies and isinstance(value, int | float)
        ]
        if len(told) >= 2 and all(abs(value - other) <= _SAME + 1e-6 * abs(other) for value, other in told):
            return True
    return False


def _finer_than_a_clock(value: float) -> bool:
    """Not a whole number of nanoseconds as ms, but one as s."""
    as_ms, as_s = value * 1e6, value * 1e9
    return value < 1e3 and abs(as_ms - round(as_ms)) > 1e-4 and abs(as_s - round(as_s)) < 1e-4


def _histograms(data: Any, *, depth: int) -> list[Mapping[str, Any]]:
    if depth < 0:
        return []
    if isinstance(data, dict):
        found = data.get("DurationHistogram")
        mine = [found] if isinstance(found, dict) else []
        return mine + [one for value in data.values() for one in _histograms(value, depth=depth - 1)]
    if isinstance(data, list):
        return [one for value in data[:100] for one in _histograms(value, depth=depth - 1)]
    return []


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1e9

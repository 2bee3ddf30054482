"""Seconds under a name that says milliseconds: a sign and a proof beyond those that `spec` knows of SMP documents.

Meshery, from which most SMP results come, copies fortio's seconds into `latencies_ms`. A guess would turn a true
result into one a thousand times slower, so signs are only told, and the figures converted where the user asked for it
or where the document proves it: it holds the very histogram the figures were copied from, in seconds.

The sign needs no knowledge of the writer: a clock of nanoseconds writes seconds with nine decimals, and milliseconds
with six. A minimum of 0.012007082 "ms" would be a fraction of a nanosecond finer than any clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["copied_from", "finer_than_a_clock"]

_SAME = 1e-9


def finer_than_a_clock(latencies: Mapping[str, float]) -> str | None:
    """What shows that figures, in ms by their name, are seconds of a clock of nanoseconds; None where nothing does."""
    finest = [latencies[name] for name in ("min", "max") if latencies.get(name)]
    if not finest or not all(_finer(value) for value in finest):
        return None
    shown = ", ".join(f"{value:.12g}" for value in finest)
    return f"as milliseconds, {shown} are finer than any clock; as seconds, they are whole nanoseconds"


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


def _finer(value: float) -> bool:
    """Not a whole number of nanoseconds as ms, but one as s."""
    as_ms, as_s = value * 1e6, value * 1e9
    return 0 <= value < 1e3 and abs(as_ms - round(as_ms)) > 1e-4 and abs(as_s - round(as_s)) < 1e-4


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

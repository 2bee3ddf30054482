"""A phase's series as windows with the quantiles that the kinds' statistics read.

A series keeps its response times in buckets 6 % wide. The quantile of a window is read between the middles of the
buckets by rank, so that a small drift shows in how the counts shift, and not only when it crosses a bucket.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from meshperf.histograms import Histogram
from meshperf.load.recording import PhaseRecording, SeriesInterval
from meshperf.spec.kinds import Window

__all__ = ["smooth_quantile", "windows_of"]

_QUANTILES = (("p50_s", 0.5), ("p90_s", 0.9), ("p99_s", 0.99))


def windows_of(phase: PhaseRecording, *, since_s: float, stage: Callable[[float], str]) -> list[Window]:
    """The windows of one phase; none where it was recorded without a series.

    Args:
        since_s: moment of the session that is 0 in the windows.
        stage: the stage that a moment of the phase belongs to, in seconds from its begin.
    """
    if phase.series is None:
        return []
    length_s, whole_s = phase.series.interval_s, phase.end_s - phase.begin_s
    found = []
    for number, interval in enumerate(phase.series.intervals):
        offset_s = number * length_s
        duration_s = min(length_s, whole_s - offset_s)
        if duration_s <= 1e-9 or (duration_s < length_s / 2 and number):
            continue  # a stub at the end has too few requests to be compared with the others
        found.append(
            _window(interval, phase.begin_s - since_s + offset_s, duration_s, stage(offset_s + duration_s / 2))
        )
    return found


def _window(interval: SeriesInterval, begin_s: float, duration_s: float, stage: str) -> Window:
    quantiles = {name: smooth_quantile(interval.response, q) for name, q in _QUANTILES}
    return Window(
        begin_s=begin_s,
        duration_s=duration_s,
        offered=interval.offered,
        ok=interval.ok,
        failed=max(interval.failed, interval.offered - interval.ok),
        highest_s=interval.response.maximum() if interval.response.total else None,
        stage=stage,
        **quantiles,
    )


def smooth_quantile(response: Histogram, q: float) -> float | None:
    """A quantile between the middles of buckets, in seconds; None with less than one reply beyond it."""
    total = response.total
    if total == 0 or total * (1 - q) < 1 - 1e-9:
        return None
    ranks = np.cumsum(response.count) - response.count / 2
    return float(np.exp(np.interp(q * total, ranks, np.log(np.maximum(response.values_s(), 1e-9)))))

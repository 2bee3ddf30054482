"""Response-time curves on an axis of nines: x = log10(1 / (1 - q)), so 90, 99 and 99.9 % are equally far apart.

A quantile is drawn only while at least `REMAIN` requests lie beyond it: past that point a curve shows single requests.
Curves of several runs come from the exact sum of their histograms, never from averaged percentiles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from meshperf.histograms import Histogram, merge
from meshperf.spec.records import RunResult

__all__ = ["MARKS", "REMAIN", "curve", "deepest", "nines", "pooled"]

REMAIN = 10
MARKS = (("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999))


def nines(q: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The place of quantile `q` in [0, 1) on the axis: 0 for the least, 1 for p90, 2 for p99."""
    return np.asarray(-np.log10(1.0 - np.asarray(q, dtype=np.float64)), dtype=np.float64)


def deepest(requests: int) -> float:
    """The last quantile beyond which `REMAIN` requests remain; below 0 when there are not even so many."""
    return 1.0 - REMAIN / requests if requests else -1.0


def curve(histogram: Histogram, *, points: int) -> list[tuple[float, float]]:
    """Up to `points` (nines, seconds), evenly along the axis; empty when fewer than `REMAIN` requests were recorded."""
    end = deepest(histogram.total)
    if end <= 0:
        return []
    x = np.linspace(0.0, float(nines(end)), points)
    y = histogram.quantile(1.0 - 10.0 ** (-x))
    return [(round(float(a), 4), float(b)) for a, b in zip(x, y, strict=True)]


def pooled(runs: Sequence[RunResult]) -> dict[str, Histogram]:
    """Response times of each arm over its valid runs (A/A twins left out), arms in the order of the runs."""
    by_arm: dict[str, list[Histogram]] = {}
    for run in runs:
        if run.twin == 0 and run.validity.ok:
            by_arm.setdefault(run.arm, []).append(run.response)
    return {arm: merge(histograms) for arm, histograms in by_arm.items()}

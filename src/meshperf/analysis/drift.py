"""Whether a response time moved while the load stayed the same.

Why this way: the logarithm of each window's quantile against time, so that the slope is a relative change, and the
change is told over the whole stretch, since nobody thinks in per cent a second. A margin that was set before decides
between steady and drifting; in between the answer is that more time is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshperf.analysis.slopes import slope_of
from meshperf.spec.kinds import Bounded, DriftOutcome, Window

__all__ = ["judge_drift"]

_METHOD = "line through the logarithms of the windows' quantiles, interval over correlated errors"


def judge_drift(
    windows: Sequence[Window], metric: str, *, margin: float, confidence: float = 0.95
) -> DriftOutcome | None:
    """How one quantile moved over a steady stretch.

    Args:
        windows: of the stretch only, in order.
        metric: p50, p90 or p99.
        margin: relative change that counts as none, above 0.
        confidence: of the interval, in (0, 1).

    Returns:
        None where fewer than two windows have the quantile.
    """
    seen = [(w.begin_s + w.duration_s / 2, q) for w in windows if (q := quantile_of(w, metric)) is not None and q > 0]
    if len(seen) < 2:
        return None
    times, values = zip(*seen, strict=True)
    slope = slope_of(times, [math.log(value) for value in values], confidence=confidence)
    whole_s = windows[-1].begin_s + windows[-1].duration_s - windows[0].begin_s

    def change(per_second: float) -> float:
        return math.expm1(max(-50.0, min(50.0, per_second * whole_s)))

    low = None if slope.low is None else change(slope.low)
    high = None if slope.high is None else change(slope.high)
    return DriftOutcome(
        metric=metric,
        level_s=math.exp(slope.level),
        change=Bounded(
            value=change(slope.value), low=low, high=high, confidence=confidence, n=slope.n, unit="1", method=_METHOD
        ),
        margin=margin,
        verdict=_verdict(low, high, margin),
        rule=f"steady: the interval lies within {margin:g} of no change; drifting: wholly outside; else inconclusive",
    )


def quantile_of(window: Window, metric: str) -> float | None:
    """A window's quantile by its name, in seconds."""
    return {"p50": window.p50_s, "p90": window.p90_s, "p99": window.p99_s}[metric]


def _verdict(low: float | None, high: float | None, margin: float) -> str:
    if low is None or high is None:
        return "inconclusive"
    if -margin <= low and high <= margin:
        return "steady"
    return "drifting" if low > margin or high < -margin else "inconclusive"

"""What a surge did, and when it was over.

What it decides: the level before the peak is the median of the windows' quantile. A window is out of the band when its
quantile is above the band, or when the share of its requests that failed is more than 1 % above that before. The
target has recovered at the first window from which on no two windows in a row are out: one noisy window does not put
the recovery off, a relapse does.

Why this way: the band is the wider of what the user allows and what the windows before the peak did by themselves
(their 95th percentile), for a band narrower than the noise would never be reached again.

What it assumes: windows are of requests *due* in them, so a backlog shows in the windows whose requests waited for it.

What it refuses: a recovery time finer than a window, which is its stated uncertainty; "recovered" where the windows
after it are fewer than three; and an answer where the level before is not known.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from meshperf.analysis.drift import quantile_of
from meshperf.spec.kinds import Bounded, ErrorBurst, SpikeOutcome, Window

__all__ = ["LEAST_BEFORE", "judge_spike"]

LEAST_BEFORE = 5
"""Windows before the peak that are needed to know the level."""
LEAST_AFTER = 3
"""Windows in the band that are needed to call it recovered."""
FAILED_MORE = 0.01
"""Share of failed requests above that before the peak."""


def judge_spike(
    windows: Sequence[Window], *, before_rps: float, peak_rps: float, metric: str, band: float
) -> SpikeOutcome:
    """What a spike did.

    Args:
        windows: of equal length, in order, labelled before, peak or after by where they begin.
        before_rps, peak_rps: offered rates.
        metric: quantile of a window that is watched: p50, p90 or p99.
        band: relative distance from the level before that still counts as normal, above 0.
    """
    calm = [window for window in windows if window.stage == "before"]
    surge = [window for window in windows if window.stage == "peak"]
    after = [window for window in windows if window.stage == "after"]
    later = [*surge, *after]
    levels = sorted(q for window in calm if (q := quantile_of(window, metric)) is not None)
    level = statistics.median(levels) if len(levels) >= LEAST_BEFORE else None
    limit = None
    if level is not None:
        limit = max(level * (1 + band), levels[math.ceil(0.95 * len(levels)) - 1])
    failed_before = sum(window.failed for window in calm) / max(1, sum(window.offered for window in calm))
    quantiles = [q for window in later if (q := quantile_of(window, metric)) is not None]
    highest = [window.highest_s for window in later if window.highest_s is not None]
    recovery, verdict = None, "inconclusive"
    if limit is not None and len(after) >= LEAST_AFTER:
        out = [_out(window, metric, limit, failed_before) for window in later]
        recovery, verdict = _recovery(out, surge, after)
    return SpikeOutcome(
        before_rps=before_rps,
        peak_rps=peak_rps,
        metric=metric,
        level_s=level,
        band_s=limit,
        highest_s=max(highest, default=None),
        peak_quantile_s=max(quantiles, default=None),
        errors=_burst(later),
        recovery=recovery,
        verdict=verdict,
        watched_s=math.fsum(window.duration_s for window in after),
        rule=(
            f"recovered at the first window from which on no two in a row have a {metric} above the band or failures "
            f"above those before by {FAILED_MORE:.0%}; the band: the level before + {band:.0%}, or the 95th percentile "
            "of the windows before"
        ),
    )


def _out(window: Window, metric: str, limit: float, failed_before: float) -> bool:
    """Out of the band; a window in which all requests failed has no quantile, and is out by its failures."""
    quantile = quantile_of(window, metric)
    share = window.failed / window.offered if window.offered else 0.0
    return (quantile is not None and quantile > limit) or share > failed_before + FAILED_MORE


def _recovery(out: Sequence[bool], surge: Sequence[Window], after: Sequence[Window]) -> tuple[Bounded | None, str]:
    """The time from the end of the peak, and the verdict. `out` is of the windows of `surge`, then of `after`."""
    pairs = [index for index in range(1, len(out)) if out[index] and out[index - 1]]
    step_s = after[0].duration_s
    if not pairs:
        # A single window out at the begin of the peak may be all that a short backlog shows of itself.
        return _bounded(0.0, 0.0, step_s, len(after)), "recovered" if any(out[: len(surge) + 1]) else "unaffected"
    last = pairs[-1] - len(surge)
    if last < 0:
        return _bounded(0.0, 0.0, step_s, len(after)), "recovered"
    if last > len(after) - 1 - LEAST_AFTER:
        return None, "not recovered"
    begin = after[last].begin_s - after[0].begin_s
    return _bounded(begin + step_s, begin, begin + step_s, len(after)), "recovered"


def _bounded(value: float, low: float, high: float, n: int) -> Bounded:
    return Bounded(
        value=value, low=low, high=high, confidence=1.0, n=n, unit="s",
        method="end of the last window out of the band; its length is the resolution",
    )  # fmt: skip


def _burst(later: Sequence[Window]) -> ErrorBurst:
    failing = [window for window in later if window.failed]
    begin = failing[0].begin_s - later[0].begin_s if failing else None
    return ErrorBurst(
        failed=sum(window.failed for window in later),
        requests=sum(window.offered for window in later),
        begin_s=begin,
        duration_s=failing[-1].begin_s + failing[-1].duration_s - failing[0].begin_s if failing else None,
    )

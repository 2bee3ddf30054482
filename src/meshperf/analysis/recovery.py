"""What a surge did, and when it was over.

What it decides: the level before the peak is the median of the windows' quantile. A window is out of the band when its
quantile is above the band, or when the share of its requests that failed is more than 1 % above that before. The
stretch that is out since the peak ends at the first two windows in a row that are in. Later stretches put the recovery
off if they are relapses: two windows, a quarter of a second, and longer than any stretch out of the band before.

Why this way: the band is the widest of what the user allows, what the windows before the peak did by themselves (their
95th percentile) and 1 ms, for a band narrower than the noise would never be reached again.

What it assumes: windows are of requests *due* in them, so a backlog shows in the windows whose requests waited for it.

What it refuses: a recovery time finer than a window, which is its stated uncertainty; "recovered" where the windows
after it are fewer than three; and an answer where the level before is not known.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from meshperf.analysis.drift import quantile_of
from meshperf.spec.kinds import Bounded, ErrorBurst, SpikeOutcome, Window

__all__ = ["LEAST_BEFORE", "judge_spike"]

LEAST_BEFORE = 5
"""Windows before the peak that are needed to know the level."""
LEAST_AFTER = 3
"""Windows in the band that are needed to call it recovered."""
FLOOR_S = 1e-3
"""What a scheduler does to any process on a core that it shares; nearer to the level than this nothing can be told."""
RELAPSE_S = 0.25
"""A shorter stretch out of the band, after it was back in, is what a scheduler does now and then."""
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
        limit = max(level * (1 + band), levels[math.ceil(0.95 * len(levels)) - 1], level + FLOOR_S)
    failed_before = sum(window.failed for window in calm) / max(1, sum(window.offered for window in calm))
    quantiles = [q for window in later if (q := quantile_of(window, metric)) is not None]
    highest = [window.highest_s for window in later if window.highest_s is not None]
    recovery, verdict = None, "inconclusive"
    if limit is not None and len(after) >= LEAST_AFTER:
        out = [_out(window, metric, limit, failed_before) for window in later]
        noise = _longest(_out(window, metric, limit, failed_before) for window in calm)
        recovery, verdict = _recovery(out, surge, after, relapse=max(2, noise + 1))
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
            f"recovered after the last stretch of windows whose {metric} is above the band, or whose failures are "
            f"above those before by {FAILED_MORE:.0%}; the band: the level before + {band:.0%} and + 1 ms at least, or "
            "the 95th percentile of the windows before; a stretch that begins after two good windows counts from "
            f"{RELAPSE_S:g} s on"
        ),
    )


def _out(window: Window, metric: str, limit: float, failed_before: float) -> bool:
    """Out of the band; a window in which all requests failed has no quantile, and is out by its failures."""
    quantile = quantile_of(window, metric)
    share = window.failed / window.offered if window.offered else 0.0
    return (quantile is not None and quantile > limit) or share > failed_before + FAILED_MORE


def _recovery(
    out: Sequence[bool], surge: Sequence[Window], after: Sequence[Window], *, relapse: int
) -> tuple[Bounded | None, str]:
    """The time from the end of the peak, and the verdict.

    Args:
        out: of the windows of `surge`, then of `after`.
        relapse: windows from which on a later stretch is a relapse, at least 2.
    """
    step_s = after[0].duration_s
    relapse = max(relapse, math.ceil(RELAPSE_S / step_s - 1e-9))
    peak_end = len(surge) - 1

    def counts(begin: int, end: int) -> bool:
        lasting = end > begin or end >= peak_end
        return lasting if begin <= peak_end + 1 else end - begin + 1 >= relapse

    found = [stretch for stretch in _stretches(out) if counts(*stretch)]
    if not found:
        return _bounded(0.0, 0.0, step_s, len(after)), "unaffected"
    last = found[-1][1] - len(surge)
    if last < 0:
        return _bounded(0.0, 0.0, step_s, len(after)), "recovered"
    if last > len(after) - 1 - LEAST_AFTER:
        return None, "not recovered"
    begin = after[last].begin_s - after[0].begin_s
    return _bounded(begin + step_s, begin, begin + step_s, len(after)), "recovered"


def _stretches(out: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last window of every stretch that is out; a single good window does not end one."""
    found: list[tuple[int, int]] = []
    for number in (index for index, one in enumerate(out) if one):
        if found and number - found[-1][1] <= 2:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _longest(out: Iterable[bool]) -> int:
    return max((end - begin + 1 for begin, end in _stretches(list(out))), default=0)


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

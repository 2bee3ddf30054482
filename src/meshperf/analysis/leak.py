"""What grew over a soak, and whether a process leaks.

What it decides: leak, no leak or inconclusive, for the private memory of each watched process, against a slope that
was set before the soak.

Why this way: memory that settles is not a leak, so the first share of the soak is not used, and a process leaks only
if its memory still rises in the last half of what is used. Private memory moves in pages and heaps grow in blocks, so a
slope below 64 KiB over the time of the soak cannot be told from none, and the bounds are at least that wide.

What it assumes: samples were taken while the load was on its plateau: peaks are left out by the caller.

What it refuses: "no leak" from a soak that could not have shown one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from meshperf.analysis.drift import quantile_of
from meshperf.analysis.slopes import Slope, slope_of
from meshperf.spec.kinds import Bounded, SlopeOutcome, UsageSample, Window

__all__ = ["GRAIN_BYTES", "judge_memory", "leak_verdict", "restarts", "slope_of_cpu", "slope_of_quantile"]

GRAIN_BYTES = 65_536.0
"""Sixteen pages: allocators hand out small objects from blocks of about this size."""

_METHOD = "line through the samples, interval over correlated errors"


def judge_memory(
    samples: Sequence[UsageSample], component: str, *, limit: float, confidence: float = 0.95
) -> SlopeOutcome | None:
    """Whether a process leaks.

    Args:
        samples: of any processes; those of `component` with a reading of its memory count.
        limit: slope that counts as a leak, bytes per second, above 0.
        confidence: of the bounds, in (0, 1).

    Returns:
        None where its memory was not read twice.
    """
    seen = [
        (one.t_s, float(one.private_bytes))
        for one in samples
        if one.component == component and one.alive and one.private_bytes is not None
    ]
    if len(seen) < 2:
        return None
    whole = _slope(seen, confidence, GRAIN_BYTES)
    middle_s = (seen[0][0] + seen[-1][0]) / 2
    late = [one for one in seen if one[0] >= middle_s]
    last = _slope(late, confidence, GRAIN_BYTES) if len(late) > 1 else None
    rule = (
        f"leak: the whole slope's lower bound is above {limit:g} B/s and that of its last half is above 0; "
        f"no leak: the upper bound of either is below {limit:g} B/s; else inconclusive"
    )
    return _outcome(
        whole, "private_bytes", component, "B/s", confidence, limit, _memory_verdict(whole, last, limit), rule
    )


def leak_verdict(outcomes: Sequence[SlopeOutcome], watched: Sequence[str]) -> str:
    """One word for all watched processes: leak, no leak, inconclusive, or unwatched."""
    judged = [(one.component, one.verdict) for one in outcomes if one.quantity == "private_bytes"]
    if not watched:
        return "unwatched"
    if any(verdict == "leak" for _, verdict in judged):
        return "leak"
    return "no leak" if all((name, "no leak") in judged for name in watched) else "inconclusive"


def slope_of_cpu(samples: Sequence[UsageSample], component: str, *, confidence: float = 0.95) -> SlopeOutcome | None:
    """How the CPU use of a process rose, in cores per second; None where it was not read twice."""
    seen = [
        (one.t_s, one.cpu_cores)
        for one in samples
        if one.component == component and one.alive and one.cpu_cores is not None
    ]
    if len(seen) < 2:
        return None
    return _outcome(_slope(seen, confidence, 0.0), "cpu_cores", component, "cores/s", confidence)


def slope_of_quantile(windows: Sequence[Window], metric: str, *, confidence: float = 0.95) -> SlopeOutcome | None:
    """How a quantile of the response time rose, in seconds per second; None where fewer than two windows have it."""
    seen = [(w.begin_s + w.duration_s / 2, q) for w in windows if (q := quantile_of(w, metric)) is not None]
    if len(seen) < 2:
        return None
    return _outcome(_slope(seen, confidence, 0.0), f"{metric}_s", "response", "s/s", confidence)


def restarts(samples: Sequence[UsageSample]) -> Mapping[str, int]:
    """How often each process was found gone after it was there."""
    found: dict[str, int] = {}
    alive: dict[str, bool] = {}
    for one in samples:
        found.setdefault(one.component, 0)
        if alive.get(one.component, True) and not one.alive:
            found[one.component] += 1
        alive[one.component] = one.alive
    return found


def _slope(seen: Sequence[tuple[float, float]], confidence: float, grain: float) -> Slope:
    times, values = zip(*seen, strict=True)
    return slope_of(times, values, confidence=confidence, grain=grain)


def _memory_verdict(whole: Slope, last: Slope | None, limit: float) -> str:
    if any(part is not None and part.high is not None and part.high < limit for part in (whole, last)):
        return "no leak"
    rises = whole.low is not None and whole.low > limit
    goes_on = last is not None and last.low is not None and last.low > 0
    return "leak" if rises and goes_on else "inconclusive"


def _outcome(
    slope: Slope,
    quantity: str,
    component: str,
    unit: str,
    confidence: float,
    limit: float | None = None,
    verdict: str = "",
    rule: str = "",
) -> SlopeOutcome:
    return SlopeOutcome(
        quantity=quantity,
        component=component,
        slope=Bounded(
            value=slope.value, low=slope.low, high=slope.high, confidence=confidence, n=slope.n, unit=unit,
            method=_METHOD,
        ),
        level=slope.level,
        detectable=None if math.isnan(slope.detectable) else slope.detectable,
        limit=limit,
        verdict=verdict,
        rule=rule,
    )  # fmt: skip

"""Rules about `resolution`: what it cannot be asked of, told before anything is deployed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from meshperf.errors import DocumentError
from meshperf.spec.document import Document
from meshperf.spec.experiment_load_rules import load_points
from meshperf.spec.quantities import LONGEST_S
from meshperf.spec.resolution import (
    DURATION_SCALES,
    FEWEST_PLANNED_ROUNDS,
    TAIL_METRICS,
    TAIL_REQUESTS,
    allowed_scales,
    certain_requests,
)
from meshperf.units import parse_duration

__all__ = ["resolution_problems"]

_FASTEST_RPS = 1e7
"""What is faster is told by the model."""


def resolution_problems(document: Document, data: Mapping[str, Any]) -> Iterator[DocumentError]:
    """Too few rounds to judge, nothing to be held against the baseline, or a tail that no round can tell."""
    asked = data.get("resolution")
    if not isinstance(asked, dict) or not asked:
        return
    rounds = data.get("rounds")
    if isinstance(rounds, int) and not isinstance(rounds, bool) and 1 <= rounds < FEWEST_PLANNED_ROUNDS:
        message = f"with `resolution`, `rounds` is the most that are made, and fewer than {FEWEST_PLANNED_ROUNDS}"
        yield document.error("MP2107", f"{message} decide nothing", "/rounds", hint="leave `rounds` out", key=True)
    arms = data.get("arms")
    if isinstance(arms, dict) and len(arms) == 1:
        message = "a resolution is that of a candidate against the baseline, and there is no candidate"
        hint = "add an arm; what this machine can tell apart is said by `meshperf doctor --aa`"
        yield document.error("MP2107", message, "/resolution", hint=hint, key=True)
    for metric in TAIL_METRICS:
        if metric in asked:
            yield from _tail_problems(document, data, metric)


def _tail_problems(document: Document, data: Mapping[str, Any], metric: str) -> Iterator[DocumentError]:
    design = data.get("design", "interleaved")
    for pointer, point in load_points(data):
        requests, duration_s = _requests(point), _seconds(point.get("duration"))
        if requests is None or duration_s is None or allowed_scales(requests, design=design, tail=True):
            continue
        longest = max(DURATION_SCALES) if design == "interleaved" else 1.0
        most = f"{longest:g} times its duration" if longest > 1 else "its duration"
        needed_s = math.ceil(duration_s * _needed() / requests / longest)
        message = (
            f"a {metric} takes {TAIL_REQUESTS} counted requests per arm and round, and {most} of this load point "
            f"offers about {requests * longest:.0f}"
        )
        hint = f"write `duration: {needed_s}s` or more there, raise its rate, or leave `{metric}` out of `resolution`"
        yield document.error("MP2107", message, f"{pointer}/duration", hint=hint, key=True)


def _needed() -> int:
    """Fewest expected requests that are certain to be enough."""
    return next(n for n in range(TAIL_REQUESTS, 2 * TAIL_REQUESTS, 50) if certain_requests(n) >= TAIL_REQUESTS)


def _requests(point: Mapping[str, Any]) -> float | None:
    """Expected over the load point's duration; None where the file does not say, or says it wrongly."""
    if point.get("arrivals") == "trace":
        return float(len(point["trace"])) if isinstance(point.get("trace"), list) else None
    rate, end, duration_s = point.get("rate"), point.get("rate_end"), _seconds(point.get("duration"))
    if point.get("arrivals") == "closed" or not _number(rate) or duration_s is None:
        return None
    return (float(rate) + float(end if _number(end) else rate)) / 2 * duration_s


def _number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _FASTEST_RPS


def _seconds(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        seconds = float(parse_duration(value))
    except ValueError:
        return None
    return seconds if 0 < seconds <= LONGEST_S else None

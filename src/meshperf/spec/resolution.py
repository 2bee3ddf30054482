"""What an experiment that is asked for a resolution may choose: how long a round counts, and how many rounds at most.

A resolution is the half-width that the interval of a metric is to have, as a share. How many rounds that takes is
found by a pilot (`experiment.planned`); what is known without one stands here, for the rules of the file and the plan
alike.
"""

from __future__ import annotations

import math

__all__ = [
    "DURATION_SCALES",
    "FEWEST_PLANNED_ROUNDS",
    "MOST_PLANNED_ROUNDS",
    "TAIL_METRICS",
    "TAIL_REQUESTS",
    "allowed_scales",
    "certain_requests",
]

DURATION_SCALES = (0.5, 1.0, 2.0, 4.0)
"""Times the file's `duration` that a round may count: beyond four times the deployment's luck is what is left."""
FEWEST_PLANNED_ROUNDS = 3
MOST_PLANNED_ROUNDS = 60
"""Where the file does not say. Half an hour at half a minute a round; an interval a third narrower would take two."""
TAIL_METRICS = ("p99",)
"""Metrics that a round with too few requests does not tell."""
TAIL_REQUESTS = 10_000
"""Counted requests that such a metric takes per arm and round."""
_SPARE_SD = 4.0


def certain_requests(expected: float) -> float:
    """Requests that a round with so many expected holds in all but one of thirty thousand cases (Poisson arrivals)."""
    return expected - _SPARE_SD * math.sqrt(max(expected, 0.0))


def allowed_scales(requests: float | None, *, design: str, tail: bool) -> tuple[float, ...]:
    """Of `DURATION_SCALES`, those that a round may have.

    Args:
        requests: expected per arm and round over the file's `duration`; None where only the load itself will tell.
        design: `interleaved` or `continuous`: one long stretch does not tell how its noise falls with its length.
        tail: a metric of `TAIL_METRICS` was asked for.
    """
    scales = DURATION_SCALES if design == "interleaved" else (1.0,)
    if not tail or requests is None:
        return scales
    return tuple(scale for scale in scales if certain_requests(requests * scale) >= TAIL_REQUESTS)

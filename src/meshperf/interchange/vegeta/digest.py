"""What a t-digest leaves open: vegeta's percentiles are estimates, and how far they may be off is not in its output.

What it decides: the bounds of a percentile. With vegeta's compression of 100 one centroid spans at most
pi / 100 * sqrt(q (1 - q)) of the ranks, so the truth lies between the percentiles that are so much lower and
higher; the nearest of those that the output has are taken, and the exact minimum and maximum beyond them.
Why this way: the next percentile of the output is a bound whatever the samples are; a share of the value would not be.

Source: T. Dunning, O. Ertl, Computing extremely accurate quantiles using t-digests (scale function k1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshperf.spec.imported import Quantile

__all__ = ["digest_quantiles"]

_COMPRESSION = 100.0


def digest_quantiles(points: Sequence[tuple[float, float]], low_s: float, high_s: float) -> tuple[Quantile, ...]:
    """Quantiles with their bounds.

    Args:
        points: quantile in (0, 1) and its value [s], rising.
        low_s, high_s: minimum and maximum [s].
    """
    found = []
    for q, value in points:
        span = math.pi / _COMPRESSION * math.sqrt(q * (1 - q))
        below = max((other for at, other in points if at <= q - span), default=low_s)
        above = min((other for at, other in points if at >= q + span), default=high_s)
        found.append(Quantile(q=q, value_s=value, low_s=min(below, value), high_s=max(above, value)))
    return tuple(found)

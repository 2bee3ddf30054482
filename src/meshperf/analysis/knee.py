"""Where the curve of response time against rate turns up.

What it decides: the knee is the measured rate at which rate divided by response time is highest. Up to there, more load
buys more than it costs in time; beyond, less. Geometrically: the point whose line from the origin is least steep.

Why this way: the rule needs no threshold and no fitted curve, and does not depend on the units of the axes, as rules
that look for the greatest curvature do. For a queue with random arrivals the knee lies at about half of the capacity;
where response times stay flat until the server is full, it lies there.

What it assumes: every point was measured long enough to be steady. A point beyond capacity has no steady response time,
but a long one, and that is all the rule needs of it.

What it refuses: a knee more exact than the curve: the bracket reaches, on either side, to the nearest point that is at
least 10 % worse. Points at which the generator was not clean are left out.

Source: Kleinrock, "Power and deterministic rules of thumb for probabilistic problems in computer communications",
ICC 1979.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshperf.spec.kinds import KneeOutcome

__all__ = ["CLEARLY", "find_knee"]

CLEARLY = 0.9
"""A point whose rate over response time is below this share of the best is clearly not the knee."""


def find_knee(points: Sequence[tuple[float, float]], *, metric: str) -> KneeOutcome:
    """The knee of a curve.

    Args:
        points: rate [1/s] and response time [s], both above 0, each rate once, in any order.
        metric: which response time it is, for the result.
    """
    curve = sorted(points)
    rule = f"the rate with the highest rate / {metric}; the bracket: the nearest rates at which it is 10 % lower"
    if len(curve) < 3:
        return KneeOutcome(metric=metric, knee_rps=None, low_rps=None, high_rps=None, verdict="inconclusive", rule=rule)
    power = [rate / response for rate, response in curve]
    best = max(range(len(curve)), key=power.__getitem__)
    clearly = [index for index, one in enumerate(power) if one < CLEARLY * power[best]]
    below = [index for index in clearly if index < best]
    above = [index for index in clearly if index > best]
    verdict = "found" if below and above else "beyond" if below else "below" if above else "inconclusive"
    return KneeOutcome(
        metric=metric,
        knee_rps=curve[best][0] if verdict == "found" else None,
        low_rps=curve[below[-1]][0] if below else None,
        high_rps=curve[above[0]][0] if above else None,
        verdict=verdict,
        rule=rule,
    )

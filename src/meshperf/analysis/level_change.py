"""By how much a level changed, when the place of the change was found in the same figures.

What it decides: the ratio of the two levels and its interval: that of Welch at the best place, stretched to hold those
at every other place where the change may begin.

Why this way: figures close to a change may be on either side of it, and those that moved the most were what drew the
cut. Welch's interval at the best place alone knows nothing of that, and holds the size of a change that was barely
found too rarely (90 times in 100 at one and a half deviations between twelve results; 96 when stretched). Where the
place is sure both are the same.

What it assumes: two levels, each with a spread of its own, and nothing else between the neighbouring changes.

What it refuses: a level of fewer than three figures at any of the places that are tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshperf.analysis.changepoints import FEWEST, ChangePoint
from meshperf.analysis.contrast import unpaired_contrast
from meshperf.analysis.records import Estimate
from meshperf.units import Unit

__all__ = ["level_change"]


def level_change(
    logs: Sequence[float], change: ChangePoint, *, begin: int, end: int, confidence: float = 0.95
) -> Estimate:
    """The level after a change by the level before it.

    Args:
        logs: logarithms of the figures, one a result, in order of time.
        change: where the level changed.
        begin, end: place of the first figure of the level before, and of the one that follows the level after.
        confidence: in (0, 1).
    """
    best = unpaired_contrast(logs[begin : change.index], logs[change.index : end])
    places = range(max(change.earliest, begin + FEWEST), min(change.latest, end - FEWEST) + 1)
    every = [unpaired_contrast(logs[begin:place], logs[place:end]).bounds(confidence) for place in places]
    low, high = best.bounds(confidence)
    return Estimate(
        value=math.exp(best.value),
        low=math.exp(min([low, *(bounds[0] for bounds in every)])),
        high=math.exp(max([high, *(bounds[1] for bounds in every)])),
        confidence=confidence,
        n=best.n,
        unit=Unit.RATIO,
        method="ratio of geometric means of two levels, Welch interval on logs over all places of the change",
    )

"""Where a rate lies, from one bracket a round: a knee, or the highest rate that holds the objectives.

What it decides: nothing; it gives bounds.

Why this way: a ladder of load points cannot find a rate, only two neighbouring points between which it lies, anew in
every round. A figure put between the two would pretend to know where. So the lower bound is that of a t interval over
the rounds' lower ends, and the upper bound that of one over their upper ends, on logarithms: wherever the true rates
lay inside their brackets, their mean lies between the mean lower and the mean upper end, so the pair of bounds holds it
at least as often as the interval promises. Where all rounds have the same bracket, that is all there is to be known,
and `basis` says that it is a bracket and no interval.

What it refuses: an end that a round does not have. Where the lowest rate was too high already, or the highest was not
enough, in any round, that side stays open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.intervals import t_bounds

__all__ = ["BRACKET", "INTERVAL", "Bracket", "RateBounds", "rate_bounds"]

BRACKET = "bracket"
INTERVAL = "interval"

Bracket = tuple[float | None, float | None]
"""The two rates between which it lay in one round [1/s]; None: outside of the rates that were tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateBounds:
    """A rate over all rounds [1/s]; None where there is none to be given."""

    low: float | None
    high: float | None
    value: float | None
    """Geometric middle of the brackets, mean over rounds; only where both sides are known."""
    rounds: int
    open_below: int
    """Rounds in which it lay below every rate that was tried."""
    open_above: int
    """Rounds in which it lay above them."""
    basis: str
    """`bracket`: all rounds have the same one (or there is a single round); `interval`: t bounds over rounds."""
    confidence: float


def rate_bounds(brackets: Sequence[Bracket], confidence: float = 0.95) -> RateBounds:
    """Bounds over rounds.

    Args:
        brackets: one a round; rates above 0.
        confidence: of the t intervals, in (0, 1).
    """
    lows = [low for low, _ in brackets if low is not None]
    highs = [high for _, high in brackets if high is not None]
    same = len(set(brackets)) <= 1
    low = _end(lows, len(brackets), confidence, upper=False)
    high = _end(highs, len(brackets), confidence, upper=True)
    value = None
    if low is not None and high is not None:
        value = math.exp(math.fsum(map(math.log, (*lows, *highs))) / (2 * len(brackets)))
    return RateBounds(
        low=low,
        high=high,
        value=value,
        rounds=len(brackets),
        open_below=len(brackets) - len(lows),
        open_above=len(brackets) - len(highs),
        basis=BRACKET if same else INTERVAL,
        confidence=confidence,
    )


def _end(ends: Sequence[float], rounds: int, confidence: float, *, upper: bool) -> float | None:
    """The outer bound of the mean end; None where a round has no such end."""
    if not ends or len(ends) < rounds:
        return None
    if len(set(ends)) == 1:
        return ends[0]
    _, low, high = t_bounds([math.log(end) for end in ends], confidence)
    return math.exp(high if upper else low)

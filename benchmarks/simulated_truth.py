"""An interval that the product gave in a simulated experiment, and the truth that it should hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmarks.simulated_documents import Noise

__all__ = ["Case", "Known", "typical_sum"]

_DRAWN = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One interval. Bounds that are NaN hold nothing."""

    what: str
    low: float
    high: float
    truth: float
    confidence: float = 0.95
    """Asked for."""
    scale: float | None = None
    """Width is told as a share of this; None: of the truth."""
    typical: float | None = None
    """The truth of the typical round, where bad runs may be all on one side: of one arm by itself, and of amounts."""

    @property
    def holds(self) -> bool:
        return self.low <= self.truth <= self.high

    @property
    def holds_typical(self) -> bool:
        return self.typical is not None and self.low <= self.typical <= self.high

    @property
    def width(self) -> float:
        of = abs(self.truth if self.scale is None else self.scale)
        return (self.high - self.low) / of if of > 0 else math.nan


@lru_cache(maxsize=256)
def typical_sum(noise: Noise, *weights: float) -> float:
    """The median of a sum of runs' figures, each with its weight and with noise of its own: what a typical round adds.

    Drawn, to a hundredth of the noise or so; without bad runs it is the sum of the weights, nearly.
    """
    rng = np.random.default_rng(0)
    total = np.zeros(_DRAWN)
    for weight in weights:
        total += weight * np.exp(noise.draw(rng, _DRAWN))
    return float(np.median(total))


Case = Callable[[np.random.Generator, Noise, int], Iterator[Known]]
"""One simulated experiment with so many rounds: every interval in it."""

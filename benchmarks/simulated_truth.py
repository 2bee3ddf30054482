"""An interval that the product gave in a simulated experiment, and the truth that it should hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.simulated_documents import Noise

__all__ = ["Case", "Known"]


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
    """The truth of the typical round, where the figure is of one arm by itself and rounds to come may be bad ones."""

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


Case = Callable[[np.random.Generator, Noise, int], Iterator[Known]]
"""One simulated experiment with so many rounds: every interval in it."""

"""One metric of two sets of runs that share no rounds: two bundles, stored results, files of other tools.

What it decides: the ratio of the two and its interval (Welch, on logarithms), read as a series of paired rounds is, so
that one rule gives the verdict on both.

Why this way: what was not measured side by side has nothing to cancel; the spread of both sets counts in full, and each
may have its own.

What it assumes: that nothing but the subject moved between the two sessions. That is for `comparability` to say, which
caps such a comparison at indicative unless each side has a baseline of its own.

What it refuses: bounds from a single run on either side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from meshperf.analysis.contrast import Contrast, unpaired_contrast
from meshperf.analysis.figures import UNITS
from meshperf.analysis.rank_sum import rank_sum_bounds
from meshperf.analysis.readings import Reading, log_reach
from meshperf.analysis.records import Estimate, RoundFigure
from meshperf.analysis.series import unbounded
from meshperf.units import Unit

__all__ = ["UnpairedSeries", "unpaired_series"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpairedSeries:
    """A metric of two sets. All readings are above 0."""

    metric: str
    baseline: tuple[Reading, ...]
    candidate: tuple[Reading, ...]
    pooled: tuple[float, float] | None = None
    """Baseline and candidate quantile of all runs merged, where runs hold too few requests to be judged one by one."""
    centred: bool = False
    rounds: tuple[RoundFigure, ...] = ()
    within: Estimate | None = None
    within_sd: float | None = None

    @property
    def unit(self) -> Unit:
        return UNITS[self.metric]

    @property
    def count(self) -> int:
        """Runs in the smaller set."""
        return min(len(self.baseline), len(self.candidate))

    @property
    def spread(self) -> float:
        """Standard deviation that one pair of runs would have, on the log scale; NaN for fewer than two a side."""
        return self.contrast().error * math.sqrt(self.count) if self.count else math.nan

    def contrast(self) -> Contrast:
        """Log ratio."""
        down, up = self._reach()
        return unpaired_contrast(_logs(self.baseline), _logs(self.candidate), down=down, up=up)

    def amount_contrast(self) -> Contrast:
        """Candidate minus baseline, in the metric's unit."""
        return unpaired_contrast(
            [one.value for one in self.baseline],
            [one.value for one in self.candidate],
            down=_mean(one.value - one.low for one in self.candidate)
            + _mean(one.high - one.value for one in self.baseline),
            up=_mean(one.high - one.value for one in self.candidate)
            + _mean(one.value - one.low for one in self.baseline),
        )

    def companion(self, confidence: float) -> tuple[float, float, float, float] | None:
        """Hodges-Lehmann on logs: centre, bounds, confidence reached."""
        found = rank_sum_bounds(_logs(self.baseline), _logs(self.candidate), confidence)
        down, up = self._reach()
        return None if found is None else (found[0], found[1] - down, found[2] + up, found[3])

    def amount_companion(self, confidence: float) -> tuple[float, float, float, float] | None:
        """The same of the amount."""
        found = rank_sum_bounds([one.value for one in self.baseline], [one.value for one in self.candidate], confidence)
        amount = self.amount_contrast()
        return None if found is None else (found[0], found[1] - amount.down, found[2] + amount.up, found[3])

    def uncentred_contrast(self) -> Contrast:
        """The contrast: nothing was centred."""
        return self.contrast()

    def uncentred_amount(self) -> Contrast:
        return self.amount_contrast()

    def ratio(self, confidence: float = 0.95) -> Estimate:
        """The published ratio of geometric means; for a pooled metric the value alone."""
        if self.pooled is not None:
            return unbounded(self.pooled[1] / self.pooled[0], self.count, Unit.RATIO, confidence)
        contrast = self.contrast()
        low, high = contrast.bounds(confidence)
        return Estimate(
            value=math.exp(contrast.value),
            low=math.exp(low),
            high=math.exp(high),
            confidence=confidence,
            n=contrast.n,
            unit=Unit.RATIO,
            method="ratio of geometric means, Welch interval on logs, not paired" + _widened(contrast),
        )

    def amount(self, confidence: float = 0.95) -> Estimate:
        """Candidate minus baseline."""
        if self.pooled is not None:
            return unbounded(self.pooled[1] - self.pooled[0], self.count, self.unit, confidence)
        contrast = self.amount_contrast()
        low, high = contrast.bounds(confidence)
        return Estimate(
            value=contrast.value,
            low=low,
            high=high,
            confidence=confidence,
            n=contrast.n,
            unit=self.unit,
            method="difference of means, Welch interval, not paired" + _widened(contrast),
        )

    def _reach(self) -> tuple[float, float]:
        a, b = [log_reach(one) for one in self.baseline], [log_reach(one) for one in self.candidate]
        down = _mean(one[0] for one in b) + _mean(one[1] for one in a)
        return down, _mean(one[1] for one in b) + _mean(one[0] for one in a)


def unpaired_series(
    metric: str,
    baseline: Sequence[Reading],
    candidate: Sequence[Reading],
    *,
    pooled: tuple[float, float] | None = None,
) -> UnpairedSeries:
    """The readings that are known of two sets. `pooled`: see the field."""
    return UnpairedSeries(
        metric=metric,
        baseline=tuple(one for one in baseline if one.known),
        candidate=tuple(one for one in candidate if one.known),
        pooled=pooled,
    )


def _logs(readings: Sequence[Reading]) -> list[float]:
    return [math.log(one.value) for one in readings]


def _mean(values: Iterable[float]) -> float:
    found = np.fromiter(values, dtype=np.float64)
    return float(found.mean()) if found.size else math.nan


def _widened(contrast: Contrast) -> str:
    return ", widened by the buckets the figures were read from" if contrast.down or contrast.up else ""

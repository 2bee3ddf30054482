"""One metric of two sets that share no rounds: two bundles, stored results, files of other tools.

What it decides: the ratio of the two and its interval (Welch, on logarithms), read as a series of paired rounds is, so
that one rule gives the verdict on both. What one value of a set is, its maker says: a run's figure, or what a candidate
costs over its own baseline in one round (`ratio_of_ratios`).

Why this way: what was not measured side by side has nothing to cancel; the spread of both sets counts in full, and each
may have its own.

What it assumes: that nothing but the subject moved between the two sessions. That is for `comparability` to say, which
caps such a comparison at indicative unless each side has a baseline of its own.

What it refuses: bounds from a single value on either side.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.contrast import Contrast, unpaired_contrast
from meshperf.analysis.figures import UNITS
from meshperf.analysis.rank_sum import rank_sum_bounds
from meshperf.analysis.readings import Reading, log_reach
from meshperf.analysis.records import Estimate, RoundFigure
from meshperf.analysis.series import WIDENED, unbounded
from meshperf.units import Unit

__all__ = ["UnpairedSeries", "ValueSet", "unpaired_series"]

Bounds = tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSet:
    """One side: a value for every run or round that counts, as a logarithm and as an amount in the metric's unit.

    `reach` and `amount_reach` say how far below and above the mean of either the truth may lie, because another tool
    resolved no better.
    """

    logs: tuple[float, ...]
    amounts: tuple[float, ...]
    reach: tuple[float, float] = (0.0, 0.0)
    amount_reach: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpairedSeries:
    """A metric of two sets."""

    metric: str
    baseline: ValueSet
    candidate: ValueSet
    method: str
    """What the ratio is one of, in words; `amount_method` likewise."""
    amount_method: str
    pooled: tuple[float, float] | None = None
    """Baseline and candidate figure of all runs merged, where runs hold too few requests to be judged one by one."""
    pooled_amount: float = math.nan
    """Their difference; NaN where it means nothing."""
    centred: bool = False
    rounds: tuple[RoundFigure, ...] = ()
    within: Estimate | None = None
    within_sd: float | None = None

    @property
    def unit(self) -> Unit:
        return UNITS[self.metric]

    @property
    def count(self) -> int:
        """Values in the smaller set."""
        return min(len(self.baseline.logs), len(self.candidate.logs))

    @property
    def spread(self) -> float:
        """Standard deviation that one pair of values would have, on the log scale; NaN for fewer than two a side."""
        return self.contrast().error * math.sqrt(self.count) if self.count else math.nan

    def contrast(self) -> Contrast:
        """Log ratio."""
        return _contrast(self.baseline.logs, self.candidate.logs, self.baseline.reach, self.candidate.reach)

    def amount_contrast(self) -> Contrast:
        """Candidate minus baseline, in the metric's unit."""
        first, second = self.baseline, self.candidate
        return _contrast(first.amounts, second.amounts, first.amount_reach, second.amount_reach)

    def companion(self, confidence: float) -> Bounds:
        """Hodges-Lehmann on logs: centre, bounds, confidence reached."""
        return _ranks(self.baseline.logs, self.candidate.logs, self.contrast(), confidence)

    def amount_companion(self, confidence: float) -> Bounds:
        """The same of the amount."""
        return _ranks(self.baseline.amounts, self.candidate.amounts, self.amount_contrast(), confidence)

    def uncentred_contrast(self) -> Contrast:
        """The contrast: nothing was centred."""
        return self.contrast()

    def uncentred_amount(self) -> Contrast:
        return self.amount_contrast()

    def ratio(self, confidence: float = 0.95) -> Estimate:
        """The published ratio; for a pooled metric the value alone."""
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
            method=self.method + _widened(contrast),
        )

    def amount(self, confidence: float = 0.95) -> Estimate:
        """Candidate minus baseline."""
        if self.pooled is not None:
            return unbounded(self.pooled_amount, self.count, self.unit, confidence)
        contrast = self.amount_contrast()
        low, high = contrast.bounds(confidence)
        return Estimate(
            value=contrast.value,
            low=low,
            high=high,
            confidence=confidence,
            n=contrast.n,
            unit=self.unit,
            method=self.amount_method + _widened(contrast),
        )


def unpaired_series(
    metric: str,
    baseline: Sequence[Reading],
    candidate: Sequence[Reading],
    *,
    pooled: tuple[float, float] | None = None,
) -> UnpairedSeries:
    """The readings that are known of two sets of runs. `pooled`: see the field."""
    return UnpairedSeries(
        metric=metric,
        baseline=_values(baseline),
        candidate=_values(candidate),
        method="ratio of geometric means, Welch interval on logs, not paired",
        amount_method="difference of means, Welch interval, not paired",
        pooled=pooled,
        pooled_amount=math.nan if pooled is None else pooled[1] - pooled[0],
    )


def _values(readings: Sequence[Reading]) -> ValueSet:
    known = [one for one in readings if one.known]
    if not known:
        return ValueSet(logs=(), amounts=())
    downs, ups = zip(*(log_reach(one) for one in known), strict=True)
    return ValueSet(
        logs=tuple(math.log(one.value) for one in known),
        amounts=tuple(one.value for one in known),
        reach=(statistics.fmean(downs), statistics.fmean(ups)),
        amount_reach=(
            statistics.fmean(one.value - one.low for one in known),
            statistics.fmean(one.high - one.value for one in known),
        ),
    )


def _contrast(
    first: Sequence[float],
    second: Sequence[float],
    first_reach: tuple[float, float],
    second_reach: tuple[float, float],
) -> Contrast:
    """The truth lies lower where the second was read too high, or the first too low."""
    down, up = second_reach[0] + first_reach[1], second_reach[1] + first_reach[0]
    return unpaired_contrast(first, second, down=down, up=up)


def _ranks(first: Sequence[float], second: Sequence[float], contrast: Contrast, confidence: float) -> Bounds:
    found = rank_sum_bounds(first, second, confidence)
    return None if found is None else (found[0], found[1] - contrast.down, found[2] + contrast.up, found[3])


def _widened(contrast: Contrast) -> str:
    return WIDENED if contrast.down or contrast.up else ""

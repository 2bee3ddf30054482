"""Two candidates that never met, each through the baseline of its own: a ratio of ratios.

What it decides: the candidate's cost in one session (or group) over the candidate's in another, as ratio of the two
ratios to the own baseline, with Welch's interval on the rounds' log ratios; and what it adds there less what it adds
here, which is the difference of the two added amounts.

Why this way: whatever the machine did to a whole session it did to the baseline too, so it cancels. What is left is the
scatter of both sets of rounds, and it counts in full.

What it assumes: that a machine that is slower makes candidate and baseline slower by the same factor.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.contrast import Contrast, unpaired_contrast
from meshperf.analysis.rank_sum import rank_sum_bounds
from meshperf.analysis.records import Estimate
from meshperf.analysis.series import PairedRounds, Series, series_of, unbounded
from meshperf.analysis.unpaired import UnpairedSeries
from meshperf.units import Unit

__all__ = ["METHOD", "RatioOfRatios", "ratios_of_ratios"]

METHOD = "ratio of ratios"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioOfRatios(UnpairedSeries):
    """A metric of two candidates, each over its own baseline by rounds."""

    first: Series
    second: Series

    @property
    def count(self) -> int:
        """Rounds of the one that has fewer."""
        return min(self.first.count, self.second.count)

    def contrast(self) -> Contrast:
        """Log of the second's ratio less that of the first's."""
        down, up = _reach(self.first.reach, self.second.reach)
        return unpaired_contrast(self.first.log_ratios, self.second.log_ratios, down=down, up=up)

    def amount_contrast(self) -> Contrast:
        """What the second adds to its baseline less what the first adds to its own, in the metric's unit."""
        down, up = _reach(self.first.amount_reach, self.second.amount_reach)
        return unpaired_contrast(self.first.added, self.second.added, down=down, up=up)

    def companion(self, confidence: float) -> tuple[float, float, float, float] | None:
        """Hodges-Lehmann on logs: centre, bounds, confidence reached."""
        return _ranks(self.first.log_ratios, self.second.log_ratios, self.contrast(), confidence)

    def amount_companion(self, confidence: float) -> tuple[float, float, float, float] | None:
        """The same of the amount."""
        return _ranks(self.first.added, self.second.added, self.amount_contrast(), confidence)

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
            method=f"{METHOD}, each through its own baseline, Welch interval on logs",
        )

    def amount(self, confidence: float = 0.95) -> Estimate:
        """Difference of the added amounts."""
        if self.pooled is not None:
            return unbounded(math.nan, self.count, self.unit, confidence)
        contrast = self.amount_contrast()
        low, high = contrast.bounds(confidence)
        return Estimate(
            value=contrast.value,
            low=low,
            high=high,
            confidence=confidence,
            n=contrast.n,
            unit=self.unit,
            method="difference of what each adds to its own baseline, Welch interval",
        )


def ratios_of_ratios(first: PairedRounds, second: PairedRounds, metrics: Sequence[str]) -> dict[str, UnpairedSeries]:
    """By metric, from the rounds of each candidate with its own baseline."""
    return {metric: _one(metric, series_of(first, metric), series_of(second, metric)) for metric in metrics}


def _one(metric: str, first: Series, second: Series) -> RatioOfRatios:
    return RatioOfRatios(
        metric=metric,
        baseline=(),
        candidate=(),
        pooled=(_pooled(first), _pooled(second)) if first.pooled or second.pooled else None,
        first=first,
        second=second,
    )


def _pooled(series: Series) -> float:
    """The ratio that stands beside a pooled one: of the merged rounds, or of the rounds' mean."""
    if series.pooled is not None:
        return series.pooled[1] / series.pooled[0]
    return math.exp(statistics.fmean(series.log_ratios)) if series.log_ratios else math.nan


def _ranks(
    first: Sequence[float], second: Sequence[float], contrast: Contrast, confidence: float
) -> tuple[float, float, float, float] | None:
    found = rank_sum_bounds(first, second, confidence)
    return None if found is None else (found[0], found[1] - contrast.down, found[2] + contrast.up, found[3])


def _reach(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    """How far below and above the truth may lie: the second read too high, or the first too low."""
    return second[0] + first[1], second[1] + first[0]

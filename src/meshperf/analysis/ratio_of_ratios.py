"""Two candidates that never met, each through the baseline of its own: a ratio of ratios.

What it decides: what stands for one round of either side: the logarithm of the candidate's ratio to its own baseline,
and what it adds to that. The ratio is then the candidate's cost in one session (or group) over the candidate's in
another, and the amount what it adds there less what it adds here, both with Welch's interval (`unpaired`).

Why this way: whatever the machine did to a whole session it did to the baseline too, so it cancels. What is left is the
scatter of both sets of rounds, and it counts in full.

What it assumes: that a machine that is slower makes candidate and baseline slower by the same factor.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from meshperf.analysis.series import PairedRounds, Series, series_of
from meshperf.analysis.unpaired import UnpairedSeries, ValueSet

__all__ = ["METHOD", "ratios_of_ratios"]

METHOD = "ratio of ratios"


def ratios_of_ratios(first: PairedRounds, second: PairedRounds, metrics: Sequence[str]) -> dict[str, UnpairedSeries]:
    """By metric, from the rounds of each candidate with its own baseline."""
    return {metric: _one(metric, series_of(first, metric), series_of(second, metric)) for metric in metrics}


def _one(metric: str, first: Series, second: Series) -> UnpairedSeries:
    return UnpairedSeries(
        metric=metric,
        baseline=_over_baseline(first),
        candidate=_over_baseline(second),
        method=f"{METHOD}, each through its own baseline, Welch interval on logs",
        amount_method="difference of what each adds to its own baseline, Welch interval",
        pooled=(_pooled(first), _pooled(second)) if first.pooled or second.pooled else None,
    )


def _over_baseline(series: Series) -> ValueSet:
    return ValueSet(logs=series.log_ratios, amounts=series.added, reach=series.reach, amount_reach=series.amount_reach)


def _pooled(series: Series) -> float:
    """The ratio that stands beside a pooled one: of the merged rounds, or of the rounds' mean."""
    if series.pooled is not None:
        return series.pooled[1] / series.pooled[0]
    return math.exp(statistics.fmean(series.log_ratios)) if series.log_ratios else math.nan

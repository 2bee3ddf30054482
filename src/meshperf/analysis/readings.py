"""A figure of one run together with how well its source resolved it.

What it decides: between which bounds the truth of a figure lies. Our own histograms are fine enough (0.1 %) to be left
to the rule on buckets in `verdicts`; another tool's quantile lies anywhere in the bucket it was read from.

What it refuses: to relabel. A quantile that the tool did not give with bounds, while it gave others with them, has no
known resolution and is no figure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from meshperf.analysis.figures import QUANTILES, figure
from meshperf.spec.imported import Imported
from meshperf.spec.records import RunResult

__all__ = ["Reading", "imported_reading", "log_reach", "reading"]

_SAME_Q = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A figure above 0 in its unit, and the bounds between which the true one lies; equal bounds: exact."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        return math.isfinite(self.value) and self.value > 0


def reading(run: RunResult, metric: str) -> Reading:
    """One metric of one run with its bounds; NaN where it was not measured."""
    bounds = run.generator.bounds
    if metric in QUANTILES and bounds:
        return _at(QUANTILES[metric], ((one.q, one.value_s, one.low_s, one.high_s) for one in bounds))
    value = figure(run, metric)
    return Reading(value=value, low=value, high=value)


def imported_reading(imported: Imported, metric: str) -> Reading:
    """The same of a file of another tool: response-time quantiles only."""
    if metric not in QUANTILES:
        return _UNKNOWN
    return _at(QUANTILES[metric], ((one.q, one.value_s, one.low_s, one.high_s) for one in imported.quantiles))


def log_reach(one: Reading) -> tuple[float, float]:
    """How far below and above the logarithm of the value that of the truth may lie; infinite for a bound of 0."""
    down = math.inf if one.low <= 0 else max(math.log(one.value / one.low), 0.0)
    up = max(math.log(one.high / one.value), 0.0) if math.isfinite(one.high) else math.inf
    return down, up


_UNKNOWN = Reading(value=math.nan, low=math.nan, high=math.nan)


def _at(wanted: float, quantiles: Iterable[tuple[float, float, float, float]]) -> Reading:
    for q, value, low, high in quantiles:
        if abs(q - wanted) <= _SAME_Q:
            return Reading(value=value, low=low, high=high)
    return _UNKNOWN

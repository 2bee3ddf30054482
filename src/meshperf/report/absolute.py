"""A metric's absolute figures: what stands in the baseline and the candidate column beside a ratio."""

from __future__ import annotations

import math

from meshperf.analysis.records import Comparison, MetricComparison

__all__ = ["absolute"]


def absolute(metric: MetricComparison, comparison: Comparison) -> tuple[float, float]:
    """Baseline and candidate value of a metric: geometric means over rounds, so that they agree with the ratio."""
    counted = [r for r in metric.rounds if r.excluded is None and r.baseline > 0 and r.candidate > 0]
    if counted and not metric.pooled:
        return _geometric_mean([r.baseline for r in counted]), _geometric_mean([r.candidate for r in counted])
    return _summary_value(metric, metric.against, comparison), _summary_value(metric, metric.arm, comparison)


def _geometric_mean(values: list[float]) -> float:
    return math.exp(math.fsum(math.log(v) for v in values) / len(values))


def _summary_value(metric: MetricComparison, resident: str, comparison: Comparison) -> float:
    arm = next((a for a in comparison.arms if a.resident == resident), None)
    if arm is None:
        return math.nan
    if metric.pooled and metric.metric in arm.pooled_quantiles_s:
        return arm.pooled_quantiles_s[metric.metric]
    figure = arm.figures.get(metric.metric)
    return figure.value if figure else math.nan

"""A prediction held against what was measured after it.

What it decides: whether prediction and measurement agree: the interval of their difference contains zero.

Why this way: the prices and the graph were measured in different sessions, so their errors are independent of each
other and Welch's interval is that of their difference. Nothing is adjusted; the difference keeps its sign.

What it refuses: a measurement that began before the prediction was made, attempts that were excluded included; another
graph; arms that may not be compared. Under other conditions than the prices' it tells the difference, and which.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshperf.analysis.contrast import Contrast
from meshperf.analysis.intervals import t_quantile
from meshperf.analysis.prediction import ForetoldMetric, Prediction
from meshperf.analysis.records import Comparison, Estimate
from meshperf.errors import ComparisonError
from meshperf.spec.records import RunResult

__all__ = ["MetricCheck", "check_prediction"]

_GRAPH_FACT = "workload.graph_digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCheck:
    """A metric foretold and measured. `difference` is measured less foretold, with its sign."""

    metric: str
    foretold: Estimate
    measured: Estimate
    difference: Estimate
    share: float
    """Difference by measured; NaN where nothing above 0 was measured."""

    @property
    def agrees(self) -> bool | None:
        """Whether the interval of the difference contains 0; None where there is none."""
        if not (math.isfinite(self.difference.low) and math.isfinite(self.difference.high)):
            return None
        return self.difference.low <= 0.0 <= self.difference.high


def check_prediction(
    prediction: Prediction,
    comparison: Comparison,
    runs: Sequence[RunResult],
    *,
    arm: str,
    excluded: Sequence[RunResult] = (),
) -> tuple[MetricCheck, ...]:
    """Hold a prediction against what was measured after it.

    Args:
        comparison: of the graph's experiment; `arm` is the candidate that the prediction speaks of.
        runs: all runs that the comparison was made from.
        excluded: attempts that count for nothing, but were measured too.

    Returns:
        One check for each metric that was foretold and measured.

    Raises:
        ComparisonError: MP4001, another graph was measured, a run began before the prediction was made, or the arm
            may not be compared with the baseline; MP4002, the arm was not measured.
    """
    own = [run for run in runs if run.arm == arm]
    measured = {one.metric: one for one in comparison.metrics if (one.arm, one.against) == (arm, comparison.baseline)}
    if not own or not measured:
        raise ComparisonError("MP4002", f"there is no comparable run of `{arm}` to hold the prediction against")
    digests = {run.facts[_GRAPH_FACT].value if _GRAPH_FACT in run.facts else None for run in own}
    if digests != {prediction.graph_digest}:
        raise ComparisonError(
            "MP4001", f"the prediction is of the graph `{prediction.graph}`, another one was measured"
        )
    begun = min(run.start_time for run in (*runs, *excluded))
    if begun <= prediction.made_at:
        raise ComparisonError(
            "MP4001",
            f"the first run began at {begun.isoformat()}, before the prediction was made "
            f"({prediction.made_at.isoformat()})",
            hint="write the prediction first, then measure: afterwards it would be a fit",
        )
    judged = (pair.grade for pair in comparison.pairs if (pair.arm, pair.against) == (arm, comparison.baseline))
    grade = next(judged, comparison.comparability.grade)
    if grade == "X":
        raise ComparisonError("MP4001", f"`{arm}` may not be compared with the baseline (class X)")
    sure = grade in ("A", "B") and not comparison.pilot
    return tuple(
        _checked(one, _stated(measured[one.metric].added, sure)) for one in prediction.metrics if one.metric in measured
    )


def _checked(foretold: ForetoldMetric, measured: Estimate) -> MetricCheck:
    confidence = measured.confidence
    errors = [_standard_error(one) for one in (foretold.added, measured)]
    total = math.fsum(error**2 for error in errors)
    parts = math.fsum(
        error**4 / (one.n - 1) for error, one in zip(errors, (foretold.added, measured), strict=True) if one.n > 1
    )
    contrast = Contrast(
        value=measured.value - foretold.added.value,
        error=math.sqrt(total),
        df=total**2 / parts if parts > 0 else float(min(foretold.added.n, measured.n) - 1),
        n=min(foretold.added.n, measured.n),
    )
    low, high = contrast.bounds(confidence)
    return MetricCheck(
        metric=foretold.metric,
        foretold=foretold.added,
        measured=measured,
        difference=Estimate(
            value=contrast.value, low=low, high=high, confidence=confidence, n=contrast.n, unit=foretold.unit,
            method="measured less foretold, Welch's interval",
        ),
        share=contrast.value / measured.value if measured.value > 0 else math.nan,
    )  # fmt: skip


def _stated(of: Estimate, sure: bool) -> Estimate:
    """Without bounds where the measurement is only indicative."""
    return of if sure else replace(of, low=math.nan, high=math.nan)


def _standard_error(of: Estimate) -> float:
    """Of a mean over rounds, from its t interval; NaN where it has none."""
    if of.n < 2 or not (math.isfinite(of.low) and math.isfinite(of.high)):
        return math.nan
    return (of.high - of.low) / 2 / t_quantile(of.n - 1, 0.5 + of.confidence / 2)

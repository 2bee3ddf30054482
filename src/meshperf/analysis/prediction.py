"""What a mesh will add to a call graph, foretold from a price list, and the measurement held against it.

    added to the response time   = price of a hop · hops on the critical path
    added CPU time of a request  = price of a hop · calls that one request causes, the client's own included

A price list is measured on one hop, from the client to one service, with a proxy at each end; in a graph every call has
such a pair. The price of a hop is the sum of the steps that the arm is made of, formed round by round.

What it decides: whether prediction and measurement agree: the interval of their difference contains zero.

Why this way: a prediction that is made after the measurement is a fit. So it is a document with a digest, and what it
foretells must have been measured after it was written; nothing of it is adjusted afterwards.

What it assumes: that every hop costs what the measured one did: the same load on it, sizes and protocol. Means and CPU
time add up along a path; medians only nearly, so the prediction of p50 is an approximation. Memory and tails are not
foretold: neither is a sum over hops.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from meshperf.analysis.contrast import Contrast
from meshperf.analysis.critical_path import critical_path
from meshperf.analysis.figures import UNITS
from meshperf.analysis.intervals import mean_amount, t_quantile
from meshperf.analysis.ladder import Ladder
from meshperf.analysis.records import Comparison, Estimate
from meshperf.errors import ComparisonError
from meshperf.spec.graph import Graph
from meshperf.spec.graph_shape import calls_per_request
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["PREDICTED_METRICS", "ForetoldMetric", "MetricCheck", "Prediction", "check_prediction", "predict"]

PREDICTED_METRICS = ("mean", "p50", "cpu_per_request")
_GRAPH_FACT = "workload.graph_digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForetoldMetric:
    """One metric: the price of a hop, how many of them, and their product."""

    metric: str
    unit: Unit
    hops: float
    price: Estimate
    added: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What an arm made of these steps will add to the baseline on this graph."""

    graph: str
    graph_digest: str
    steps: tuple[str, ...]
    path: tuple[str, ...]
    """The services on the critical path, in the order in which they are asked."""
    metrics: tuple[ForetoldMetric, ...]
    made_at: datetime
    source: str = ""
    """Where the prices are from: the experiment's id and load point."""


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


def predict(
    graph: Graph,
    ladder: Ladder,
    steps: Sequence[str],
    *,
    made_at: datetime,
    source: str = "",
    own_s: Mapping[str, float] | None = None,
) -> Prediction:
    """Foretell what an arm adds on a graph.

    Args:
        steps: names of the priced steps that make up the arm, such as `tcp`, `http` and `mtls`.
        made_at: when the prediction is made, with a zone.
        own_s: own time of the services [s], where they decide which way through the graph is the longest.

    Raises:
        KeyError: a step that is not in the price list.
        ComparisonError: MP4002, a step has no price.
        ValueError: no steps, or a time without a zone.
    """
    if not steps or made_at.tzinfo is None:
        raise ValueError("a prediction needs the steps of the arm, and a time with its zone")
    price_s = _hop_price(ladder, steps, "mean").value
    hops = critical_path(graph, own_s=own_s, hop_s=price_s if own_s and price_s > 0 else 1.0)
    waited = math.fsum(hop.share for hop in hops)
    counts = {"mean": waited, "p50": waited, "cpu_per_request": 1.0 + calls_per_request(graph)}
    return Prediction(
        graph=graph.name,
        graph_digest=graph.digest,
        steps=tuple(steps),
        path=tuple(hop.callee for hop in hops),
        metrics=tuple(_foretold(ladder, steps, metric, counts[metric]) for metric in PREDICTED_METRICS),
        made_at=made_at,
        source=source,
    )


def check_prediction(
    prediction: Prediction, comparison: Comparison, runs: Sequence[RunResult], *, arm: str
) -> tuple[MetricCheck, ...]:
    """Hold a prediction against what was measured after it.

    Args:
        comparison: of the graph's experiment; `arm` is the candidate that the prediction speaks of.
        runs: all runs that the comparison was made from.

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
    begun = min(run.start_time for run in runs)
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


def _foretold(ladder: Ladder, steps: Sequence[str], metric: str, hops: float) -> ForetoldMetric:
    price = _hop_price(ladder, steps, metric)
    added = Estimate(
        value=price.value * hops,
        low=price.low * hops,
        high=price.high * hops,
        confidence=price.confidence,
        n=price.n,
        unit=price.unit,
        method=f"price of a hop times {hops:g}",
    )
    return ForetoldMetric(metric=metric, unit=UNITS[metric], hops=hops, price=price, added=added)


def _hop_price(ladder: Ladder, steps: Sequence[str], metric: str) -> Estimate:
    """The steps' sum by round; no interval where one of the prices has none."""
    prices = [ladder.price(step, metric) for step in steps]
    common = set.intersection(*({number for number, _ in price.rounds} for price in prices))
    if not common:
        absent = ", ".join(price.step for price in prices if price.missing) or "the steps share no round"
        raise ComparisonError("MP4002", f"{metric} of a hop has no price: {absent}")
    totals = [math.fsum(dict(price.rounds)[number] for price in prices) for number in sorted(common)]
    found = mean_amount(totals, UNITS[metric], prices[0].price.confidence)
    if all(math.isfinite(price.price.low) for price in prices):
        return found
    return replace(found, low=math.nan, high=math.nan, method=f"{found.method}; no interval")


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

"""What a mesh will add to a call graph, foretold from a price list before it is measured.

    added to the response time   = price of a hop · hops on the critical path
    added CPU time of a request  = price of a hop · calls that one request causes, the client's own included

A price list is measured on one hop: the generator dials the client's sidecar, which dials the service's sidecar, which
dials the service. In a graph every call takes such a way, from the caller through its sidecar and the callee's sidecar
to the callee. The price of a hop is the sum of the steps that the arm is made of, formed round by round.

What it decides: nothing but a product. `prediction_check` holds a measurement against it.

Why this way: a prediction that is made after the measurement is a fit. So it is a document with a digest, and what it
foretells must have been measured after it was written; nothing of it is adjusted afterwards.

What it assumes, and how a graph differs from it:

- Every hop costs what the measured one did: the same load on it, sizes, protocol and connections. What was measured
  under is kept with the prediction (`conditions`), so that a difference is told.
- A service in the middle has one sidecar for the call that comes in and the calls that go out, where the price list has
  a sidecar for each end of a hop. Work by request is the same; CPU time at rest (timers, statistics) is foretold once
  for each end of each hop and paid once for each pod, so CPU time is foretold too high by the rest of the sidecars that
  are not there. `sidecars` and the hops tell how many.
- The caller of the price list is the generator, on cores of its own, whose CPU time is not counted; in a graph most
  callers are services, on the cores of what they call. What it costs them to dial a sidecar instead has no price.
- The hops do not wait for one another. Pods that share CPUs with all others do, so on one machine response times may
  be foretold too low.
- Means and CPU time add up along a path; medians only nearly, so p50 is an approximation.

What it refuses: memory and tails, neither of which is a sum over hops; a step without a price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from meshperf.analysis.critical_path import critical_path
from meshperf.analysis.figures import UNITS
from meshperf.analysis.intervals import mean_amount
from meshperf.analysis.ladder import Ladder
from meshperf.analysis.records import Estimate
from meshperf.errors import ComparisonError
from meshperf.spec.graph import Graph
from meshperf.spec.graph_shape import calls_per_request
from meshperf.spec.records import FactValue
from meshperf.units import Unit

__all__ = ["PREDICTED_METRICS", "ForetoldMetric", "Prediction", "predict"]

PREDICTED_METRICS = ("mean", "p50", "cpu_per_request")


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
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the steps set together, by dotted path as in an arm: the arm that is foretold sets this and no more."""
    sidecars: int = 0
    """Pods of the graph that have one, the client's included."""
    conditions: Mapping[str, FactValue] = field(default_factory=dict)
    """Facts that the prices were measured under, by path: those that must be equal for a price to hold."""


def predict(
    graph: Graph,
    ladder: Ladder,
    steps: Sequence[str],
    *,
    made_at: datetime,
    source: str = "",
    own_s: Mapping[str, float] | None = None,
    conditions: Mapping[str, FactValue] | None = None,
) -> Prediction:
    """Foretell what an arm adds on a graph.

    Args:
        steps: names of the priced steps that make up the arm, such as `tcp`, `http` and `mtls`.
        made_at: when the prediction is made, with a zone.
        own_s: own time of the services [s], where they decide which way through the graph is the longest.
        conditions: what the prices were measured under, as `prediction_conditions.conditions_of` finds it.

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
        settings=_settings(ladder, steps),
        sidecars=1 + len(graph.services),
        conditions=dict(conditions or {}),
    )


def _settings(ladder: Ladder, steps: Sequence[str]) -> dict[str, str]:
    """What the steps set, in their order: a later one replaces what an earlier one set."""
    changes = {step.name: step.changes for step in ladder.order.steps}
    return {key: value for step in steps for key, value in changes[step].items()}


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
        reasons = dict.fromkeys(price.missing for price in prices if price.missing)
        absent = ", ".join(price.step for price in prices if price.missing)
        why = f"{absent}: {'; '.join(reasons)}" if reasons else "the steps share no round"
        hint = "see the rounds of the price list; the steps need rounds that were not excluded"
        raise ComparisonError("MP4002", f"{metric} of a hop has no price: {why}", hint=hint)
    totals = [math.fsum(dict(price.rounds)[number] for price in prices) for number in sorted(common)]
    found = mean_amount(totals, UNITS[metric], prices[0].price.confidence)
    if all(math.isfinite(price.price.low) for price in prices):
        return found
    return replace(found, low=math.nan, high=math.nan, method=f"{found.method}; no interval")

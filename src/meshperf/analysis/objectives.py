"""Objectives tried on every arm: a bound that was declared before, against what was measured.

What it refuses: an outcome without a figure. An arm in which the metric is not known is `unknown`, never `held`.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshperf.analysis.figures import cpu_requests, error_share, figure
from meshperf.analysis.records import ObjectiveOutcome
from meshperf.histograms import merge
from meshperf.spec.kinds import ObjectiveReading
from meshperf.spec.records import RunResult

if TYPE_CHECKING:
    from meshperf.spec.experiment import Objective

__all__ = ["objective_readings", "objective_value", "try_objectives"]

_OPERATORS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")


def try_objectives(
    arm: str, runs: Sequence[RunResult], objectives: Sequence[Objective]
) -> tuple[ObjectiveOutcome, ...]:
    """Try each objective on an arm's runs, those in which it failed too. No runs, or nothing measured: `unknown`."""
    outcomes = []
    for objective in objectives:
        value = objective_value(runs, objective.metric)
        known = math.isfinite(value)
        held = known and _OPERATORS[objective.op](value, objective.threshold)
        outcomes.append(
            ObjectiveOutcome(
                arm=arm,
                objective=objective.text,
                value=value if known else None,
                threshold=objective.threshold,
                unit=objective.unit,
                outcome=("held" if held else "broken") if known else "unknown",
            )
        )
    return tuple(outcomes)


def objective_readings(runs: Sequence[RunResult], objectives: Sequence[Objective]) -> tuple[ObjectiveReading, ...]:
    """Each objective on runs as a result document keeps it: what is not known is not held."""
    return tuple(
        ObjectiveReading(
            objective=tried.objective,
            value=tried.value,
            threshold=tried.threshold,
            unit=tried.unit,
            held=tried.outcome == "held",
        )
        for tried in try_objectives("", runs, objectives)
    )


def objective_value(runs: Sequence[RunResult], metric: str) -> float:
    """An arm's figure over all its rounds taken together, since a user meets the requests of all of them.

    Quantiles and the mean are read from the merged histogram [s]; `errors` is a share of the due requests; a rate is
    replies per second of counted time; CPU is per sent request; memory is the mean over rounds [B]. NaN: not known.
    """
    if not runs:
        return math.nan
    quantile = _QUANTILE.fullmatch(metric)
    if quantile is not None:
        return float(merge(run.response for run in runs).quantile(float(quantile[1]) / 100))
    if metric == "mean":
        return merge(run.response for run in runs).mean()
    if metric in ("errors", "error_share"):
        return error_share(runs)
    if metric in ("rate", "achieved_rate", "achieved_rps"):
        measured = math.fsum(run.measured_s for run in runs)
        return sum(run.counts.ok for run in runs) / measured if measured > 0 else math.nan
    if metric == "cpu_per_request":
        requests = sum(cpu_requests(run) for run in runs)
        spent = math.fsum(figure(run, metric) * cpu_requests(run) for run in runs)
        return spent / requests if requests else math.nan
    if metric == "memory":
        return math.fsum(figure(run, metric) for run in runs) / len(runs)
    return math.nan

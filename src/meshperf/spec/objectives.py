"""The small grammar of objectives: `p90 <= 50ms`, `errors <= 0.1%`, `memory < 200MiB`."""

from __future__ import annotations

import math
import re

from meshperf.spec.experiment import Objective
from meshperf.units import Unit, parse_duration, parse_fraction, parse_size

__all__ = ["OBJECTIVE_METRICS", "parse_objective"]

OBJECTIVE_METRICS: dict[str, Unit] = {
    "p50": Unit.SECONDS,
    "p90": Unit.SECONDS,
    "p99": Unit.SECONDS,
    "mean": Unit.SECONDS,
    "errors": Unit.RATIO,
    "cpu_per_request": Unit.CPU_SECONDS_PER_REQUEST,
    "memory": Unit.BYTES,
}
"""What an objective can bound. `errors` is the share of due requests without a good answer."""

_FORM = re.compile(r"\s*([A-Za-z0-9_.]+)\s*(<=|>=|<|>)\s*(\S.*?)\s*")


def parse_objective(text: str) -> Objective:
    """Read one objective.

    Raises:
        ValueError: not of the form `metric op value`, an unknown metric, or a value without its unit.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"not an objective: {text!r}; write for example p90 <= 50ms or errors <= 0.1%")
    metric, op, value = match[1], match[2], match[3]
    unit = OBJECTIVE_METRICS.get(metric)
    if unit is None:
        raise ValueError(f"unknown metric {metric!r} in an objective; one of: {', '.join(OBJECTIVE_METRICS)}")
    threshold = _threshold(value, unit)
    if not math.isfinite(threshold) or threshold < 0:
        raise ValueError(f"an objective's bound must be a finite number, 0 or more, found {value!r}")
    if unit is Unit.RATIO and threshold > 1:
        raise ValueError(f"a share cannot exceed 100%, found {value!r}; write for example 0.1%")
    return Objective(metric=metric, op=op, threshold=threshold, unit=unit, text=" ".join(text.split()))


def _threshold(value: str, unit: Unit) -> float:
    if unit in (Unit.SECONDS, Unit.CPU_SECONDS_PER_REQUEST):
        return float(parse_duration(value))
    if unit is Unit.BYTES:
        return float(parse_size(value))
    return parse_fraction(value)

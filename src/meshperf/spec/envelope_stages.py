"""Stages and objectives of an SMP test file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshperf.spec.envelope_values import EnvelopeReading, Fields
from meshperf.spec.experiment import Objective
from meshperf.spec.experiment_load import Stage
from meshperf.spec.objectives import OBJECTIVE_METRICS, parse_objective
from meshperf.spec.quantities import FASTEST_RPS, LONGEST_S, show

__all__ = ["read_objectives", "read_stages"]

_STAGE_KEYS = ("duration_s", "rate_start", "rate_end", "connections", "shape")
_SHAPES: Mapping[Any, str] = {0: "", 1: "step", 2: "linear", 3: "sine", "": "", "STEP": "step", "LINEAR": "linear",
                              "SINE": "sine"}  # fmt: skip
_OBJECTIVE_KEYS = ("metric", "statistic", "op", "threshold", "unit", "severity", "window")
_OPERATORS: Mapping[Any, str] = {"<=": "<=", ">=": ">=", "<": "<", ">": ">", "LE": "<=", "GE": ">=", "LT": "<",
                                 "GT": ">"}  # fmt: skip
_LATENCY = ("latency", "response_time")
_FROM_OUTSIDE = ("p50", "p90", "p99", "mean", "errors")


def read_stages(reading: EnvelopeReading, test: Fields) -> tuple[Stage, ...]:
    """The stages of a test, one after another."""
    found = []
    for item, place in reading.items(test.get("stages"), test.at("stages")):
        stage = reading.fields(item, place, _STAGE_KEYS)
        for name in ("duration_s", "rate_start"):
            if stage.get(name) is None:
                reading.bad("MP2102", f"a stage needs `{name}`", place)
        shape = reading.word(stage.get("shape"), stage.at("shape"), _SHAPES, "shape")
        if shape == "sine":
            reading.bad("MP2107", "a rate that swings is not available yet", stage.at("shape"), "write LINEAR stages")
        if stage.get("connections") is not None:
            message = "the connections of a client are those of all its stages"
            reading.bad("MP2107", message, stage.at("connections"), "write them at the client", key=True)
        duration_s = reading.number(
            stage.get("duration_s"), stage.at("duration_s"), default=1.0, low=1e-2, high=LONGEST_S
        )
        rate = reading.number(stage.get("rate_start"), stage.at("rate_start"), default=1.0, low=1e-3, high=FASTEST_RPS)
        end = reading.number(stage.get("rate_end"), stage.at("rate_end"), default=rate, low=1e-3, high=FASTEST_RPS)
        if shape == "step" and end != rate:
            message = "a STEP has one rate, and `rate_end` differs from `rate_start`"
            reading.bad("MP2107", message, stage.at("rate_end"), "write `shape: LINEAR`", key=True)
        found.append(Stage(duration_s=duration_s, rate=rate, rate_end=None if end == rate else end))
    return tuple(found)


def read_objectives(reading: EnvelopeReading, test: Fields) -> tuple[Objective, ...]:
    """Bounds as text (`p99 <= 50ms`), or in parts as SMP's extension has them."""
    found = []
    for item, place in reading.items(test.get("objectives"), test.at("objectives")):
        text = item if isinstance(item, str) else _text(reading, item, place)
        if text is None:
            continue
        try:
            objective = parse_objective(text)
        except ValueError as error:
            reading.bad("MP2108", str(error), place)
            continue
        if objective.metric not in _FROM_OUTSIDE:
            message = f"`{objective.metric}` is of processes, and an SMP test sees its targets from outside"
            reading.bad("MP2107", message, place, f"bound one of: {', '.join(_FROM_OUTSIDE)}")
        found.append(objective)
    return tuple(found)


def _text(reading: EnvelopeReading, item: Any, place: str) -> str | None:
    given = reading.fields(item, place, _OBJECTIVE_KEYS)
    for name in ("severity", "window"):
        if name in given:
            reading.bad("MP2107", f"`{name}` of an objective is not available yet", given.at(name), key=True)
    metric = reading.text(given.get("metric"), given.at("metric")).lower()
    if metric in _LATENCY:
        metric = reading.text(given.get("statistic"), given.at("statistic")).lower() or "mean"
    elif "statistic" in given and metric in OBJECTIVE_METRICS:
        reading.bad("MP2107", f"`{metric}` has no statistic", given.at("statistic"), key=True)
    op = reading.word(given.get("op"), given.at("op"), _OPERATORS, "operator")
    threshold, unit = given.get("threshold"), reading.text(given.get("unit"), given.at("unit"))
    if not metric or op is None or isinstance(threshold, bool) or not isinstance(threshold, int | float | str):
        message = f"an objective needs `metric`, `op` and `threshold`, found {show(item)}"
        reading.bad("MP2108", message, place, "write for example p99 <= 50ms")
        return None
    return f"{metric} {op} {threshold}{'' if unit == '1' else unit}"

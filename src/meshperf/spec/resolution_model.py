"""The value types of `resolution`: metrics that have a margin, and half-widths above 0 and below 100 %."""

from __future__ import annotations

from typing import Annotated, Any

from meshperf.spec.experiment import DEFAULT_MARGINS
from meshperf.spec.quantities import Reads, refuse, share, show, words_hint

__all__ = ["HalfWidth", "ResolutionMetric"]


def _planned_metric(value: Any) -> str:
    if value not in DEFAULT_MARGINS:
        message = f"no resolution can be planned for {show(value)}"
        raise refuse("MP2108", message, words_hint(value, tuple(DEFAULT_MARGINS)))
    return str(value)


ResolutionMetric = Annotated[
    str, Reads(_planned_metric, {"type": "string", "pattern": f"^({'|'.join(DEFAULT_MARGINS)})$"})
]


def _half_width(value: Any) -> float:
    found = share(value, "MP2108", "a resolution", low_open=0.0, high=1.0)
    if found >= 1:
        raise refuse("MP2108", f"a resolution must be below 1, found {show(value)}", "write for example 5%")
    return found


HalfWidth = Annotated[
    float,
    Reads(
        _half_width,
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"type": "string"}]},
    ),
]

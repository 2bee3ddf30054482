"""What contradicts what in the settings of one service, in an experiment's `workload` as in a graph's services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshperf.errors import DocumentError
from meshperf.spec.document import Document
from meshperf.units import parse_duration, parse_fraction

__all__ = ["service_problems"]


def service_problems(document: Document, service: Mapping[str, Any], pointer: str) -> Iterator[DocumentError]:
    """Broken rules of the mapping at `pointer`; what has a wrong form is passed over."""
    if service.get("busy") is True and service.get("service_time") is None:
        message = "`busy` says how the service time is spent, and there is none"
        yield document.error("MP2107", message, f"{pointer}/busy", hint="add `service_time`", key=True)
    status = service.get("status")
    if isinstance(status, dict):
        total = sum(share for share in map(_share, status.values()) if share is not None)
        if total > 1 + 1e-9:
            message = f"the shares of `status` add up to {total:.4g}, more than all replies"
            yield document.error("MP2107", message, f"{pointer}/status")
    stall = service.get("stall")
    if isinstance(stall, dict):
        stop, every = _seconds(stall.get("stop")), _seconds(stall.get("every"))
        if stop is not None and every is not None and stop >= every:
            message = "`stop` must be shorter than `every`, or the workload never answers"
            yield document.error("MP2107", message, f"{pointer}/stall/stop")


def _share(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return parse_fraction(str(value))
    except ValueError:
        return None


def _seconds(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        return float(parse_duration(value))
    except ValueError:
        return None

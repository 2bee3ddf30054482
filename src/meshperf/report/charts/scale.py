"""Figures in the unit that suits an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable

from meshperf.units import Unit

__all__ = ["log_domain", "log_ticks", "unit_step"]

_STEPS: dict[Unit, tuple[tuple[float, str], ...]] = {
    Unit.SECONDS: ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    Unit.CPU_SECONDS_PER_REQUEST: ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    Unit.BYTES: ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
}


def unit_step(figures: Iterable[float], unit: Unit) -> tuple[float, str]:
    """The divisor and name of the largest unit in which the greatest figure is at least 2."""
    greatest = max((abs(f) for f in figures if math.isfinite(f)), default=0.0)
    steps = _STEPS.get(unit, ((1.0, unit.value),))
    return next((step for step in steps if greatest >= 2 * step[0]), steps[-1])


def log_domain(figures: Iterable[float], *, pad: float = 0.06) -> list[float]:
    """Bounds of a logarithmic axis around positive `figures`, wider on both sides by `pad` of its length."""
    known = [math.log(f) for f in figures if math.isfinite(f) and f > 0] or [0.0]
    room = max((max(known) - min(known)) * pad, 0.02)
    return [math.exp(min(known) - room), math.exp(max(known) + room)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten between two positive bounds."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [round(m * 10.0**d, 12) for d in decades for m in (1, 2, 5) if low <= m * 10.0**d <= high]

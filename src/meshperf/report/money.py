"""Money in words: a code, three figures, and bounds."""

from __future__ import annotations

import math

from meshperf.analysis.records import Estimate
from meshperf.report import wording

__all__ = ["money", "money_interval"]


def money(figure: float | None, currency: str, *, sign: bool = False) -> str:
    """`EUR 0.00403`, `+EUR 1 210`; `unknown` where it is."""
    if figure is None or not math.isfinite(figure):
        return wording.UNKNOWN
    mark = "−" if figure < 0 else "+" if sign else ""
    return f"{mark}{currency}\u00a0{_figures(abs(figure))}"


def money_interval(of: Estimate) -> str:
    """Bounds without the currency, which stands beside them."""
    if not (math.isfinite(of.low) and math.isfinite(of.high)):
        return "no interval"
    return " to ".join(("−" if each < 0 else "") + _figures(abs(each)) for each in (of.low, of.high))


def _figures(size: float) -> str:
    if size >= 1000:
        return f"{float(f'{size:.3g}'):,.0f}".replace(",", "\u00a0")
    if size == 0:
        return "0"
    return f"{size:.{max(0, 2 - math.floor(math.log10(size)))}f}"

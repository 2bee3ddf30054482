"""How a figure, a name and a gap are written for people, once for every report.

Figures come out with typographic signs (`×5.78`, `612 µs`, `−3 %`); `plain` turns those into ASCII for the terminal
and Markdown. Whatever cannot be known is the word `UNKNOWN`, never `nan` or an empty cell. Text from outside (arm
names, facts, reasons) passes through `clean` first: control characters and marks that reorder text could make a report
say something else than its data.
"""

from __future__ import annotations

import math
import unicodedata

from meshperf.analysis.records import Estimate
from meshperf.spec.records import Fact, FactValue
from meshperf.units import Unit, format_quantity

__all__ = [
    "METRIC_NAMES",
    "UNKNOWN",
    "added",
    "clean",
    "count",
    "estimate",
    "fact",
    "interval",
    "listing",
    "metric_name",
    "plain",
    "quantity",
    "ratio",
    "seconds",
    "share",
    "value",
]

UNKNOWN = "not known"

METRIC_NAMES = {
    "p50": "p50",
    "p90": "p90",
    "p99": "p99",
    "mean": "mean",
    "cpu_per_request": "CPU per request",
    "memory": "memory",
}

_REORDERING = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
_PLAIN = str.maketrans({"×": "x", "µ": "u", "−": "-", "–": "-", "±": "+/-", "\u00a0": " "})


def clean(text: object) -> str:
    """Text from outside on one line: white space becomes a blank, control and reordering characters a visible mark."""
    marked = (
        " "
        if character.isspace()
        else "\ufffd"
        if character in _REORDERING or unicodedata.category(character) in ("Cc", "Cs")
        else character
        for character in str(text)
    )
    return " ".join("".join(marked).split(" ")).strip()


def plain(text: str) -> str:
    """The same text in ASCII signs, for terminals and plain files."""
    return text.translate(_PLAIN)


def metric_name(metric: str) -> str:
    """A metric's name for people; one that is not known here is shown as it is."""
    return METRIC_NAMES.get(metric, clean(metric))


def quantity(figure: float | None, unit: Unit, *, sign: bool = False, trim: bool = False) -> str:
    """A figure in SI `unit` with a fitting prefix and three figures: `6.00 µs`, `+48.2 MiB`.

    Per-request units lose their `/request`, which the metric's name says. `trim` leaves out trailing zeros, for figures
    that were set rather than measured.
    """
    if figure is None or not math.isfinite(figure):
        return UNKNOWN
    if unit is Unit.RATIO:
        return ratio(figure)
    text = format_quantity(figure, unit, sign=sign).removesuffix("/request")
    number, _, name = text.partition(" ")
    return (
        f"{number if trim else _three_figures(number)} {name}".replace("-", "−")
        .replace("us", "µs")
        .replace(" ", "\u00a0")
    )


def _three_figures(number: str) -> str:
    """Put back the zeros that belong to a measured figure: 6 becomes 6.00, 27.1 stays."""
    digits = sum(character.isdigit() for character in number.lstrip("+-0."))
    if "e" in number or digits >= 3 or not digits:
        return number
    return f"{number}{'' if '.' in number else '.'}{'0' * (3 - digits)}"


def seconds(figure: float | None) -> str:
    """A duration that was set rather than measured: `100 ms`."""
    return quantity(figure, Unit.SECONDS, trim=True)


def share(figure: float | None, *, sign: bool = False) -> str:
    """A share of one as a percentage: 0.031 is `3.1 %`. Anything below 0.01 % but not zero says so."""
    if figure is None or not math.isfinite(figure):
        return UNKNOWN
    percent = figure * 100
    if 0 < abs(percent) < 0.01:
        return "< 0.01\u00a0%"
    digits = 0 if abs(percent) >= 100 or percent == round(percent) else 1 if abs(percent) >= 1 else 2
    plus = "+" if sign and percent >= 0 else ""
    return f"{plus}{percent:.{digits}f}\u00a0%".replace("-", "−")


def count(figure: int | float | None) -> str:
    """A whole number with thin groups of three: `30 000`."""
    if figure is None or not math.isfinite(figure):
        return UNKNOWN
    return f"{figure:,.0f}".replace(",", "\u00a0")


def ratio(figure: float, *, decimals: int = 2) -> str:
    """A ratio, marked as one: `×5.78`."""
    return f"×{figure:.{decimals}f}" if math.isfinite(figure) else UNKNOWN


def _decimals(of: Estimate) -> int:
    """Decimals in which half of the half-width shows one figure: more would pretend, fewer would hide."""
    half = (of.high - of.low) / 2
    if not math.isfinite(half) or half <= 0 or not of.value > 0:
        return 2
    return max(1, min(math.ceil(-math.log10(half / 2)), 3 - math.floor(math.log10(of.value)), 3))


def estimate(of: Estimate) -> str:
    """The value of an estimate alone, as precise as its interval allows."""
    return ratio(of.value, decimals=_decimals(of)) if of.unit is Unit.RATIO else quantity(of.value, of.unit)


def interval(of: Estimate) -> str:
    """The bounds of an estimate: `5.60 to 5.97`; for quantities with units. `no interval` where none can be given."""
    if not (math.isfinite(of.low) and math.isfinite(of.high)):
        return "no interval"
    if of.unit is Unit.RATIO:
        decimals = _decimals(of)
        return f"{of.low:.{decimals}f} to {of.high:.{decimals}f}"
    low, high = quantity(of.low, of.unit), quantity(of.high, of.unit)
    number, _, name = low.rpartition("\u00a0")
    return f"{number} to {high}" if high.endswith(f"\u00a0{name}") else f"{low} to {high}"


def added(of: Estimate) -> str:
    """A difference with its sign: `+612 µs`."""
    return quantity(of.value, of.unit, sign=True)


def value(of: FactValue) -> str:
    """One fact's value for people."""
    if of is None:
        return UNKNOWN
    if isinstance(of, bool):
        return "yes" if of else "no"
    if isinstance(of, float):
        return f"{of:.6g}" if math.isfinite(of) else UNKNOWN
    return clean(of) or "(empty)"


def fact(of: Fact) -> str:
    """A fact's value, or why there is none."""
    if of.known:
        return value(of.value)
    return f"unavailable: {clean(of.unavailable or 'no reason was recorded')}"


def listing(names: tuple[str, ...] | list[str], *, last: str = "and") -> str:
    """`a, b and c`."""
    cleaned = [clean(name) for name in names]
    return cleaned[0] if len(cleaned) == 1 else f"{', '.join(cleaned[:-1])} {last} {cleaned[-1]}" if cleaned else "none"

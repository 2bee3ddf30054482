"""What `--margin` and `--absolute-floor` of `meshperf compare` say."""

from __future__ import annotations

from meshperf.analysis import METRICS
from meshperf.errors import UsageError
from meshperf.spec.absolute_floors import parse_absolute_floor
from meshperf.units import parse_fraction

__all__ = ["floor_of", "margin_of"]


def margin_of(text: str) -> tuple[str, float]:
    """Metric and share of `p50=5%`.

    Raises:
        UsageError: MP1001, not one.
    """
    name, _, value = text.partition("=")
    if name not in METRICS:
        raise UsageError("MP1001", f"no metric {name!r} for a margin", hint=f"one of: {', '.join(METRICS)}")
    try:
        share = parse_fraction(value)
    except ValueError as error:
        raise UsageError("MP1001", f"--margin {text}: {error}", hint="write p50=5%") from None
    if not 0 < share <= 1:
        raise UsageError("MP1001", f"--margin {text}: a margin is above 0 and at most 100 %", hint="write p50=5%")
    return name, share


def floor_of(text: str) -> tuple[str, float]:
    """Metric and amount, in its unit, of `p50=20us`.

    Raises:
        UsageError: MP1001, not one.
    """
    name, _, value = text.partition("=")
    if name not in METRICS:
        raise UsageError("MP1001", f"no metric {name!r} for an absolute floor", hint=f"one of: {', '.join(METRICS)}")
    try:
        return name, parse_absolute_floor(name, value)
    except ValueError as error:
        hint = "write p50=20us or memory=1MiB"
        raise UsageError("MP1001", f"--absolute-floor {text}: {error}", hint=hint) from None

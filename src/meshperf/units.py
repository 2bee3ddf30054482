"""Quantities: SI units inside, and the text forms that people write at the edge.

Inside meshperf a duration is in seconds, a size in bytes, CPU in cores or CPU seconds, all as plain floats or
integers under these type names. Milliseconds, millicores and megabytes exist only where a document or a person
needs them.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import NewType

__all__ = ["Bytes", "Seconds", "Unit", "format_quantity", "parse_duration", "parse_fraction", "parse_size"]

Seconds = NewType("Seconds", float)
Bytes = NewType("Bytes", int)


class Unit(StrEnum):
    """The unit of a figure, as it is written into documents."""

    SECONDS = "s"
    BYTES = "B"
    CORES = "cores"
    CPU_SECONDS_PER_REQUEST = "s/request"
    PER_SECOND = "1/s"
    RATIO = "1"
    JOULES = "J"
    MONEY = "money"
    """Of the currency that stands beside the figure."""


_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|KiB|MB|MiB|GB|GiB)?")
_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}


def parse_duration(text: str) -> Seconds:
    """Read a duration with its unit: `250ms`, `10s`, `1h30m` (Go's grammar).

    Raises:
        ValueError: no unit, a sign, or anything else than number-unit pairs; the message says what to write.
    """
    stripped = text.strip()
    parts = _DURATION_PART.findall(stripped)
    if not parts or "".join(number + unit for number, unit in parts) != stripped:
        if re.fullmatch(r"\d+(\.\d+)?", stripped):
            raise ValueError(f"a duration needs its unit: write `{stripped}s` for seconds")
        raise ValueError(f"not a duration: {text!r}; write for example 250ms, 10s or 1h30m")
    return Seconds(math.fsum(float(number) * _SECONDS[unit] for number, unit in parts))


def parse_size(text: str) -> Bytes:
    """Read a size in bytes: `1024`, `16KiB`, `2MB`. Decimal prefixes are powers of ten, binary ones of two."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a size: {text!r}; write for example 1024, 16KiB or 2MB")
    return Bytes(round(float(match[1]) * _BYTES[match[2] or "B"]))


def parse_fraction(text: str) -> float:
    """Read a share as a fraction of one: `5%` is 0.05, `0.05` is 0.05."""
    stripped = text.strip()
    try:
        value = float(stripped[:-1]) / 100 if stripped.endswith("%") else float(stripped)
    except ValueError:
        raise ValueError(f"not a share: {text!r}; write for example 5% or 0.05") from None
    if not math.isfinite(value):
        raise ValueError(f"not a finite share: {text!r}")
    return value


_STEPS: dict[Unit, tuple[tuple[float, str], ...]] = {
    Unit.SECONDS: ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")),
    Unit.BYTES: ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
    Unit.CPU_SECONDS_PER_REQUEST: ((1e-3, "ms/request"), (1e-6, "us/request")),
    Unit.JOULES: ((1e3, "kJ"), (1.0, "J"), (1e-3, "mJ")),
}


def format_quantity(value: float, unit: Unit, *, digits: int = 3, sign: bool = False) -> str:
    """Write a figure for people: `1.23 ms`, `+85 us`, `x1.25` for a ratio. Not for documents."""
    if not math.isfinite(value):
        return "unknown"
    plus = "+" if sign and value >= 0 else ""
    if unit is Unit.RATIO:
        return f"x{value:.{digits}g}"
    steps = _STEPS.get(unit)
    if steps is None:
        return f"{plus}{value:.{digits}g} {unit.value}"
    scale, name = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    scaled = value / scale
    whole = f"{scaled:.0f}" if abs(scaled) >= 10 ** (digits - 1) else f"{scaled:.{digits}g}"
    return f"{plus}{whole} {name}"

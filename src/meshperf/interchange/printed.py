"""Figures as tools print them for people, and how far the truth may be from the digits.

A figure with n decimals stands for every value that rounds to it: half a unit of its last digit to either side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Printed", "printed_count", "printed_size", "printed_time"]

_TIME = re.compile(r"([0-9]{1,15})(\.[0-9]{1,12})?\s?(ns|us|µs|ms|s|m|min|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]{1,15})(\.[0-9]{1,6})?([KMGTP]?)B")
_COUNT = re.compile(r"([0-9]{1,18})(\.[0-9]{1,6})?([kMGT]?)")
_BINARY = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A printed figure in SI units; the truth rounds to it, so it lies in [low, high]."""

    value: float
    low: float
    high: float


def printed_time(text: str) -> Printed | None:
    """`101.00us`, `1.22ms`, `13us`: seconds; None for anything else."""
    found = _TIME.fullmatch(text.strip())
    return None if found is None else _figure(found[1], found[2], _SECONDS[found[3]])


def printed_size(text: str) -> Printed | None:
    """`19.11MB`, `513.84KB`: bytes, the prefixes being powers of two, as wrk and h2load mean them; None for others."""
    found = _SIZE.fullmatch(text.strip())
    return None if found is None else _figure(found[1], found[2], _BINARY[found[3]])


def printed_count(text: str) -> Printed | None:
    """`40.79k`, `530.89`: a plain number, prefixes being powers of ten; None for anything else."""
    found = _COUNT.fullmatch(text.strip())
    return None if found is None else _figure(found[1], found[2], _DECIMAL[found[3]])


def _figure(whole: str, fraction: str | None, unit: float) -> Printed:
    value = float(whole + (fraction or ""))
    half = 0.5 * 10.0 ** -(len(fraction) - 1 if fraction else 0)
    return Printed(value=value * unit, low=max(value - half, 0.0) * unit, high=(value + half) * unit)

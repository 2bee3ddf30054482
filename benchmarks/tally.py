"""Shares with their sampling error, and tables of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from benchmarks.findings import Finding

__all__ = ["SURE", "Table", "agrees", "at_least", "at_most", "percent", "rng_of", "share"]

SURE = 3.0
"""Standard errors that a figure may be off by chance."""


@dataclass(kw_only=True)
class Table:
    """Rows as printed, the heading first, and what was asked of them."""

    rows: list[tuple[str, ...]]
    findings: list[Finding] = field(default_factory=list)


def rng_of(seed: int, *place: int) -> np.random.Generator:
    """A stream of its own for every row, so that a table does not depend on what was printed before it."""
    return np.random.default_rng([seed, *place])


def share(hits: int, of: int) -> tuple[float, float]:
    """A share and its standard error (of a share a little away from 0 and 1, so that it is never 0)."""
    middle = (hits + 2) / (of + 4)
    return hits / of, math.sqrt(middle * (1 - middle) / of)


def percent(hits: int, of: int) -> str:
    return f"{100 * hits / of:.1f} %"


def at_least(what: str, hits: int, of: int, limit: float, *, errors: float = 0.0) -> Finding:
    """A share that must be at least `limit`, give or take so many sampling errors."""
    value, error = share(hits, of)
    return Finding(
        what=what,
        figure=f"{value:.3f} +- {error:.3f}",
        value=value,
        limit=f">= {limit:g}",
        met=value >= limit - errors * error,
    )


def at_most(what: str, hits: int, of: int, limit: float) -> Finding:
    """A share that may be at most `limit`, give or take its sampling error; a limit of 0 means never."""
    value, error = share(hits, of)
    return Finding(
        what=what,
        figure=f"{value:.2%} +- {error:.2%}",
        value=value,
        limit=f"<= {limit:.0%}",
        met=value <= limit + SURE * error if limit else hits == 0,
    )


def agrees(hits: int, of: int, reference: float, reference_of: int) -> str:
    """Whether a share is the reference's, within three standard errors of both and the digit it was rounded to."""
    value, error = share(hits, of)
    theirs = math.sqrt(max(reference * (1 - reference), 1e-3) / reference_of)
    return "yes" if abs(value - reference) <= SURE * math.hypot(error, theirs) + 0.005 else "NO"

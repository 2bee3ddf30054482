"""Stored results of one experiment whose figures change at a known place by a known factor.

Test modules put this folder on `sys.path` to import it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from ladder_sample import TRUTHS, ladder
from meshperf.analysis import Comparison, Estimate, compare
from meshperf.analysis.history import HistoryEntry
from meshperf.units import Unit

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MARGINS = {"p50": 0.05, "p90": 0.10, "p99": 0.10, "cpu_per_request": 0.05}


def template() -> Comparison:
    """A judged experiment, to put figures into."""
    (found,) = compare(
        ladder(TRUTHS, rates=(500.0,), rounds=3, requests=400), baseline="baseline", subject=("mesh",), margins=MARGINS
    )
    return found


def levels(count: int, at: Sequence[int], factors: Sequence[float], *, noise: float, seed: int) -> list[float]:
    """Figures about 1.5; from each place of `at` on times that factor. `noise`: sd on the log scale."""
    rng = np.random.default_rng(seed)
    level = np.zeros(count)
    for place, factor in zip(at, factors, strict=True):
        level[place:] += math.log(factor)
    return (1.5 * np.exp(level + rng.normal(size=count) * noise)).tolist()


def entries(of: Comparison, ratios: Sequence[float], **facts: Sequence[str]) -> list[HistoryEntry]:
    """One result a day; the p50 ratio of envoy is as given, everything else as in the template."""
    from dataclasses import replace

    def with_ratio(value: float) -> Comparison:
        ratio = Estimate(value=value, low=value * 0.99, high=value * 1.01, confidence=0.95, n=6, unit=Unit.RATIO)
        metrics = tuple(replace(one, ratio=ratio) if one.metric == "p50" else one for one in of.metrics)
        return replace(of, metrics=metrics)

    return [
        HistoryEntry(
            experiment_id=f"id{number:03d}",
            time=BEGIN + timedelta(days=number),
            comparisons=(with_ratio(value),),
            facts={name: values[number] for name, values in facts.items()},
        )
        for number, value in enumerate(ratios)
    ]

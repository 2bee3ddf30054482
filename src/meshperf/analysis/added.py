"""What an arm adds to its baseline in a figure of single runs: the difference within each round, then over rounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from meshperf.analysis.intervals import mean_amount
from meshperf.analysis.records import Estimate
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["added", "over_rounds"]


def over_rounds(runs: Sequence[RunResult], figure: Callable[[RunResult], float], unit: Unit) -> Estimate | None:
    """Mean over the runs in which the figure is known; None where it is known in none."""
    known = [value for value in map(figure, runs) if math.isfinite(value)]
    return mean_amount(known, unit) if known else None


def added(
    runs: Sequence[RunResult], against: Sequence[RunResult], figure: Callable[[RunResult], float], unit: Unit
) -> Estimate | None:
    """Candidate minus baseline of the same round and group, mean over them; None where no round has both.

    Args:
        runs, against: of one arm each at one load point.
        figure: of one run; NaN where it is not known.
    """
    base = {(run.round, run.group): figure(run) for run in against}
    differences = [figure(run) - base.get((run.round, run.group), math.nan) for run in runs]
    known = [value for value in differences if math.isfinite(value)]
    return mean_amount(known, unit) if known else None

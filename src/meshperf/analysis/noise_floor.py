"""An arm against its own twin: the smallest difference that means anything on this machine.

Why this way: identical proxies differ between restarts, so the twin is deployed anew in every round and compared with
the same estimators as any candidate. An interval that misses 1 is expected once in about twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshperf.analysis.figures import METRICS
from meshperf.analysis.pairing import pair_rounds
from meshperf.analysis.records import Estimate, NoiseFloor
from meshperf.analysis.series import PairedRounds, series_of
from meshperf.spec.records import RunResult, Warning, WarningKind

__all__ = ["floor_for", "noise_floors", "twin_warnings"]


def noise_floors(runs: Sequence[RunResult], arms: Sequence[str]) -> tuple[NoiseFloor, ...]:
    """A/A ratio of every metric for each arm that was deployed twice. `runs`: of one load point, in order."""
    floors = []
    for arm in dict.fromkeys(arms):
        paired = PairedRounds(pairing=pair_rounds(runs, baseline=(arm, 0), candidate=(arm, 1)))
        if not paired.pairing.pairs:
            continue
        for metric in METRICS:
            series = series_of(paired, metric)
            ratio = series.ratio()
            if math.isnan(ratio.value):
                continue
            floors.append(
                NoiseFloor(
                    arm=arm,
                    metric=metric,
                    ratio=ratio,
                    floor=_floor(ratio),
                    holds=not (ratio.low > 1 or ratio.high < 1),
                    rounds=series.rounds,
                )
            )
    return tuple(floors)


def floor_for(floors: Sequence[NoiseFloor], arms: Sequence[str], metric: str) -> float | None:
    """The larger floor of the arms that have one; None when neither was deployed twice."""
    found = [entry.floor for entry in floors if entry.arm in arms and entry.metric == metric]
    return max(found) if found else None


def twin_warnings(floors: Sequence[NoiseFloor]) -> tuple[Warning, ...]:
    """A warning for every A/A interval that does not contain 1."""
    return tuple(
        Warning(
            kind=WarningKind.AA_DIFFERS,
            text=(
                f"{entry.arm} differs from its own twin at {entry.metric}: x{entry.ratio.value:.4g} "
                f"[x{entry.ratio.low:.4g}, x{entry.ratio.high:.4g}]. One in about twenty does by chance; if it comes "
                "again, something lasting tells the two deployments apart."
            ),
            figures={"ratio": entry.ratio.value, "low": entry.ratio.low, "high": entry.ratio.high},
        )
        for entry in floors
        if not entry.holds
    )


def _floor(ratio: Estimate) -> float:
    """Half-width of the interval as a share, at least the observed difference."""
    observed = math.exp(abs(math.log(ratio.value))) - 1
    if math.isnan(ratio.low) or math.isnan(ratio.high):
        return observed
    return max(observed, math.sqrt(ratio.high / ratio.low) - 1)

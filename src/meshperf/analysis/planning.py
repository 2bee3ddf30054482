"""How long an experiment must be to resolve what is asked for: slices and rounds, from what a pilot scattered.

What it decides: the cheapest number of slices a round and of rounds that will probably give an interval as narrow as
wanted, or find a difference as small as wanted.

Why this way: a round's log ratio scatters by the luck of its deployment, which only more rounds average, and by the
noise of its slices, which more slices average too. The pilot tells both apart (`between_sd`, `within_sd`). The noise is
known well, by dozens of slices; the scatter of three rounds is known badly, so the plan asks in what share of all
scatters that this pilot may have come from (its own over the chi-square distribution, but never below its noise) the
interval would be narrow enough, and takes the rounds with which it is in the wanted share. Without noise this is the
F distribution of the variance that will be seen over the one that was. Taking the luck as what the pilot shows beyond
its noise instead promises too much: by chance three rounds often show none. Where no rounds scatter yet, a deployment
luck of 3 % is assumed and said.

What it assumes: slices of a round are as independent as in the pilot; noise falls with the square root of their number.

What it refuses: a promise for a tail whose rounds hold too few requests (a p99 needs 10 000 an arm and round), and one
for rounds that are shorter than the pilot's where nothing tells what their slices scatter.

Source: the F distribution of a ratio of two sample variances is textbook; the two levels are Kalibera & Jones (2013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from meshperf.analysis.power import shift_found
from meshperf.analysis.records import MetricComparison, NoiseFloor

__all__ = ["ASSUMED_LUCK", "MOST_ROUNDS", "Pilot", "ResolutionPlan", "half_width_after", "pilot_of", "rounds_for"]

ASSUMED_LUCK = 0.03
"""Standard deviation of a deployment's log ratio where no pilot told it: that of restarts of identical proxies."""
FEWEST_ROUNDS = 3
MOST_ROUNDS = 200
_FOUND = 0.8
_LEAST = 1e-18
"""A variance above 0: figures that never scattered are not sharper than any number can say."""
_SCATTERS = 400
"""Points that stand for the scatters a pilot may have come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """What is known of a metric's scatter. All sd on the log scale."""

    metric: str
    rounds: int
    slices: int
    """Per arm and round; 0 where the rounds were not sliced."""
    between_sd: float | None
    """Of the rounds' log ratios; None for a single round."""
    within_sd: float | None
    """Standard error of one round's log ratio by its own slices; None where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionPlan:
    """Slices and rounds for one metric. `half_width`: of the interval to be expected, as a share, typical case."""

    metric: str
    resolution: float
    power: float
    rounds: int
    slices: int
    half_width: float
    between_sd: float
    """Scatter of a round that the plan expects with so many slices."""
    assumed: bool
    """The deployment luck was assumed, not seen."""


def pilot_of(measured: MetricComparison | NoiseFloor, *, slices: int) -> Pilot:
    """The scatter that a comparison, or an A/A test, saw. `slices`: per arm and round."""
    ratios = [entry for entry in measured.rounds if entry.excluded is None and entry.ratio > 0]
    logs = [math.log(entry.ratio) for entry in ratios]
    mean = math.fsum(logs) / len(logs) if logs else math.nan
    between = math.sqrt(math.fsum((x - mean) ** 2 for x in logs) / (len(logs) - 1)) if len(logs) > 1 else None
    within = measured.within_sd if isinstance(measured, MetricComparison) else _typical_error(measured, slices)
    return Pilot(metric=measured.metric, rounds=len(logs), slices=slices, between_sd=between, within_sd=within)


def rounds_for(
    pilot: Pilot,
    resolution: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    slices: Sequence[int] | None = None,
    round_cost: float = 0.0,
    find: bool = False,
) -> ResolutionPlan | None:
    """Plan an experiment whose 95 % interval has the wanted half-width.

    Args:
        pilot: what is known.
        resolution: half-width wanted, as a share: 0.10 for 10 %.
        power: chance that the interval will be so narrow, over pilots and experiments together.
        alpha: two-sided level of the interval; for an experiment that may end early, that of its last look.
        slices: numbers of slices a round to choose from; None: half of, as many as, twice and four times the pilot's.
        round_cost: time that a round takes beside its slices (deployment, warm-up), in times of one slice of all arms.
        find: plan to find a true difference of `resolution` four times in five, which takes about twice the rounds.

    Returns:
        The plan that takes the least time; None where more than 200 rounds would be needed.

    Raises:
        ValueError: resolution not above 0, or a power outside of (0, 1).
    """
    if not (resolution > 0 and 0 < power < 1):
        raise ValueError("a resolution is above 0, and a power between 0 and 1")
    noise = _noise(pilot)
    choices = slices or sorted({max(pilot.slices // 2, 1), pilot.slices, 2 * pilot.slices, 4 * pilot.slices})
    plans = []
    for number in choices:
        if noise is None and number < pilot.slices:
            continue
        rounds = _rounds(pilot, number, math.log1p(resolution), alpha, power, find)
        if rounds is not None:
            plans.append((rounds * (round_cost + max(number, 1)), rounds, number))
    if not plans:
        return None
    _, rounds, number = min(plans)
    return ResolutionPlan(
        metric=pilot.metric,
        resolution=resolution,
        power=power,
        rounds=rounds,
        slices=number,
        half_width=half_width_after(pilot, rounds, slices=number, alpha=alpha),
        between_sd=math.sqrt(_variance(pilot, number)),
        assumed=not _known(pilot),
    )


def half_width_after(pilot: Pilot, rounds: int, *, slices: int, alpha: float = 0.05) -> float:
    """Half-width, as a share, of the interval that so many rounds of so many slices give in the typical case."""
    quantile = float(special.stdtrit(rounds - 1, 1 - alpha / 2))
    return math.expm1(quantile * math.sqrt(_variance(pilot, slices) / rounds))


def _known(pilot: Pilot) -> bool:
    return pilot.between_sd is not None and pilot.rounds > 1


def _noise(pilot: Pilot) -> float | None:
    """Variance of a round's log ratio by its own slices; None where nothing tells it."""
    return pilot.within_sd**2 if pilot.within_sd is not None and math.isfinite(pilot.within_sd) else None


def _noise_moved(pilot: Pilot, slices: int) -> tuple[float, float]:
    """The pilot's noise (variance), and by how much it changes with so many slices."""
    noise = _noise(pilot) or 0.0
    scale = pilot.slices / slices if slices and pilot.slices else 1.0
    return noise, noise * (scale - 1)


def _variance(pilot: Pilot, slices: int) -> float:
    """Of a round of so many slices, in the typical case."""
    noise, moved = _noise_moved(pilot, slices)
    seen = pilot.between_sd**2 if _known(pilot) and pilot.between_sd is not None else ASSUMED_LUCK**2 + noise
    return max(seen, noise) + moved


def _rounds(pilot: Pilot, slices: int, wanted: float, alpha: float, power: float, find: bool) -> int | None:
    """Fewest rounds whose half-width, or smallest difference found, is below `wanted` (log scale) with that chance."""
    scatters = _scatters(pilot, slices)

    def enough(rounds: int) -> bool:
        df = rounds - 1.0
        reach = shift_found(df, alpha, _FOUND) if find else float(special.stdtrit(df, 1 - alpha / 2))
        # The interval is narrow enough while the variance that will be seen is at most this.
        most = wanted**2 * rounds / reach**2
        return float(special.chdtr(df, df * most / scatters).mean()) >= power

    if not enough(MOST_ROUNDS):
        return None
    low, high = FEWEST_ROUNDS - 1, MOST_ROUNDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _scatters(pilot: Pilot, slices: int) -> npt.NDArray[np.float64]:
    """True variances of a round of so many slices that the pilot may have come from, each as probable as the others."""
    noise, moved = _noise_moved(pilot, slices)
    if not _known(pilot) or pilot.between_sd is None:
        return np.array([max(_variance(pilot, slices), _LEAST)])
    df = pilot.rounds - 1
    chances = (np.arange(_SCATTERS) + 0.5) / _SCATTERS
    true = df * pilot.between_sd**2 / special.chdtri(df, chances)  # chdtri takes the upper tail
    return np.maximum(np.maximum(true, noise) + moved, _LEAST)


def _typical_error(floor: NoiseFloor, slices: int) -> float | None:
    """Standard error of a round from its within-round interval, rounds averaged; None where rounds have none.

    The interval is the estimator's own, so its width is divided by the t quantile of its super-blocks.
    """
    widths = [
        math.log(entry.within_high / entry.within_low) / 2
        for entry in floor.rounds
        if entry.excluded is None and entry.within_low > 0 and math.isfinite(entry.within_high)
    ]
    if not widths:
        return None
    groups = min(slices, 24 if floor.metric in ("p50", "p90") else 12)
    if groups < 2:
        return None
    quantile = float(special.stdtrit(groups - 1, 0.975))
    return math.sqrt(math.fsum(width**2 for width in widths) / len(widths)) / quantile

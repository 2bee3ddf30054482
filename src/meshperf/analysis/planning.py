"""How long an experiment must be to resolve what is asked for: slices and rounds, from what a pilot scattered.

What it decides: the cheapest number of slices a round and of rounds that will probably give an interval as narrow as
wanted, or find a difference as small as wanted.

Why this way: a round's log ratio scatters by the luck of its deployment, which only more rounds average, and by the
noise of its slices, which more slices average too. The pilot tells both apart (`between_sd`, `within_sd`). A pilot of
three rounds knows its scatter badly, so the plan uses the predictive distribution: the variance that will be seen over
the one that was is F distributed, and the plan holds in the wanted share of all pilots, not only of the lucky ones.
Where no rounds scatter yet, a deployment luck of 3 % is assumed and said.

What it assumes: slices of a round are as independent as in the pilot; noise falls with the square root of their number.

What it refuses: a promise for a tail whose rounds hold too few requests: a p99 needs 10 000 an arm and round.

Source: the F distribution of a ratio of two sample variances is textbook; the two levels are Kalibera & Jones (2013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from meshperf.analysis.power import shift_found
from meshperf.analysis.records import MetricComparison, NoiseFloor

__all__ = ["ASSUMED_LUCK", "MOST_ROUNDS", "Pilot", "ResolutionPlan", "pilot_of", "rounds_for"]

ASSUMED_LUCK = 0.03
"""Standard deviation of a deployment's log ratio where no pilot told it: that of restarts of identical proxies."""
FEWEST_ROUNDS = 3
MOST_ROUNDS = 200
_FOUND = 0.8


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
    known = pilot.between_sd is not None and pilot.rounds > 1
    noise = pilot.within_sd if pilot.within_sd is not None and math.isfinite(pilot.within_sd) else 0.0
    if known and pilot.between_sd is not None:
        total = pilot.between_sd**2
        luck = max(total - noise**2, 0.0)
    else:
        luck = ASSUMED_LUCK**2
        total = luck + noise**2
    choices = slices or sorted({max(pilot.slices // 2, 1), pilot.slices, 2 * pilot.slices, 4 * pilot.slices})
    plans = []
    for number in choices:
        scale = pilot.slices / number if number and pilot.slices else 1.0
        seen = luck + noise**2
        share = (luck + noise**2 * scale) / seen if seen > 0 else 1.0
        variance = total * share
        rounds = _rounds(variance, pilot.rounds if known else 0, math.log1p(resolution), alpha, power, find)
        if rounds is not None:
            plans.append((rounds * (round_cost + max(number, 1)), rounds, number, variance))
    if not plans:
        return None
    _, rounds, number, variance = min(plans)
    half = float(special.stdtrit(rounds - 1, 1 - alpha / 2)) * math.sqrt(variance / rounds)
    return ResolutionPlan(
        metric=pilot.metric,
        resolution=resolution,
        power=power,
        rounds=rounds,
        slices=number,
        half_width=math.expm1(half),
        between_sd=math.sqrt(variance),
        assumed=not known,
    )


def _rounds(variance: float, pilot_rounds: int, wanted: float, alpha: float, power: float, find: bool) -> int | None:
    """Fewest rounds whose half-width, or smallest difference found, is below `wanted` (log scale) with that chance."""
    for rounds in range(FEWEST_ROUNDS, MOST_ROUNDS + 1):
        df = rounds - 1
        if pilot_rounds > 1:
            factor = float(special.fdtri(df, pilot_rounds - 1, power))
        else:
            factor = float(special.chdtri(df, 1 - power)) / df  # chdtri takes the upper tail
        reach = shift_found(float(df), alpha, _FOUND) if find else float(special.stdtrit(df, 1 - alpha / 2))
        if reach * math.sqrt(variance * factor / rounds) <= wanted:
            return rounds
    return None


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

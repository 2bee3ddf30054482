"""How throughput grows with concurrency in a closed loop: Gunther's Universal Scalability Law, fitted in each round.

    X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1))

    N       requests in flight
    lambda  throughput of one alone [1/s]
    sigma   contention: the share of the work that has to wait for its turn
    kappa   coherency: what each pair of requests costs the others

What it decides: the three coefficients, the concurrency with the highest throughput, N* = sqrt((1 - sigma) / kappa),
and that throughput; each with bounds over rounds.

Why this way: written for N / X the law is a straight sum of three terms, so its least squares with coefficients that
are not negative has one solution and needs no start value (errors relative to what was measured, since a slow point is
known about as well in percent as a fast one). A round is a fresh deployment and the unit of evidence: it is fitted by
itself, and t intervals are over rounds. A coefficient that may not be negative is too large on average where the truth
is 0; so the bounds come from the same fit without that limit, and are cut off at 0.

What it assumes: nothing but N changes, and requests are sent without thinking time. `worst` says how far off the law is
from what was measured: a law that fits is a description, and no proof of what limits the arm.

What it refuses: load that is offered at a rate (N is then a result and no setting), fewer than four concurrencies, a
round in which one is missing, and a law that is more than a tenth off in the typical round. A peak beyond twice the
highest concurrency tried is not given: nothing that was measured says so.

Source: Gunther, Guerrilla Capacity Planning (2007), ch. 4-6; Lawson & Hanson (1974) for non-negative least squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from meshperf.analysis.curves import curve_runs
from meshperf.analysis.intervals import geometric_mean, mean_amount, t_bounds
from meshperf.analysis.load_family import CONCURRENCY, LoadFamily
from meshperf.analysis.records import Estimate
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["FEWEST_CONCURRENCIES", "WORST_FIT", "Refusal", "RoundLaw", "Scalability", "fit_law", "scalability"]

FEWEST_CONCURRENCIES = 4
WORST_FIT = 0.1
"""How far, as a share, the typical round's worst point may lie from the law before the law is refused."""
_REACH = 2.0
"""A peak further out than this many times the highest concurrency tried is an invention."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundLaw:
    """The law of one round; `free_*` without the limit at 0, for the bounds over rounds."""

    rate_of_one: float
    contention: float
    coherency: float
    free_contention: float
    free_coherency: float
    worst: float
    """Largest distance of a measured throughput from the law, as a share."""

    @property
    def peak(self) -> float:
        """Concurrency with the highest throughput; infinite where more always is more."""
        if self.coherency <= 0 or self.contention >= 1:
            return 1.0 if self.contention >= 1 else math.inf
        return max(1.0, math.sqrt((1 - self.contention) / self.coherency))

    def throughput(self, concurrency: float) -> float:
        """Requests per second at a concurrency of 1 or more."""
        slowed = 1 + (concurrency - 1) * (self.contention + self.coherency * concurrency)
        return self.rate_of_one * concurrency / slowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalability:
    """The law of one arm over all rounds."""

    arm: str
    concurrencies: tuple[float, ...]
    achieved: tuple[Estimate, ...]
    """Measured throughput at each [1/s]."""
    rate_of_one: Estimate
    contention: Estimate
    coherency: Estimate
    peak: Estimate | None
    """Concurrency with the highest throughput; None where a round has none within reach: see `peak_beyond`."""
    peak_rps: Estimate | None
    peak_beyond: int
    """Rounds whose peak lies out of reach of what was tried."""
    worst: float
    """Median over rounds of each round's worst distance, as a share."""
    residuals: tuple[float, ...]
    """At each concurrency, measured over law less 1: mean over rounds."""
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no law."""

    arm: str
    reason: str


def fit_law(concurrencies: Sequence[float], rates_rps: Sequence[float]) -> RoundLaw:
    """The law of one round.

    Args:
        concurrencies: at least three different ones, 1 or more; rates_rps: throughput at each, above 0.

    Raises:
        ValueError: lengths differ, there are too few, or a figure is out of its range.
    """
    n, x = np.asarray(concurrencies, dtype=np.float64), np.asarray(rates_rps, dtype=np.float64)
    if n.shape != x.shape or np.unique(n).size < 3 or (n < 1).any() or (x <= 0).any():
        raise ValueError("a law needs the throughput, above 0, at three different concurrencies of 1 or more")
    from scipy import optimize  # heavy, and only an experiment in closed loops needs it

    # N / X = 1/lambda + sigma/lambda (N - 1) + kappa/lambda N (N - 1); every row times X / N makes its errors relative.
    design = np.column_stack([np.ones(n.size), n - 1, n * (n - 1)]) * (x / n)[:, None]
    scale = np.abs(design).max(axis=0)
    free = np.linalg.lstsq(design / scale, np.ones(n.size), rcond=None)[0] / scale
    held = optimize.nnls(design / scale, np.ones(n.size))[0] / scale
    if held[0] <= 0:
        # Throughput that grows faster than concurrency has no law of this kind; the best one is a single request's.
        held = np.array([float(np.mean(n / x)), 0.0, 0.0])
    law = RoundLaw(
        rate_of_one=float(1 / held[0]),
        contention=float(held[1] / held[0]),
        coherency=float(held[2] / held[0]),
        free_contention=float(free[1] / free[0]) if free[0] > 0 else float(held[1] / held[0]),
        free_coherency=float(free[2] / free[0]) if free[0] > 0 else float(held[2] / held[0]),
        worst=0.0,
    )
    return replace(law, worst=float(np.max(np.abs(_off(law, n, x)))))


def scalability(arm: str, runs: Sequence[RunResult], family: LoadFamily) -> Scalability | Refusal:
    """The law of one arm over a family of concurrencies, or why there is none."""
    if family.kind != CONCURRENCY:
        return _refused(arm, "the load was offered at a rate: concurrency was then a result and no setting")
    if len(family.values) < FEWEST_CONCURRENCIES:
        return _refused(arm, f"{len(family.values)} concurrencies, at least {FEWEST_CONCURRENCIES} are needed")
    rounds: dict[tuple[int, int], dict[int, float]] = {}
    for run in curve_runs(arm, runs, family):
        rounds.setdefault((run.round, run.group), {})[run.load_point] = run.achieved_rps
    whole = [
        [found[point] for point in family.points]
        for found in rounds.values()
        if all(found.get(point, 0.0) > 0 for point in family.points)
    ]
    if not whole:
        return _refused(arm, "no round has all concurrencies")
    laws = [fit_law(family.values, rates) for rates in whole]
    worst = float(np.median([law.worst for law in laws]))
    if worst > WORST_FIT:
        return _refused(
            arm, f"the law is {worst:.0%} off at a load point of the typical round, more than {WORST_FIT:.0%}"
        )
    n = np.asarray(family.values)
    residuals = np.mean([_off(law, n, np.asarray(rates)) for law, rates in zip(laws, whole, strict=True)], axis=0)
    reach = _REACH * family.values[-1]
    beyond = sum(law.peak > reach for law in laws)
    return Scalability(
        arm=arm,
        concurrencies=family.values,
        achieved=tuple(geometric_mean([rates[i] for rates in whole], Unit.PER_SECOND) for i in range(n.size)),
        rate_of_one=geometric_mean([law.rate_of_one for law in laws], Unit.PER_SECOND),
        contention=_not_negative([law.contention for law in laws], [law.free_contention for law in laws]),
        coherency=_not_negative([law.coherency for law in laws], [law.free_coherency for law in laws]),
        peak=None if beyond else geometric_mean([law.peak for law in laws], Unit.RATIO),
        peak_rps=None if beyond else geometric_mean([law.throughput(law.peak) for law in laws], Unit.PER_SECOND),
        peak_beyond=beyond,
        worst=worst,
        residuals=tuple(float(one) for one in residuals),
        rounds=len(laws),
    )


def _off(law: RoundLaw, n: Floats, x: Floats) -> Floats:
    """Measured over law, less 1."""
    return np.array([rate / law.throughput(float(one)) - 1 for one, rate in zip(n, x, strict=True)])


def _not_negative(values: Sequence[float], free: Sequence[float]) -> Estimate:
    """Mean of coefficients that are not negative; bounds of the free ones, cut off at 0."""
    estimate = mean_amount(values, Unit.RATIO)
    _, low, high = t_bounds(free)
    if math.isfinite(low):
        low, high = max(0.0, min(low, estimate.value)), max(high, estimate.value)
    return replace(estimate, low=low, high=high, method="mean over rounds, t interval of the fit without limits")


def _refused(arm: str, reason: str) -> Refusal:
    return Refusal(arm=arm, reason=reason)

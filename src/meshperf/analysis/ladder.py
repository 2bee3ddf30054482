"""The price list: what each step of a ladder of arms costs, and the sum of the steps against the measured whole.

    price of a step in a round     after - before                              both sat in one group
                                   (after - baseline) - (before - baseline')   else, each over the baseline beside it
    residual in a round            (whole - baseline) - sum of the summed steps

What it decides: how a step's price is formed from rounds; what is published is the mean over them with a t interval.

Why this way: a round holds many groups, which are deployed minutes apart. Two arms of different groups never met, but
each met a baseline, and the machine's mood is in both additions only as far as it changed an addition. The residual is
formed round by round as well, because the steps share arms: intervals of the steps do not simply add up.

What it assumes: rounds are independent of one another. Nothing is fitted: the residual keeps its sign and interval, and
what functions cost together that they do not cost alone is in it.

What it refuses: a price between arms that may not be compared (class X), an interval where figures are only indicative
(class D, pilots included) or the machine differed (class C), and a sum with a step missing from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from meshperf.analysis.comparability import compare_runs
from meshperf.analysis.figures import UNITS
from meshperf.analysis.intervals import mean_amount, ratio_estimate
from meshperf.analysis.ladder_order import LadderOrder, LadderStep
from meshperf.analysis.pairing import in_order, pair_rounds
from meshperf.analysis.records import Estimate
from meshperf.analysis.series import PairedRounds, series_of, unbounded
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["LADDER_METRICS", "Ladder", "LadderSum", "StepPrice", "price_ladder"]

LADDER_METRICS = ("p50", "p90", "mean", "cpu_per_request", "memory")
_UNJUDGED = ("C", "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPrice:
    """What one step adds to one metric."""

    step: str
    metric: str
    unit: Unit
    price: Estimate
    """In `unit`, over rounds; NaN without a round."""
    ratio: Estimate
    """The arm with it over the arm without it; a ratio of ratios where they sat in different groups."""
    rounds: tuple[tuple[int, float], ...]
    """Number and price of each round that counts."""
    direct: bool
    """Both arms sat in one group."""
    grade: str
    """Class of comparability of the two arms."""
    missing: str = ""
    """Why there is no price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderSum:
    """The summed steps against the whole, over the rounds that have all of them: whole = total + residual."""

    metric: str
    unit: Unit
    whole: Estimate
    total: Estimate
    residual: Estimate
    share: float
    """Residual by whole, with its sign; NaN where the whole is not above 0."""
    rounds: tuple[int, ...] = ()
    """Numbers of the rounds that have the whole and every summed step."""
    missing: tuple[str, ...] = ()
    """Summed steps without a price, which is why there is no residual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The price list of one load point of one cell."""

    load_point: int
    order: LadderOrder
    prices: tuple[StepPrice, ...]
    """Steps in order, and for each its metrics."""
    sums: tuple[LadderSum, ...]
    """One a metric."""
    pilot: bool = False

    def price(self, step: str, metric: str) -> StepPrice:
        """One price by the step's name; an unknown one is a KeyError."""
        return {(one.step, one.metric): one for one in self.prices}[step, metric]

    def sum(self, metric: str) -> LadderSum:
        """The sum of one metric; an unknown one is a KeyError."""
        return {one.metric: one for one in self.sums}[metric]


def price_ladder(
    runs: Sequence[RunResult], order: LadderOrder, *, subject: Sequence[str], confidence: float = 0.95
) -> Ladder:
    """Price every step from the runs of one load point.

    Args:
        runs: of one load point, valid or not, in any order; those of other arms do not matter.
        order: the steps; see `ladder_orders`.
        subject: what was declared to differ between arms; a step that changes anything else has no price.
        confidence: of every interval, in (0, 1).

    Raises:
        ValueError: no runs, or runs of several load points.
    """
    points = {run.load_point for run in runs}
    if len(points) != 1:
        raise ValueError(f"a price list needs the runs of one load point, found those of {len(points)}")
    pilot = any(run.design.pilot for run in runs)
    rounds = _Rounds(runs=in_order(runs), order=order, subject=subject, pilot=pilot)
    prices = tuple(_price(rounds, step, metric, confidence) for step in order.steps for metric in LADDER_METRICS)
    sums = tuple(_sum(rounds, prices, metric, confidence) for metric in LADDER_METRICS)
    return Ladder(load_point=points.pop(), order=order, prices=prices, sums=sums, pilot=pilot)


@dataclass(frozen=True, kw_only=True)
class _Rounds:
    """Pairs of arms by round; each pair is laid side by side once for all metrics and steps."""

    runs: Sequence[RunResult]
    order: LadderOrder
    subject: Sequence[str]
    pilot: bool
    _paired: dict[tuple[str, str], PairedRounds] = field(default_factory=dict)
    _series: dict[tuple[str, str, str], _Amounts] = field(default_factory=dict)
    _grades: dict[tuple[str, str], str] = field(default_factory=dict)

    def direct(self, before: str, after: str) -> bool:
        places = [{(run.round, run.group) for run in self._of(arm)} for arm in (before, after)]
        return bool(places[0] & places[1])

    def amounts(self, before: str, after: str, metric: str) -> _Amounts:
        """What `after` adds to `before`, by round: met in one group, or each over the baseline of its own."""
        if before == self.order.baseline or self.direct(before, after):
            return self._met(before, after, metric)
        first = self._met(self.order.baseline, before, metric)
        second = self._met(self.order.baseline, after, metric)
        common = first.added.keys() & second.added.keys()
        return _Amounts(
            added={number: second.added[number] - first.added[number] for number in sorted(common)},
            log_ratios={number: second.log_ratios[number] - first.log_ratios[number] for number in sorted(common)},
        )

    def grade(self, before: str, after: str) -> str:
        """Class of comparability of two arms, whether they met or not."""
        if (before, after) not in self._grades:
            baseline = self.order.baseline
            usable = [
                {pair.round: pair.candidate for pair in self._pairs(baseline, arm).pairing.pairs}
                if arm != baseline
                else {pair.round: pair.baseline for pair in self._pairs(baseline, after).pairing.pairs}
                for arm in (before, after)
            ]
            common = sorted(usable[0].keys() & usable[1].keys())
            found = compare_runs(
                [usable[0][number] for number in common],
                [usable[1][number] for number in common],
                subject=self.subject,
                against_baseline=before == baseline,
                every=(self._of(before), self._of(after)),
            ).grade
            self._grades[before, after] = max(found, "D") if self.pilot else found
        return self._grades[before, after]

    def _of(self, arm: str) -> list[RunResult]:
        return [run for run in self.runs if (run.arm, run.twin) == (arm, 0)]

    def _pairs(self, before: str, after: str) -> PairedRounds:
        if (before, after) not in self._paired:
            pairing = pair_rounds(self.runs, baseline=(before, 0), candidate=(after, 0))
            self._paired[before, after] = PairedRounds(pairing=pairing)
        return self._paired[before, after]

    def _met(self, before: str, after: str, metric: str) -> _Amounts:
        key = (before, after, metric)
        if key not in self._series:
            series = series_of(self._pairs(before, after), metric)
            numbers = [entry.round for entry in series.rounds if entry.excluded is None]
            self._series[key] = _Amounts(
                added=dict(zip(numbers, series.added, strict=True)),
                log_ratios=dict(zip(numbers, series.log_ratios, strict=True)),
            )
        return self._series[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Amounts:
    """By round: what was added, and the logarithm of the ratio."""

    added: Mapping[int, float]
    log_ratios: Mapping[int, float]


def _price(rounds: _Rounds, step: LadderStep, metric: str, confidence: float) -> StepPrice:
    grade = rounds.grade(step.before, step.after)
    found = rounds.amounts(step.before, step.after, metric)
    missing = ""
    if not found.added:
        missing = "no round in which both arms counted and were measured"
    elif grade == "X":
        missing = "the two arms may not be compared (class X)"
    amounts = () if missing else tuple(found.added.items())
    logs = [] if missing else list(found.log_ratios.values())
    unit = UNITS[metric]
    price, ratio = (
        _shown([amount for _, amount in amounts], unit, confidence, grade, mean_amount),
        _shown(logs, Unit.RATIO, confidence, grade, lambda values, _, level: ratio_estimate(values, level)),
    )
    return StepPrice(
        step=step.name,
        metric=metric,
        unit=unit,
        price=price,
        ratio=ratio,
        rounds=amounts,
        direct=step.before == rounds.order.baseline or rounds.direct(step.before, step.after),
        grade=grade,
        missing=missing,
    )


def _sum(rounds: _Rounds, prices: Sequence[StepPrice], metric: str, confidence: float) -> LadderSum:
    order, unit = rounds.order, UNITS[metric]
    summed = [one for one in prices if one.metric == metric and one.step in order.summed]
    missing = tuple(one.step for one in summed if one.missing)
    grade = rounds.grade(order.baseline, order.whole)
    whole = {} if grade == "X" else dict(rounds.amounts(order.baseline, order.whole, metric).added)
    common = set(whole)
    for one in summed:
        common &= dict(one.rounds).keys()
    numbers = [] if missing else sorted(common)
    totals = [math.fsum(dict(one.rounds)[number] for one in summed) for number in numbers]
    wholes = [whole[number] for number in numbers]
    worst = max([grade, *(one.grade for one in summed)])
    total, residual, complete = (
        _shown(values, unit, confidence, worst, mean_amount)
        for values in (totals, [w - t for w, t in zip(wholes, totals, strict=True)], wholes)
    )
    if not numbers:
        complete = _shown(list(whole.values()), unit, confidence, grade, mean_amount)
    return LadderSum(
        metric=metric,
        unit=unit,
        whole=complete,
        total=total,
        residual=residual,
        share=residual.value / complete.value if complete.value > 0 else math.nan,
        rounds=tuple(numbers),
        missing=missing,
    )


def _shown(
    values: Sequence[float],
    unit: Unit,
    confidence: float,
    grade: str,
    estimated: Callable[[Sequence[float], Unit, float], Estimate],
) -> Estimate:
    """The estimate; without bounds where the class of comparability allows none."""
    if not values:
        return unbounded(math.nan, 0, unit, confidence)
    found = estimated(values, unit, confidence)
    if grade in _UNJUDGED:
        return replace(found, low=math.nan, high=math.nan, method=f"{found.method}; class {grade}: no interval")
    return found

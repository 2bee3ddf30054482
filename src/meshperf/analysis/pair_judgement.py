"""All metrics of one pair of arms judged: from their runs to the records that reports show.

What it decides: nothing of its own; it brings series, Holm's correction, the floors and the verdicts together, once for
rounds that were paired and once for sets of runs that were not.

Why this way: an experiment, two bundles, stored rows and the simulations that try the statistics out go through here,
so what is simulated is what is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from meshperf.analysis.equivalence import holm
from meshperf.analysis.figures import METRICS, PRIMARY_FAMILY, TAIL_REQUESTS
from meshperf.analysis.intervals import ratio_estimate
from meshperf.analysis.noise_floor import floor_for
from meshperf.analysis.pairing import one_after_the_other
from meshperf.analysis.power import detectable_difference
from meshperf.analysis.readings import reading
from meshperf.analysis.records import Estimate, MetricComparison, NoiseFloor, SecondVerdict
from meshperf.analysis.series import PairedRounds, Series, merged_tail, series_of
from meshperf.analysis.unpaired import UnpairedSeries, unpaired_series
from meshperf.analysis.verdicts import FEWEST_ROUNDS, Judgement, judge
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["ALPHA", "JudgedMetric", "Terms", "judge_paired", "judge_series", "judge_unpaired"]

ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a pair is judged by, told before it is measured."""

    arm: str
    against: str
    grade: str
    primary: bool = True
    """A candidate against its baseline: Holm runs over the primary family."""
    margins: Mapping[str, float] = field(default_factory=dict)
    absolute_floors: Mapping[str, float] = field(default_factory=dict)
    """By metric, in its unit."""
    floors: Sequence[NoiseFloor] = ()
    pilot: bool = False
    family: Sequence[str] = PRIMARY_FAMILY
    alpha: float = ALPHA
    metrics: Sequence[str] = METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedMetric:
    """A metric with the judgement it came from, which says what warnings go with it."""

    comparison: MetricComparison
    judgement: Judgement


def judge_paired(
    paired: PairedRounds, terms: Terms, *, with_guarded: PairedRounds | None = None
) -> Iterator[JudgedMetric]:
    """Every metric of two arms that met in rounds.

    Args:
        with_guarded: the same with the rounds that only a guard keeps out, for the second verdict; None: none are.
    """
    series = {metric: series_of(paired, metric) for metric in terms.metrics}
    again = {metric: series_of(with_guarded, metric) for metric in terms.metrics} if with_guarded else None
    return judge_series(
        series, terms, sequential=one_after_the_other(paired.pairing.pairs), with_excluded=again, paired=True
    )


def judge_unpaired(
    baseline: Sequence[RunResult], candidate: Sequence[RunResult], terms: Terms
) -> Iterator[JudgedMetric]:
    """Every metric of two sets of runs that share no rounds. Runs that may not be compared are left out before."""
    series = {
        metric: unpaired_series(
            metric,
            [reading(run, metric) for run in baseline],
            [reading(run, metric) for run in candidate],
            pooled=_merged(baseline, candidate) if metric == "p99" else None,
        )
        for metric in terms.metrics
    }
    return judge_series(series, terms, paired=False)


def judge_series(
    series: Mapping[str, Series] | Mapping[str, UnpairedSeries],
    terms: Terms,
    *,
    paired: bool,
    sequential: bool = False,
    with_excluded: Mapping[str, Series] | None = None,
) -> Iterator[JudgedMetric]:
    """The same from series by metric."""
    adjusted = _adjusted(series, terms)
    second = _adjusted(with_excluded, terms) if with_excluded is not None else {}
    for metric, found in series.items():
        judgement = _judged(found, metric, terms, adjusted, sequential)
        comparison = _record(found, judgement, terms, adjusted.get(metric), paired=paired, sequential=sequential)
        if with_excluded is not None:
            whole = with_excluded[metric]
            other = _judged(whole, metric, terms, second, sequential)
            comparison = _with_second(comparison, whole, other, terms.alpha)
        yield JudgedMetric(comparison=comparison, judgement=judgement)


def _merged(baseline: Sequence[RunResult], candidate: Sequence[RunResult]) -> tuple[float, float] | None:
    """The p99 of all runs merged, where one of them holds too few requests for its own; None otherwise."""
    if not (baseline and candidate) or all(run.response.total >= TAIL_REQUESTS for run in (*baseline, *candidate)):
        return None
    return merged_tail(baseline, candidate)


def _adjusted(series: Mapping[str, Series] | Mapping[str, UnpairedSeries], terms: Terms) -> dict[str, float]:
    family = terms.family if terms.primary else ()
    p_values = {metric: series[metric].contrast().p_value() for metric in family if metric in series}
    return holm({metric: p for metric, p in p_values.items() if math.isfinite(p)})


def _judged(
    series: Series | UnpairedSeries, metric: str, terms: Terms, adjusted: Mapping[str, float], sequential: bool
) -> Judgement:
    return judge(
        series,
        terms.margins.get(metric),
        grade=terms.grade,
        pilot=terms.pilot,
        p_adjusted=adjusted.get(metric),
        floor=floor_for(terms.floors, (terms.against, terms.arm), metric),
        absolute_floor=terms.absolute_floors.get(metric),
        sequential=sequential,
        alpha=terms.alpha,
    )


def _record(
    series: Series | UnpairedSeries,
    judgement: Judgement,
    terms: Terms,
    p_adjusted: float | None,
    *,
    paired: bool,
    sequential: bool,
) -> MetricComparison:
    alpha, pooled = terms.alpha, series.pooled is not None
    sd = series.spread if math.isfinite(series.spread) else None
    judged = not (pooled or terms.pilot or sequential or terms.grade in ("C", "D", "X")) and (
        series.count >= FEWEST_ROUNDS
    )
    floor = terms.absolute_floors.get(series.metric)
    floored = judged and floor is not None
    return MetricComparison(
        arm=terms.arm,
        against=terms.against,
        metric=series.metric,
        unit=series.unit,
        ratio=series.ratio(1 - alpha),
        added=series.amount(1 - alpha),
        companion=None if pooled else _ratio_by_ranks(series, 1 - alpha),
        within=series.within,
        margin=terms.margins.get(series.metric),
        verdict=judgement.verdict,
        primary=terms.primary and series.metric in terms.family,
        pooled=pooled,
        reason=judgement.reason,
        p_adjusted=p_adjusted,
        rounds_needed=judgement.rounds_needed,
        rounds=series.rounds,
        between_sd=sd,
        within_sd=series.within_sd,
        uncentred=ratio_estimate(series.uncentred, 1 - alpha)
        if isinstance(series, Series) and series.centred
        else None,
        paired=paired,
        narrow=series.ratio(1 - 2 * alpha) if judged else None,
        narrow_companion=_ratio_by_ranks(series, 1 - 2 * alpha) if judged else None,
        absolute_floor=floor,
        narrow_added=series.amount(1 - 2 * alpha) if floored else None,
        narrow_added_companion=_amount_by_ranks(series, 1 - 2 * alpha) if floored else None,
        detectable=None if sd is None or pooled else detectable_difference(sd, series.count, alpha=alpha),
        deployment_sd=_luck(sd, series.within_sd),
    )


def _with_second(comparison: MetricComparison, series: Series, judgement: Judgement, alpha: float) -> MetricComparison:
    second = SecondVerdict(
        verdict=judgement.verdict, ratio=series.ratio(1 - alpha), rounds=series.count, reason=judgement.reason
    )
    return replace(comparison, with_excluded=second)


def _ratio_by_ranks(series: Series | UnpairedSeries, confidence: float) -> Estimate | None:
    found = series.companion(confidence)
    if found is None:
        return None
    centre, low, high, reached = found
    bounds = math.exp(centre), math.exp(low), math.exp(high)
    return _by_ranks(series, bounds, reached, Unit.RATIO)


def _amount_by_ranks(series: Series | UnpairedSeries, confidence: float) -> Estimate | None:
    found = series.amount_companion(confidence)
    return None if found is None else _by_ranks(series, found[:3], found[3], series.unit)


def _by_ranks(
    series: Series | UnpairedSeries, bounds: tuple[float, float, float], reached: float, unit: Unit
) -> Estimate:
    paired = isinstance(series, Series)
    return Estimate(
        value=bounds[0],
        low=bounds[1],
        high=bounds[2],
        confidence=reached,
        n=series.count,
        unit=unit,
        method=f"Hodges-Lehmann over {'rounds, exact signed-rank' if paired else 'runs, exact rank-sum'} interval",
    )


def _luck(between: float | None, within: float | None) -> float | None:
    """0 where the slices explain all of the scatter, None where they say nothing of it."""
    if between is None or within is None:
        return None
    return math.sqrt(max(between**2 - within**2, 0.0))

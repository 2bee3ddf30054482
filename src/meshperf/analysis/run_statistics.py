"""Verdicts from what a store keeps of each run beside its whole document: quantiles, mean, counts, validity.

What it decides: nothing of its own. Rounds are paired by number and group, and the series go through the judgement of
an experiment.

Why this way: a run's document is a megabyte of histograms, its row a hundred bytes; ten thousand runs are judged again,
by other margins say, in the time that one document takes to read.

What it assumes: that somebody looked at the facts: the class of comparability is told, not found.

What it refuses: what a row does not hold. p50 and p90 are not centred, since there are no slices, so their intervals
are wider in bad weather; a p99 of fewer than 10 000 requests a run is left out, since nothing can be merged; so are CPU
and memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from meshperf.analysis.figures import LATENCIES, TAIL_REQUESTS
from meshperf.analysis.pair_judgement import Terms, judge_series
from meshperf.analysis.pairing import spans_apart
from meshperf.analysis.records import MetricComparison, RoundFigure
from meshperf.analysis.series import Series

__all__ = ["STATISTICS_METRICS", "RunStatistics", "judge_statistics"]

STATISTICS_METRICS = LATENCIES


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """One run in figures. `excluded`: why it is not compared; None: it counts."""

    arm: str
    round: int
    group: int
    attempt: int
    start_time: datetime
    end_time: datetime
    requests: int
    """Answered well."""
    figures: Mapping[str, float]
    """By metric [s]; what is not known is absent or NaN."""
    excluded: str | None = None


Arms = tuple[str, str]
_Place = tuple[int, int]
_Round = tuple[RunStatistics, RunStatistics, str | None]
"""Baseline, candidate, and why the round is excluded."""


def judge_statistics(
    runs: Sequence[RunStatistics], terms: Sequence[Terms], left_out: Mapping[Arms, Mapping[int, str]] | None = None
) -> Iterator[MetricComparison]:
    """Judge pairs of arms again.

    Args:
        runs: of one load point, A/A twins apart, in any order.
        terms: one a pair, with the class that its facts were given; only metrics of `STATISTICS_METRICS` are judged.
        left_out: rounds that were excluded with their reason, by (arm, against): guards and claims are in no row.
    """
    arms: dict[str, dict[_Place, RunStatistics]] = {}
    newest: dict[_Place, int] = {}
    for run in runs:
        place = (run.round, run.group)
        newest[place] = max(newest.get(place, 0), run.attempt)
        known = arms.setdefault(run.arm, {}).get(place)
        if known is None or known.attempt < run.attempt:
            arms[run.arm][place] = run
    for each in terms:
        first, second = (
            {place: run for place, run in arms.get(arm, {}).items() if run.attempt == newest[place]}
            for arm in (each.against, each.arm)
        )
        reasons = (left_out or {}).get((each.arm, each.against), {})
        met: dict[int, _Round] = {}
        for place in sorted(first.keys() & second.keys()):
            a, b = first[place], second[place]
            met.setdefault(place[0], (a, b, reasons.get(place[0]) or a.excluded or b.excluded))
        yield from _judged(each, met)


def _judged(terms: Terms, rounds: Mapping[int, _Round]) -> Iterator[MetricComparison]:
    counted = [(a, b) for a, b, excluded in rounds.values() if excluded is None]
    few = any(min(a.requests, b.requests) < TAIL_REQUESTS for a, b in counted)
    series = {
        metric: _series(metric, rounds)
        for metric in terms.metrics
        if metric in STATISTICS_METRICS and not (metric == "p99" and few)
    }
    apart = spans_apart(
        [(a.start_time, a.end_time) for a, _ in counted], [(b.start_time, b.end_time) for _, b in counted]
    )
    for judged in judge_series(series, terms, paired=True, sequential=apart):
        yield judged.comparison


def _series(metric: str, rounds: Mapping[int, _Round]) -> Series:
    logs: list[float] = []
    added: list[float] = []
    told: list[RoundFigure] = []
    for number, (first, second, excluded) in rounds.items():
        a, b = first.figures.get(metric, math.nan), second.figures.get(metric, math.nan)
        if excluded is None and not (a > 0 and b > 0):
            excluded = f"{metric} was not measured in both arms"
        ratio = math.nan if excluded is not None else b / a
        if excluded is None:
            logs.append(math.log(ratio))
            added.append(b - a)
        told.append(
            RoundFigure(round=number, baseline=a, candidate=b, ratio=ratio, uncentred_ratio=ratio, excluded=excluded)
        )
    return Series(metric=metric, log_ratios=tuple(logs), uncentred=tuple(logs), added=tuple(added), rounds=tuple(told))

"""One metric of one pair over its rounds: the ratios that intervals and verdicts are made from.

What it decides: how a round's ratio is formed. Where both arms took turns in slices, p50 and p90 are centred
(`within`); everything else is candidate over baseline as it stands.

Another tool's quantile lies anywhere in the bucket it was read from: `down` and `up` say how far, rounds averaged.

What it refuses: a p99 from a round with fewer than 10 000 counted requests in an arm. Then the rounds' histograms are
merged, the figure is labelled pooled, has no interval and gets no verdict: merged rounds are one sample.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from meshperf.analysis.blocks import BlockPair, pair_blocks
from meshperf.analysis.contrast import Contrast, paired_contrast
from meshperf.analysis.figures import QUANTILES, TAIL_REQUESTS, UNITS
from meshperf.analysis.intervals import hodges_lehmann_bounds, mean_amount, ratio_estimate
from meshperf.analysis.pairing import Pair, Pairing
from meshperf.analysis.readings import Reading, log_reach, reading
from meshperf.analysis.records import Estimate, RoundFigure
from meshperf.analysis.within import WithinRound, centred_quantile, super_block_ratio
from meshperf.histograms import merge
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["WIDENED", "PairedRounds", "Series", "merged_tail", "series_of", "unbounded"]

CENTRED = ("p50", "p90")
WIDENED = ", widened by the buckets the figures were read from"


@dataclass(frozen=True, kw_only=True)
class PairedRounds:
    """Two residents over their rounds, with the slices of each round laid side by side once for all metrics."""

    pairing: Pairing

    @cached_property
    def blocks(self) -> tuple[BlockPair | None, ...]:
        return tuple(pair_blocks(pair.baseline, pair.candidate) for pair in self.pairing.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A metric over rounds. The three tuples of figures have one entry for every round that counts."""

    metric: str
    log_ratios: tuple[float, ...]
    uncentred: tuple[float, ...]
    added: tuple[float, ...]
    rounds: tuple[RoundFigure, ...]
    """All rounds, excluded ones with their reason."""
    within: Estimate | None = None
    within_sd: float | None = None
    centred: bool = False
    pooled: tuple[float, float] | None = None
    """Baseline and candidate quantile of all rounds merged, where the metric may not be judged by rounds."""
    reach: tuple[float, float] = (0.0, 0.0)
    """How far below and above the log ratio the truth may lie, because another tool resolved no better."""
    amount_reach: tuple[float, float] = (0.0, 0.0)
    """The same of the added amount, in its unit."""

    @property
    def unit(self) -> Unit:
        return UNITS[self.metric]

    @property
    def count(self) -> int:
        """Rounds that count."""
        return len(self.log_ratios)

    @property
    def spread(self) -> float:
        """Standard deviation of the rounds' log ratios; NaN for fewer than two."""
        return self.contrast().error * math.sqrt(self.count) if self.count > 1 else math.nan

    def contrast(self) -> Contrast:
        """Mean log ratio."""
        return paired_contrast(self.log_ratios, down=self.reach[0], up=self.reach[1])

    def amount_contrast(self) -> Contrast:
        """Mean of candidate minus baseline, in the metric's unit."""
        return paired_contrast(self.added, down=self.amount_reach[0], up=self.amount_reach[1])

    def companion(self, confidence: float) -> tuple[float, float, float, float] | None:
        """Hodges-Lehmann on logs: centre, bounds, confidence reached."""
        return _moved_out(hodges_lehmann_bounds(self.log_ratios, confidence), self.reach)

    def amount_companion(self, confidence: float) -> tuple[float, float, float, float] | None:
        """The same of the amount."""
        return _moved_out(hodges_lehmann_bounds(self.added, confidence), self.amount_reach)

    def uncentred_contrast(self) -> Contrast:
        """Mean log ratio as the figures stand."""
        return paired_contrast(self.uncentred, down=self.reach[0], up=self.reach[1])

    def uncentred_amount(self) -> Contrast:
        """Mean of candidate minus baseline as the figures stand."""
        plain = [entry.candidate - entry.baseline for entry in self.rounds if entry.excluded is None]
        return paired_contrast(plain, down=self.amount_reach[0], up=self.amount_reach[1])

    def ratio(self, confidence: float = 0.95) -> Estimate:
        """The published ratio; for a pooled metric the value alone."""
        if self.pooled is not None:
            return unbounded(self.pooled[1] / self.pooled[0], len(self.log_ratios), Unit.RATIO, confidence)
        found = ratio_estimate(self.log_ratios, confidence)
        if self.reach == (0.0, 0.0):
            return found
        low, high = self.contrast().bounds(confidence)
        return replace(found, low=math.exp(low), high=math.exp(high), method=f"{found.method}{WIDENED}")

    def amount(self, confidence: float = 0.95) -> Estimate:
        """Candidate minus baseline."""
        if self.pooled is not None:
            return unbounded(self.pooled[1] - self.pooled[0], len(self.log_ratios), self.unit, confidence)
        found = mean_amount(self.added, self.unit, confidence)
        if self.amount_reach == (0.0, 0.0):
            return found
        low, high = self.amount_contrast().bounds(confidence)
        return replace(found, low=low, high=high, method=f"{found.method}{WIDENED}")


def series_of(paired: PairedRounds, metric: str) -> Series:
    """Form a metric's ratio in every round."""
    rounds: list[RoundFigure] = []
    inside: list[WithinRound] = []
    logs: list[float] = []
    plain: list[float] = []
    added: list[float] = []
    sides: list[tuple[Reading, Reading]] = []
    centred = False
    for pair, blocks in zip(paired.pairing.pairs, paired.blocks, strict=True):
        first, second = reading(pair.baseline, metric), reading(pair.candidate, metric)
        a, b = first.value, second.value
        if not (first.known and second.known):
            rounds.append(_excluded(pair.round, f"{metric} was not measured in both arms", a, b))
            continue
        found = _within(blocks, metric)
        uncentred = math.log(b / a)
        log_ratio, difference = uncentred, b - a
        if found is not None and metric in CENTRED:
            log_ratio, difference, centred = found.log_ratio, found.candidate - found.baseline, True
        if found is not None and math.isfinite(found.standard_error):
            inside.append(found)
        interval = found.estimate() if found is not None else None
        sides.append((first, second))
        logs.append(log_ratio)
        plain.append(uncentred)
        added.append(difference)
        rounds.append(
            RoundFigure(
                round=pair.round,
                baseline=a,
                candidate=b,
                ratio=math.exp(log_ratio),
                uncentred_ratio=math.exp(uncentred),
                within_low=interval.low if interval else math.nan,
                within_high=interval.high if interval else math.nan,
            )
        )
    rounds += [_excluded(left.round, left.reason) for left in paired.pairing.excluded]
    typical = sorted(inside, key=lambda estimate: estimate.standard_error)[len(inside) // 2] if inside else None
    return Series(
        metric=metric,
        log_ratios=tuple(logs),
        uncentred=tuple(plain),
        added=tuple(added),
        rounds=tuple(sorted(rounds, key=lambda entry: entry.round)),
        within=typical.estimate() if typical else None,
        within_sd=math.sqrt(statistics.fmean(w.standard_error**2 for w in inside)) if inside else None,
        centred=centred,
        pooled=_pooled_tail(paired.pairing.pairs) if metric == "p99" else None,
        reach=_mean_reach([(log_reach(a), log_reach(b)) for a, b in sides]),
        amount_reach=_mean_reach(
            [((a.value - a.low, a.high - a.value), (b.value - b.low, b.high - b.value)) for a, b in sides]
        ),
    )


def _mean_reach(rounds: list[tuple[tuple[float, float], tuple[float, float]]]) -> tuple[float, float]:
    """How far a mean of candidate less baseline may lie off: a candidate read too high, a baseline read too low."""
    if not rounds:
        return (0.0, 0.0)
    down = statistics.fmean(candidate[0] + baseline[1] for baseline, candidate in rounds)
    return down, statistics.fmean(candidate[1] + baseline[0] for baseline, candidate in rounds)


def _moved_out(
    found: tuple[float, float, float, float] | None, reach: tuple[float, float]
) -> tuple[float, float, float, float] | None:
    return None if found is None else (found[0], found[1] - reach[0], found[2] + reach[1], found[3])


def _within(blocks: BlockPair | None, metric: str) -> WithinRound | None:
    if blocks is None or metric == "memory":
        return None
    return centred_quantile(blocks, metric) if metric in CENTRED else super_block_ratio(blocks, metric)


def _pooled_tail(pairs: tuple[Pair, ...]) -> tuple[float, float] | None:
    if not pairs or all(min(p.baseline.response.total, p.candidate.response.total) >= TAIL_REQUESTS for p in pairs):
        return None
    return merged_tail([pair.baseline for pair in pairs], [pair.candidate for pair in pairs])


def merged_tail(baseline: Sequence[RunResult], candidate: Sequence[RunResult]) -> tuple[float, float]:
    """p99 [s] of all runs of either side merged."""
    a, b = (float(merge(run.response for run in runs).quantile(QUANTILES["p99"])) for runs in (baseline, candidate))
    return (a, b)


def _excluded(number: int, reason: str, a: float = math.nan, b: float = math.nan) -> RoundFigure:
    return RoundFigure(round=number, baseline=a, candidate=b, ratio=math.nan, excluded=reason)


def unbounded(value: float, rounds: int, unit: Unit, confidence: float) -> Estimate:
    """A figure of all runs merged: one sample, so no interval."""
    return Estimate(
        value=value,
        low=math.nan,
        high=math.nan,
        confidence=confidence,
        n=rounds,
        unit=unit,
        method="rounds merged, shown without an interval",
    )

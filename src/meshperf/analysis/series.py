"""One metric of one pair over its rounds: the ratios that intervals and verdicts are made from.

What it decides: how a round's ratio is formed. Where both arms took turns in slices, p50 and p90 are centred
(`within`); everything else is candidate over baseline as it stands.

What it refuses: a p99 from a round with fewer than 10 000 counted requests in an arm. Then the rounds' histograms are
merged, the figure is labelled pooled, has no interval and gets no verdict: merged rounds are one sample.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from functools import cached_property

from meshperf.analysis.blocks import BlockPair, pair_blocks
from meshperf.analysis.figures import QUANTILES, TAIL_REQUESTS, UNITS, figure
from meshperf.analysis.intervals import mean_amount, ratio_estimate
from meshperf.analysis.pairing import Pair, Pairing
from meshperf.analysis.records import Estimate, RoundFigure
from meshperf.analysis.within import WithinRound, centred_quantile, super_block_ratio
from meshperf.histograms import merge
from meshperf.units import Unit

__all__ = ["PairedRounds", "Series", "series_of"]

CENTRED = ("p50", "p90")


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

    @property
    def unit(self) -> Unit:
        return UNITS[self.metric]

    def ratio(self, confidence: float = 0.95) -> Estimate:
        """The published ratio; for a pooled metric the value alone."""
        if self.pooled is not None:
            return _unbounded(self.pooled[1] / self.pooled[0], len(self.log_ratios), Unit.RATIO, confidence)
        return ratio_estimate(self.log_ratios, confidence)

    def amount(self, confidence: float = 0.95) -> Estimate:
        """Candidate minus baseline."""
        if self.pooled is not None:
            return _unbounded(self.pooled[1] - self.pooled[0], len(self.log_ratios), self.unit, confidence)
        return mean_amount(self.added, self.unit, confidence)


def series_of(paired: PairedRounds, metric: str) -> Series:
    """Form a metric's ratio in every round."""
    rounds: list[RoundFigure] = []
    inside: list[WithinRound] = []
    logs: list[float] = []
    plain: list[float] = []
    added: list[float] = []
    centred = False
    for pair, blocks in zip(paired.pairing.pairs, paired.blocks, strict=True):
        a, b = figure(pair.baseline, metric), figure(pair.candidate, metric)
        if not (math.isfinite(a) and math.isfinite(b) and a > 0 and b > 0):
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
    )


def _within(blocks: BlockPair | None, metric: str) -> WithinRound | None:
    if blocks is None or metric == "memory":
        return None
    return centred_quantile(blocks, metric) if metric in CENTRED else super_block_ratio(blocks, metric)


def _pooled_tail(pairs: tuple[Pair, ...]) -> tuple[float, float] | None:
    if not pairs or all(min(p.baseline.response.total, p.candidate.response.total) >= TAIL_REQUESTS for p in pairs):
        return None
    a = float(merge(pair.baseline.response for pair in pairs).quantile(QUANTILES["p99"]))
    b = float(merge(pair.candidate.response for pair in pairs).quantile(QUANTILES["p99"]))
    return (a, b)


def _excluded(number: int, reason: str, a: float = math.nan, b: float = math.nan) -> RoundFigure:
    return RoundFigure(round=number, baseline=a, candidate=b, ratio=math.nan, excluded=reason)


def _unbounded(value: float, rounds: int, unit: Unit, confidence: float) -> Estimate:
    return Estimate(
        value=value,
        low=math.nan,
        high=math.nan,
        confidence=confidence,
        n=rounds,
        unit=unit,
        method="rounds merged, shown without an interval",
    )

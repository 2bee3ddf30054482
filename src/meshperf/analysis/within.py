"""Estimates from the slices of one deployment: how an arm compares with another while they take turns.

What it decides: the ratio of one round, and how precise this deployment's slices make it. Such an interval speaks of
this deployment only; the published one runs over rounds (`intervals`).

Why this way: noise on a shared machine lasts longer than a slice, so both arms of a block meet the same weather. For
p50 and p90 each block is centred: both arms are shifted by the same log amount, the mean of the log medians of their
two slices, then all requests are pooled. A storm common to both arms drops out, the difference between them does not,
because the same amount is taken from each. The standard error is a delete-one-super-block jackknife.

What it assumes: super-blocks of consecutive blocks are nearly independent of one another.

What it refuses: centring on the joint median of a block (it moves with the very difference that is to be measured, puts
a spike at zero and pulls every ratio towards 1); centring p99 or the mean (a stall of one arm would be shared out to
both); an interval from fewer than six super-blocks; a p99 from super-blocks of fewer than 1000 requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from meshperf.analysis.blocks import ArmBlocks, BlockPair, weighted_quantile
from meshperf.analysis.figures import QUANTILES
from meshperf.analysis.intervals import t_bounds, t_quantile
from meshperf.analysis.records import Estimate
from meshperf.units import Unit

__all__ = ["WithinRound", "centred_quantile", "pooled_quantile", "super_block_ratio"]

QUANTILE_SUPER_BLOCKS = 24
SUPER_BLOCKS = 12
FEWEST_SUPER_BLOCKS = 6
TAIL_REQUESTS = 1000
"""Requests per arm that a super-block needs for its p99: ten of them lie beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinRound:
    """One deployment's estimate. `baseline` and `candidate` are in the metric's unit, under the estimator's conditions.

    `standard_error` is of the log ratio, NaN where the slices are too few to tell.
    """

    baseline: float
    candidate: float
    log_ratio: float
    standard_error: float
    df: int
    method: str

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """As an estimate of the ratio; `n` is the number of super-blocks, not of rounds."""
        half = t_quantile(self.df, 0.5 + confidence / 2) * self.standard_error if self.df > 0 else math.nan
        return Estimate(
            value=math.exp(self.log_ratio),
            low=math.exp(self.log_ratio - half),
            high=math.exp(self.log_ratio + half),
            confidence=confidence,
            n=self.df + 1,
            unit=Unit.RATIO,
            method=f"{self.method}; this deployment only",
        )


def centred_quantile(pair: BlockPair, metric: str) -> WithinRound | None:
    """p50 or p90: pooled ratio after centring every block; None when an arm has no successful request.

    A block in which an arm has none keeps its place unshifted: leaving it out would drop a slice for being bad.
    """
    weather = (pair.baseline.log_medians() + pair.candidate.log_medians()) / 2
    both = np.isfinite(weather)
    if not both.any():
        return None
    shift = np.where(both, weather - weather[both].mean(), 0.0)
    return _jackknifed(
        pair,
        QUANTILES[metric],
        shift,
        "blocks centred on the mean of the two slice medians, jackknife over super-blocks",
    )


def pooled_quantile(pair: BlockPair, metric: str) -> WithinRound | None:
    """The same without centring: what the requests show as they came, weather included."""
    return _jackknifed(pair, QUANTILES[metric], np.zeros(pair.blocks), "pooled, jackknife over super-blocks")


def super_block_ratio(pair: BlockPair, metric: str) -> WithinRound | None:
    """p99, mean or CPU per request: log ratio of each super-block, t interval over them.

    None when a super-block lacks requests (p99: 1000 per arm), CPU clocks, or there are fewer than six.
    """
    groups = _super_blocks(pair.blocks, SUPER_BLOCKS)
    count = int(groups[-1]) + 1 if groups.size else 0
    if count < FEWEST_SUPER_BLOCKS:
        return None
    sides = [_by_super_block(arm, groups, count, metric) for arm in (pair.baseline, pair.candidate)]
    table = np.array(sides)
    if not (np.isfinite(table).all() and (table > 0).all()):
        return None
    logs = np.log(table[1] / table[0])
    mean = t_bounds(logs)[0]
    return WithinRound(
        baseline=float(np.exp(np.log(table[0]).mean())),
        candidate=float(np.exp(np.log(table[1]).mean())),
        log_ratio=mean,
        standard_error=float(logs.std(ddof=1)) / math.sqrt(count),
        df=count - 1,
        method="log ratios of super-blocks, t interval",
    )


def _jackknifed(pair: BlockPair, q: float, shift: npt.NDArray[np.float64], method: str) -> WithinRound | None:
    if not (pair.baseline.count.size and pair.candidate.count.size):
        return None
    groups = _super_blocks(pair.blocks, QUANTILE_SUPER_BLOCKS)
    baseline, baseline_without = _leave_one_out(pair.baseline, groups, shift, q)
    candidate, candidate_without = _leave_one_out(pair.candidate, groups, shift, q)
    without = candidate_without - baseline_without
    size = without.size
    enough = size >= FEWEST_SUPER_BLOCKS and bool(np.isfinite(without).all())
    spread = float(((without - without.mean()) ** 2).sum()) if enough else math.nan
    return WithinRound(
        baseline=math.exp(baseline),
        candidate=math.exp(candidate),
        log_ratio=candidate - baseline,
        standard_error=math.sqrt((size - 1) / size * spread) if enough else math.nan,
        df=size - 1 if enough else 0,
        method=method,
    )


def _leave_one_out(
    arm: ArmBlocks, groups: npt.NDArray[np.int64], shift: npt.NDArray[np.float64], q: float
) -> tuple[float, npt.NDArray[np.float64]]:
    """Log quantile of all shifted requests, and without each super-block in turn (NaN where nothing is left)."""
    logs = np.log(arm.value) - shift[arm.block]
    order = np.argsort(logs, kind="stable")
    logs, count, group = logs[order], arm.count[order], groups[arm.block[order]]
    without = []
    for left_out in range(int(groups[-1]) + 1):
        kept = group != left_out
        without.append(weighted_quantile(logs[kept], count[kept], q))
    return weighted_quantile(logs, count, q), np.array(without)


def _by_super_block(arm: ArmBlocks, groups: npt.NDArray[np.int64], count: int, metric: str) -> npt.NDArray[np.float64]:
    if metric == "cpu_per_request":
        sent = np.bincount(groups, weights=arm.sent, minlength=count)
        cpu = np.bincount(groups, weights=arm.cpu_s, minlength=count)
        return _per(cpu, sent)
    group = groups[arm.block]
    requests = np.bincount(group, weights=arm.count, minlength=count)
    if metric == "mean":
        total = np.bincount(group, weights=arm.value * arm.count, minlength=count)
        return _per(total, requests)
    if (requests < TAIL_REQUESTS).any():
        return np.full(count, np.nan)
    order = np.argsort(arm.value, kind="stable")
    value, weight, group = arm.value[order], arm.count[order], group[order]
    return np.array([weighted_quantile(value[group == g], weight[group == g], QUANTILES[metric]) for g in range(count)])


def _super_blocks(blocks: int, wanted: int) -> npt.NDArray[np.int64]:
    """Which of up to `wanted` equal groups of consecutive blocks each block belongs to."""
    return np.arange(blocks, dtype=np.int64) * min(wanted, blocks) // max(blocks, 1)


def _per(total: npt.NDArray[Any], number: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """total / number, NaN where there is none."""
    out = np.full(total.shape, np.nan)
    np.divide(total, number, out=out, where=number > 0)
    return out

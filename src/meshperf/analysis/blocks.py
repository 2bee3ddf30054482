"""The slices of two runs of one group, side by side by block, as flat arrays that the estimators run over.

Why this way: a slice is a sparse histogram of some fifty buckets. All slices of an arm in three arrays (value, count,
block) let numpy do in one pass what a loop over slices would do in thousands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from meshperf.analysis.figures import judged_components
from meshperf.histograms import bucket_bounds
from meshperf.spec.records import RunResult

__all__ = ["ArmBlocks", "BlockPair", "pair_blocks", "weighted_quantile"]

_NS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmBlocks:
    """One arm's slices. `value` [s], `count` and `block` have one entry a bucket, sorted by block, then value.

    `cpu_s` (application and sidecars, NaN when a clock is missing) and `sent` have one entry a block.
    """

    value: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]
    block: npt.NDArray[np.int64]
    cpu_s: npt.NDArray[np.float64]
    sent: npt.NDArray[np.int64]

    def log_medians(self) -> npt.NDArray[np.float64]:
        """Logarithm of the median of every block's requests; NaN for a block without any."""
        blocks = self.sent.size
        totals = np.bincount(self.block, weights=self.count, minlength=blocks)
        ends = np.cumsum(self.count)
        starts = np.cumsum(totals) - totals
        logs = np.log(self.value)
        full = totals > 0
        medians = np.full(blocks, np.nan)
        lower = np.searchsorted(ends, starts[full] + np.floor((totals[full] - 1) / 2), side="right")
        upper = np.searchsorted(ends, starts[full] + np.ceil((totals[full] - 1) / 2), side="right")
        medians[full] = (logs[lower] + logs[upper]) / 2
        return medians


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockPair:
    """Two arms over the blocks in which both had a slice."""

    baseline: ArmBlocks
    candidate: ArmBlocks
    blocks: int


def pair_blocks(baseline: RunResult, candidate: RunResult) -> BlockPair | None:
    """Align two runs of one group by block; None when they were not interleaved.

    A block that only one of them reached (the last one of an interrupted round) is left out, whatever was in it.
    """
    if baseline.design.design != "interleaved" or candidate.design.design != "interleaved":
        return None
    common = np.array(
        sorted({piece.block for piece in baseline.slices} & {piece.block for piece in candidate.slices}), dtype=np.int64
    )
    if common.size < 2:
        return None
    return BlockPair(
        baseline=_arm_blocks(baseline, common), candidate=_arm_blocks(candidate, common), blocks=int(common.size)
    )


def weighted_quantile(value: npt.NDArray[np.float64], count: npt.NDArray[np.int64], q: float) -> float:
    """Quantile of sorted values that occur `count` times each (Hyndman & Fan, definition 7); NaN for none."""
    ends = np.cumsum(count)
    if not ends.size:
        return math.nan
    rank = q * (int(ends[-1]) - 1)
    lower = math.floor(rank)
    first, second = np.searchsorted(ends, [lower, min(lower + 1, int(ends[-1]) - 1)], side="right")
    return float(value[first] + (rank - lower) * (value[second] - value[first]))


def _arm_blocks(run: RunResult, common: npt.NDArray[np.int64]) -> ArmBlocks:
    place = {int(block): position for position, block in enumerate(common)}
    pieces = sorted((piece for piece in run.slices if piece.block in place), key=lambda piece: piece.block)
    components = judged_components(run)
    cpu_s = np.zeros(common.size)
    sent = np.zeros(common.size, dtype=np.int64)
    for piece in pieces:
        at = place[piece.block]
        cpu_s[at] += math.fsum(piece.cpu_s.get(name, math.nan) for name in components) if components else math.nan
        sent[at] += piece.counts.sent
    index = np.concatenate([piece.response.index for piece in pieces])
    count = np.concatenate([piece.response.count for piece in pieces])
    block = np.repeat(
        np.array([place[piece.block] for piece in pieces], dtype=np.int64),
        [piece.response.index.size for piece in pieces],
    )
    order = np.lexsort((index, block))
    low, high = bucket_bounds(index[order])
    value = np.maximum((low + high - 1) * (_NS / 2), _NS / 2)  # a recorded 0 ns has no logarithm
    return ArmBlocks(value=value, count=count[order], block=block[order], cpu_s=cpu_s, sent=sent)

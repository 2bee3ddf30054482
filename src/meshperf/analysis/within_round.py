"""Both estimates of a single deployment side by side, for `doctor`, pilots and reports: this deployment only."""

from __future__ import annotations

from meshperf.analysis.blocks import pair_blocks
from meshperf.analysis.records import Estimate
from meshperf.analysis.within import centred_quantile, pooled_quantile, super_block_ratio
from meshperf.spec.records import RunResult

__all__ = ["within_round"]


def within_round(baseline: RunResult, candidate: RunResult, metric: str) -> tuple[Estimate | None, Estimate | None]:
    """The ratio of one metric within one round, from its slices.

    Returns:
        (estimate, beside): for p50 and p90 the centred ratio and the pooled one; for p99, the mean and CPU per request
        the super-block ratio and None. None where there are no slices, or too few requests. Both intervals speak of
        this deployment only.
    """
    blocks = pair_blocks(baseline, candidate)
    if blocks is None:
        return (None, None)
    if metric in ("p50", "p90"):
        centred, pooled = centred_quantile(blocks, metric), pooled_quantile(blocks, metric)
        return (centred.estimate() if centred else None, pooled.estimate() if pooled else None)
    found = super_block_ratio(blocks, metric)
    return (found.estimate() if found else None, None)

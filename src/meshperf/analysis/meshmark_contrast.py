"""When two MeshMarks differ: which mesh is better, and whether that holds for all admissible weights.

What it decides: "better" only where the interval of the ratio of the two scores excludes 1; otherwise the two are not
distinguishable.

What it refuses: scores on other cells, of other classes, weights, workloads or kinds of baseline: these answer other
questions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from meshperf.analysis.contrast import paired_contrast, unpaired_contrast
from meshperf.analysis.meshmark import corners, log_score
from meshperf.analysis.meshmark_score import MeshMark
from meshperf.analysis.records import Estimate
from meshperf.errors import ComparisonError
from meshperf.units import Unit

__all__ = ["MarkContrast", "compare_marks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkContrast:
    """Two scores: `ratio` is that of `arm` by `against`."""

    arm: str
    against: str
    ratio: Estimate
    better: str
    """The arm whose score is higher; empty where the interval holds 1."""
    for_all_weights: bool
    """The sign of the difference is the same whatever admissible weights are chosen."""
    paired: bool


def compare_marks(a: MeshMark, b: MeshMark, *, paired: bool) -> MarkContrast:
    """Which of two meshes is better, from the interval of the ratio of their scores (b by a).

    Args:
        paired: both come from the same rounds of one experiment.

    Raises:
        ComparisonError: MP4001, one has no score, or they differ in cells, classes, weights, workload or baseline.
    """
    differing = [name for name in a.basis if a.basis[name] != b.basis.get(name)]
    without = [each.arm for each in (a, b) if each.value is None]
    if without or differing:
        reason = f"{' and '.join(without)} has no score" if without else f"they differ in {', '.join(differing)}"
        raise ComparisonError("MP4001", f"the scores of {a.arm} and {b.arm} cannot be compared: {reason}")
    if paired:
        first, second = _by_round(a), _by_round(b)
        contrast = paired_contrast([second[number] - first[number] for number in sorted(first.keys() & second.keys())])
    else:
        contrast = unpaired_contrast(list(a.logs.values()), list(b.logs.values()))
    low, high = contrast.bounds(0.95)
    better = b.arm if low > 0 else a.arm if high < 0 else ""
    signs = {_sign(log_score(b.cells(), weights) - log_score(a.cells(), weights)) for weights in corners(a.cells())}
    return MarkContrast(
        arm=b.arm,
        against=a.arm,
        ratio=Estimate(
            value=math.exp(contrast.value),
            low=math.exp(low),
            high=math.exp(high),
            confidence=0.95,
            n=contrast.n,
            unit=Unit.RATIO,
            method="ratio of scores, t interval on logs" + ("" if paired else ", not paired"),
        ),
        better=better,
        for_all_weights=len(signs) == 1 and 0 not in signs,
        paired=paired,
    )


def _by_round(of: MeshMark) -> dict[int, float]:
    return {number: value for (number, _), value in of.logs.items()}


def _sign(value: float) -> int:
    return (value > 1e-12) - (value < -1e-12)

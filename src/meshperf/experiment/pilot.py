"""The pilot: how long a slice should be on this machine, and what the experiment will be able to resolve.

What it decides: the slice length, when the file leaves it open. It runs a few seconds of continuous load on the
baseline and one candidate, cut into short stretches, and looks at how the median wanders (Allan variance): shorter
slices let the arms meet before the machine's mood changes, longer ones waste less on lead-in and guard.

    cost(L) = (L + lead-in + guard) · Allan variance of the log median of stretches of length L

It takes the shortest length within 15 % of the least cost. The rule comes from the study that
docs/concepts/interleaving.md sums up; the predicted half-width there was 1.4 to 1.7 times too wide: safe.

What it assumes: the noise of the pilot's seconds is like that of the experiment. What it refuses: lengths below 100 ms
(lead-in and guard would be more than 15 % of it) or with fewer than 25 requests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from meshperf.experiment.offered import steady_phase
from meshperf.experiment.plan import GUARD_S, LEAD_IN_S, SLICE_CEILING_S, SLICE_FLOOR_S
from meshperf.histograms import Histogram, merge
from meshperf.load.plan import Phase
from meshperf.load.recording import PhaseRecording
from meshperf.spec.experiment import LoadPoint

__all__ = ["PilotFinding", "choose_slice", "default_slice", "pilot_phases"]

STRETCH_S = 0.05
"""The pilot's load is cut into stretches of this length [s]."""
_LENGTHS_S = (0.1, 0.2, 0.5, 1.0)
_TOLERANCE = 1.15
_MINIMUM_REQUESTS = 25
_BLOCKS = 24
"""Blocks that a round should hold at least: estimates inside a round rest on as many super-blocks."""
_CONTINUOUS_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotFinding:
    """What the pilot found. Half-widths are shares of the ratio at 95 %, inside one deployment, for p50."""

    slice_s: float
    predicted_half_width: float
    cost_by_length: tuple[tuple[float, float], ...]
    reason: str


def default_slice(point: LoadPoint) -> float:
    """100 ms, longer where the rate is low: a slice holds at least 25 requests and lasts at most 1 s."""
    return min(SLICE_CEILING_S, _requests_floor(point))


def _requests_floor(point: LoadPoint) -> float:
    """25 requests, and lead-in and guard at most 15 % of the slice."""
    return SLICE_FLOOR_S if point.rate is None else max(SLICE_FLOOR_S, _MINIMUM_REQUESTS / point.rate)


def pilot_phases(point: LoadPoint, targets: Sequence[int], seed: int) -> tuple[Phase, ...]:
    """Continuous load on each target in turn, recorded in stretches of 50 ms without lead-in or guard."""
    stretches = int(_CONTINUOUS_S / STRETCH_S)
    return tuple(
        steady_phase(point, target, STRETCH_S, drain_s=1.0, seed=seed + stretches * position + stretch, label="pilot")
        for position, target in enumerate(targets)
        for stretch in range(stretches)
    )


def choose_slice(recordings: Sequence[PhaseRecording], point: LoadPoint, *, budget_s: float) -> PilotFinding:
    """The slice length for this machine, from the pilot's stretches.

    Args:
        recordings: what `pilot_phases` recorded, any number of targets.
        budget_s: counted seconds per arm and round, for the prediction.
    """
    by_target: dict[int, list[Histogram]] = {}
    for recording in recordings:
        by_target.setdefault(recording.target, []).append(recording.response)
    floor = _requests_floor(point)
    costs = []
    for length in _LENGTHS_S:
        variances = [_allan_variance(stretches, length) for stretches in by_target.values()]
        known = [variance for variance in variances if variance is not None]
        if known and floor - 1e-9 <= length <= max(floor, budget_s / _BLOCKS):
            costs.append((length, (length + LEAD_IN_S + GUARD_S) * max(known)))
    if not costs:
        length = default_slice(point)
        return PilotFinding(
            slice_s=length, predicted_half_width=math.nan, cost_by_length=(), reason="too few requests to tell; default"
        )
    least = min(cost for _, cost in costs)
    length, cost = next((length, cost) for length, cost in costs if cost <= least * _TOLERANCE)
    half_width = 1.96 * math.sqrt(2 * cost / budget_s)
    return PilotFinding(
        slice_s=length,
        predicted_half_width=half_width,
        cost_by_length=tuple(costs),
        reason=f"shortest within 15 % of the least cost, {len(recordings)} stretches of {STRETCH_S * 1e3:.0f} ms",
    )


def _allan_variance(stretches: Sequence[Histogram], length_s: float) -> float | None:
    """Half the mean squared difference of neighbouring log medians; None with fewer than three neighbours."""
    together = round(length_s / STRETCH_S)
    merged = [merge(stretches[at : at + together]) for at in range(0, len(stretches) - together + 1, together)]
    medians = np.array([float(histogram.quantile(0.5)) for histogram in merged if histogram.total >= 5])
    if medians.size < 4 or not (medians > 0).all():
        return None
    return float(np.mean(np.diff(np.log(medians)) ** 2) / 2)

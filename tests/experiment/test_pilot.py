"""The pilot's choice against noise whose best slice length is known."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from meshperf.experiment.pilot import STRETCH_S, choose_slice, default_slice, pilot_phases
from meshperf.histograms import Histogram
from meshperf.load.recording import PhaseRecording
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.records import Counts

POINT = LoadPoint(rate=1000.0, duration_s=5.0)


def recorded(levels: npt.NDArray[np.float64], rng: np.random.Generator) -> list[PhaseRecording]:
    """Stretches of 50 requests around 1 ms, each shifted by its level (log)."""
    return [
        PhaseRecording(
            target=0,
            label="pilot",
            begin_s=number * STRETCH_S,
            end_s=(number + 1) * STRETCH_S,
            drained_s=(number + 1) * STRETCH_S,
            drained=True,
            counts=Counts(offered=50, sent=50, ok=50),
            response=Histogram.from_values(1e-3 * np.exp(level + 0.1 * rng.standard_normal(50))),
        )
        for number, level in enumerate(levels)
    ]


def test_wandering_noise_asks_for_the_shortest_slice() -> None:
    rng = np.random.default_rng(1)
    walk = np.cumsum(0.05 * rng.standard_normal(400))
    assert choose_slice(recorded(walk, rng), POINT, budget_s=5.0).slice_s == 0.1


def test_noise_that_alternates_faster_than_a_slice_asks_for_a_longer_one() -> None:
    rng = np.random.default_rng(2)
    alternating = np.where(np.arange(400) // 2 % 2 == 0, 0.3, -0.3)
    assert choose_slice(recorded(alternating, rng), POINT, budget_s=60.0).slice_s > 0.1


def test_a_low_rate_keeps_slices_long_enough_for_25_requests() -> None:
    rng = np.random.default_rng(3)
    walk = np.cumsum(0.05 * rng.standard_normal(400))
    slow = LoadPoint(rate=100.0, duration_s=5.0)
    assert choose_slice(recorded(walk, rng), slow, budget_s=5.0).slice_s >= 0.25
    assert default_slice(slow) == 0.25
    assert default_slice(LoadPoint(rate=1.0)) == 1.0


def test_a_longer_budget_predicts_a_narrower_interval_by_its_square_root() -> None:
    rng = np.random.default_rng(4)
    stretches = recorded(0.05 * rng.standard_normal(200), rng)
    short = choose_slice(stretches, POINT, budget_s=50.0).predicted_half_width
    long = choose_slice(stretches, POINT, budget_s=200.0).predicted_half_width
    assert math.isclose(short / long, 2.0, rel_tol=1e-9)


def test_nothing_recorded_falls_back_and_says_so() -> None:
    finding = choose_slice([], POINT, budget_s=5.0)
    assert finding.slice_s == default_slice(POINT)
    assert math.isnan(finding.predicted_half_width)
    assert "default" in finding.reason


def test_the_pilot_covers_each_target_without_gaps() -> None:
    phases = pilot_phases(POINT, (0, 1), seed=7)
    assert {phase.target for phase in phases} == {0, 1}
    assert all(phase.guard_s == 0 and phase.lead_in_s == 0 for phase in phases)
    assert len({phase.seed for phase in phases}) == len(phases)


def test_a_round_keeps_its_24_blocks_whatever_the_noise_asks_for() -> None:
    rng = np.random.default_rng(5)
    alternating = np.where(np.arange(400) // 2 % 2 == 0, 0.3, -0.3)
    assert choose_slice(recorded(alternating, rng), POINT, budget_s=5.0).slice_s <= 5.0 / 24

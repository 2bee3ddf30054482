"""The shapes of the test kinds: stages, defaults and limits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from meshperf.errors import UsageError
from meshperf.load.kinds import CapacityShape, LoadShape, Shape, SoakShape, SpikeShape, StressShape, SweepShape
from meshperf.load.plan import Arrivals
from meshperf.load.surge import MOST_ARRIVALS, surge_phase
from meshperf.spec.kinds import Kind


def test_a_load_test_is_a_tenth_up_eight_tenths_plateau_and_a_tenth_down() -> None:
    up, plateau, down = LoadShape(rate=1000, duration_s=60).stages()
    assert (up.duration_s, plateau.duration_s, down.duration_s) == (6, 48, 6)
    assert (up.rate_end, plateau.rate, plateau.rate_end, down.rate) == (1000, 1000, None, 1000)
    assert 0 < up.rate == down.rate_end <= 10
    assert [stage.counted for stage in (up, plateau, down)] == [False, True, False]


def test_ramps_may_be_left_out() -> None:
    (plateau,) = LoadShape(rate=10, duration_s=5, ramp_up_share=0, ramp_down_share=0).stages()
    assert plateau.duration_s == 5


def test_the_phases_of_a_shape_say_its_rates_and_have_seeds_of_their_own() -> None:
    phases = LoadShape(rate=100, duration_s=10).phases(Arrivals.POISSON, seed=7)
    assert [(phase.rate_end, phase.seed) for phase in phases] == [(100, 7), (None, 8), (1.0, 9)]
    assert {phase.arrivals for phase in phases} == {Arrivals.POISSON}


def test_a_soak_alternates_and_ends_with_plateau() -> None:
    stages = SoakShape(rate=10, duration_s=3600, peak_period_s=600, peak_s=30).stages()
    assert [stage.label for stage in stages] == ["plateau", "peak"] * 5 + ["plateau"]
    assert math.fsum(stage.duration_s for stage in stages) == pytest.approx(3600)
    assert {stage.rate for stage in stages if stage.label == "peak"} == {15}


@pytest.mark.parametrize("changes", [{"peak_factor": 1.0}, {"duration_s": 300.0}])
def test_a_soak_may_have_no_peaks(changes: dict[str, float]) -> None:
    (stage,) = SoakShape(**{"rate": 10.0, "duration_s": 3600.0, **changes}).stages()
    assert stage.label == "plateau"


def test_stress_steps_rise_by_factor_or_evenly_up_to_the_highest_allowed_rate() -> None:
    assert [s.rate for s in StressShape(start_rate=100, factor=2, max_rate=1000).stages()] == [100, 200, 400, 800]
    assert [s.rate for s in StressShape(start_rate=5, factor=1, add=5, steps=3).stages()] == [5, 10, 15]


def test_stress_never_takes_longer_than_is_allowed() -> None:
    assert len(StressShape(start_rate=1, step_s=10, longest_s=35).stages()) == 3


def test_the_windows_of_a_spike_fit_its_stages() -> None:
    shape = SpikeShape(rate=100, peak_rate=300, before_s=10.1, peak_s=5, after_s=30)
    before, peak, _ = shape.stages()
    assert before.duration_s >= 10.1
    for stage in (before, peak):
        assert stage.duration_s / shape.window_s == pytest.approx(round(stage.duration_s / shape.window_s))
    assert shape.window_s * 100 >= 20 * (1 - 1e-9)
    assert (10.1 + 5 + 30) / shape.window_s <= 501


def test_a_surge_is_arithmetic_on_the_begin_of_each_stage() -> None:
    stages = SpikeShape(rate=10, peak_rate=30, before_s=2, peak_s=1, after_s=2).stages()
    phase = surge_phase(stages, Arrivals.CONSTANT, seed=1, label="spike")
    assert SpikeShape(rate=10, peak_rate=30, before_s=2, peak_s=1, after_s=2).phases(Arrivals.CONSTANT, seed=1) == [
        phase
    ]
    expected = [*np.arange(20) / 10, *(2 + np.arange(30) / 30), *(3 + np.arange(20) / 10)]
    assert phase.trace_s == pytest.approx(expected)
    assert (phase.duration_s, phase.arrivals, phase.rate) == (5, Arrivals.TRACE, None)


def test_a_poisson_surge_follows_from_its_seed_and_rises() -> None:
    stages = SpikeShape(rate=200, peak_rate=800, before_s=10, peak_s=10, after_s=10).stages()
    one, same, other = (surge_phase(stages, Arrivals.POISSON, seed=seed, label="") for seed in (1, 1, 2))
    assert one.trace_s == same.trace_s != other.trace_s
    assert list(one.trace_s) == sorted(one.trace_s)
    assert one.trace_s[-1] < one.duration_s
    counts = np.histogram(one.trace_s, [0, 10, 20, 30])[0]
    assert counts == pytest.approx([2000, 8000, 2000], rel=0.1)


def test_a_surge_that_would_not_fit_in_memory_is_refused_before_it_is_made() -> None:
    stages = SpikeShape(rate=1e5, peak_rate=1e5, before_s=10, peak_s=10, after_s=10).stages()
    with pytest.raises(UsageError, match=f"{MOST_ARRIVALS:,}") as refused:
        surge_phase(stages, Arrivals.CONSTANT, seed=1, label="")
    assert refused.value.code == "MP1001"


def test_a_surge_needs_arrivals_with_a_rate() -> None:
    with pytest.raises(UsageError) as refused:
        surge_phase((), Arrivals.CLOSED, seed=1, label="")
    assert refused.value.code == "MP1002"


def test_a_range_of_rates_has_both_its_ends() -> None:
    assert SweepShape.evenly(100, 500, 5).rates == (100, 200, 300, 400, 500)


def test_steps_have_a_lead_in_that_is_short_beside_them() -> None:
    assert CapacityShape(step_s=2).step(10, "search").lead_in_s == pytest.approx(0.2)
    assert StressShape(start_rate=1, step_s=60).stages()[0].lead_in_s == 0.5


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        (LoadShape, {"rate": 0.0}),
        (LoadShape, {"rate": -5.0}),
        (LoadShape, {"rate": math.nan}),
        (LoadShape, {"rate": math.inf}),
        (LoadShape, {"rate": 2e6}),
        (LoadShape, {"rate": 10.0, "duration_s": 0.0}),
        (LoadShape, {"rate": 10.0, "ramp_up_share": 0.6, "ramp_down_share": 0.6}),
        (LoadShape, {"rate": 10.0, "duration_s": 1e9}),
        (LoadShape, {"rate": 10.0, "achieved_share": 1.5}),
        (StressShape, {"start_rate": 10.0, "factor": 1.0}),
        (StressShape, {"start_rate": 10.0, "factor": 0.5, "add": 3.0}),
        (StressShape, {"start_rate": 2e6}),
        (StressShape, {"start_rate": 10.0, "steps": 0}),
        (StressShape, {"start_rate": 0.0}),
        (StressShape, {"start_rate": 10.0, "step_s": 0.0}),
        (SoakShape, {"rate": 10.0, "peak_s": 700.0}),
        (SoakShape, {"rate": 10.0, "settle_share": 1.0}),
        (SoakShape, {"rate": 10.0, "sample_s": 0.0}),
        (SoakShape, {"rate": 10.0, "peak_factor": 0.0}),
        (CapacityShape, {"growth": 1.0}),
        (CapacityShape, {"resolution": 0.0}),
        (CapacityShape, {"start_rate": 0.5}),
        (CapacityShape, {"start_rate": 100.0, "max_rate": 50.0}),
        (CapacityShape, {"step_s": 0.0}),
        (CapacityShape, {"confirmations": 0}),
        (SpikeShape, {"rate": 10.0, "peak_rate": 20.0, "quantile": 0.95}),
        (SpikeShape, {"rate": 0.0, "peak_rate": 20.0}),
        (SpikeShape, {"rate": 10.0, "peak_rate": 20.0, "peak_s": 0.0}),
        (SpikeShape, {"rate": 10.0, "peak_rate": 2e6}),
        (SweepShape, {"rates": ()}),
        (SweepShape, {"rates": (10.0, 10.0)}),
        (SweepShape, {"rates": (10.0, -1.0)}),
        (SweepShape, {"rates": (10.0,), "metric": "p95"}),
    ],
)
def test_a_shape_that_makes_no_sense_is_refused_with_its_reason(shape: type[Shape], changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        shape(**changes)
    assert refused.value.code == "MP1001"
    assert str(shape.kind) in refused.value.message


def test_every_kind_has_a_shape_and_parameters_that_a_document_can_hold() -> None:
    shapes = (
        LoadShape(rate=1), StressShape(start_rate=1), SoakShape(rate=1), CapacityShape(),
        SpikeShape(rate=1, peak_rate=2), SweepShape(rates=(1.0, 2.0)),
    )  # fmt: skip
    assert {shape.kind for shape in shapes} == set(Kind)
    for shape in shapes:
        assert all(isinstance(value, float) and math.isfinite(value) for value in shape.parameters().values())

"""Each test kind against a simulated server whose behaviour is known, from the shape to the run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from meshperf.errors import UsageError
from meshperf.experiment.kinds import run_kind
from meshperf.experiment.kinds.bench import Bench
from meshperf.experiment.kinds.stepped import drive_capacity
from meshperf.experiment.run_rederivation import contradictions
from meshperf.load.kinds import CapacityShape, LoadShape, Shape, SoakShape, SpikeShape, StressShape, SweepShape
from meshperf.load.plan import Arrivals, Target
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.kinds import Kind, StepOutcome, StepState
from meshperf.spec.objectives import parse_objective
from meshperf.spec.records import RunResult, ValidityState
from meshperf.spec.smp import result_from_document, result_to_document

TARGET = Target(name="simulated", address="127.0.0.1:1", host="127.0.0.1:1")
POINT = LoadPoint(arrivals="constant", warmup_s=0.5)


@pytest.fixture
def run(simulated: Any) -> Callable[..., RunResult]:
    """Run a shape against a simulated server; the run, with the session beside it."""

    def go(shape: Shape, *objectives: str, point: LoadPoint = POINT, **server: Any) -> RunResult:
        session = simulated(**server)
        result, broken = run_kind(
            TARGET,
            shape,
            name="simulated",
            point=point,
            objectives=[parse_objective(text) for text in objectives],
            host_facts={},
            seed=3,
            open_session=session.open,
        )
        assert broken is (server.get("stop_after") is not None)
        assert result.kind is not None
        return result

    return go


def test_a_load_test_counts_its_plateau_and_not_its_ramps(run: Callable[..., RunResult]) -> None:
    result = run(LoadShape(rate=500, duration_s=20), "p99 <= 50ms")
    assert result.kind.kind is Kind.LOAD
    assert result.counts.offered == 500 * 16
    assert result.measured_s == pytest.approx(16)
    assert [step.label for step in result.kind.steps] == ["warm-up", "ramp-up", "plateau", "ramp-down"]
    assert [step.counted for step in result.kind.steps] == [False, False, True, False]
    assert result.kind.load.held
    assert {drift.metric: drift.verdict for drift in result.kind.load.drift} == {"p50": "steady", "p90": "steady"}
    assert result.facts["load.kind"].value == "load"
    assert result.kind.complete


def test_a_server_that_slows_down_drifts_by_as_much_as_it_does(run: Callable[..., RunResult]) -> None:
    result = run(LoadShape(rate=200, duration_s=50), drift_per_s=0.01, alone_s=0.02)
    (p50,) = [drift for drift in result.kind.load.drift if drift.metric == "p50"]
    # From 5.5 s to 45.5 s of the session, its own 1 ms of service apart.
    truth = (1 + 0.01 * 45.5 + 0.05) / (1 + 0.01 * 5.5 + 0.05) - 1
    assert p50.verdict == "drifting"
    assert p50.change.low < truth * 1.05
    assert p50.change.high > truth * 0.95


def test_stress_says_which_objective_broke_between_which_rates(run: Callable[..., RunResult]) -> None:
    result = run(StressShape(start_rate=500, factor=1, add=100, step_s=5), "p99 <= 300ms", "p50 <= 900ms")
    stress = result.kind.stress
    breaks = {entry.objective: entry for entry in stress.breaks}
    assert (breaks["achieved >= 99%"].held_at_rps, breaks["achieved >= 99%"].broke_at_rps) == (1000, 1100)
    assert (breaks["p99 <= 300ms"].held_at_rps, breaks["p99 <= 300ms"].broke_at_rps) == (1000, 1100)
    assert breaks["p50 <= 900ms"].broke_at_rps is None
    assert set(stress.first_broken) == {"achieved >= 99%", "p99 <= 300ms"}
    assert stress.stopped_by == "2 steps in a row broke an objective"
    assert result.offered_rps == 1000
    assert result.validity.ok


def test_stress_does_not_take_a_stray_step_for_the_end(run: Callable[..., RunResult]) -> None:
    result = run(StressShape(start_rate=500, factor=1, add=100, step_s=5), stray=lambda number: number == 2)
    (achieved,) = result.kind.stress.breaks
    assert achieved.broke_at_rps == 1100


def test_capacity_finds_a_known_capacity(run: Callable[..., RunResult]) -> None:
    result = run(CapacityShape(step_s=4), "p99 <= 500ms", capacity=1234.0)
    found = result.kind.capacity
    assert (found.answer, found.confirmed) == ("interval", True)
    assert found.low_rps <= 1234 <= found.high_rps
    assert found.high_rps / found.low_rps < 1.04
    assert (found.confirmed_below, found.confirmed_above) == (5, 5)
    assert found.broken_objectives[0] == "achieved >= 99%"
    below = [step for step in result.kind.steps if step.label == "below"]
    assert result.counts.offered == sum(step.requests for step in below)
    assert result.offered_rps == below[0].offered_rps


def test_poisson_arrivals_find_the_same_capacity(run: Callable[..., RunResult]) -> None:
    point = LoadPoint(arrivals="poisson", warmup_s=0)
    found = run(CapacityShape(step_s=8, start_rate=400), capacity=800.0, point=point).kind.capacity
    assert found.low_rps * 0.98 <= 800 <= found.high_rps * 1.02


def test_a_client_limited_search_says_at_least_and_never_blames_the_server(run: Callable[..., RunResult]) -> None:
    result = run(CapacityShape(step_s=2), capacity=5000.0, client_limit=900.0)
    found = result.kind.capacity
    assert (found.answer, found.limiting, found.high_rps) == ("at-least", "generator", None)
    assert 850 < found.low_rps <= 900
    states = {step.state for step in result.kind.steps if step.offered_rps > 900}
    assert states == {StepState.CLIENT_LIMITED}
    assert result.validity.ok


def test_a_spike_reports_its_backlog_as_the_time_to_recover(run: Callable[..., RunResult]) -> None:
    shape = SpikeShape(rate=400, peak_rate=1600, before_s=10, peak_s=5, after_s=20)
    result = run(shape, alone_s=0.002)
    # 600/s too much for 5 s leave 3000 requests; the server has 600/s to spare after the peak.
    found = result.kind.spike
    assert found.verdict == "recovered"
    assert found.recovery.low <= 5.0 <= found.recovery.high + shape.window_s
    assert found.highest_s == pytest.approx(3.0, rel=0.1)
    assert result.kind.steps[-1].requests == 400 * 30 + 1600 * 5


def test_a_spike_that_is_too_much_has_an_error_burst_and_stays_fit(run: Callable[..., RunResult]) -> None:
    shape = SpikeShape(rate=400, peak_rate=1600, before_s=10, peak_s=5, after_s=20)
    result = run(shape, patience_s=1.0)
    burst = result.kind.spike.errors
    assert burst.failed == result.counts.errors > 0
    assert burst.begin_s == pytest.approx(1 / 0.6, abs=0.3)
    assert result.validity.ok


def test_an_injected_stall_is_recovered_from_when_its_backlog_is_served(run: Callable[..., RunResult]) -> None:
    shape = SpikeShape(rate=500, peak_rate=500, before_s=10, peak_s=2, after_s=20)
    result = run(shape, stall=(10.0, 14.0))
    # 4 s of 500/s wait, and 500/s are to spare: served 4 s after the stall, which is 6 s after the peak.
    found = result.kind.spike
    assert found.verdict == "recovered"
    assert found.recovery.low <= 6.0 + shape.window_s
    assert found.recovery.high >= 6.0 - shape.window_s


def test_a_spike_that_does_not_end_is_not_recovered(run: Callable[..., RunResult]) -> None:
    shape = SpikeShape(rate=990, peak_rate=2000, before_s=10, peak_s=5, after_s=10)
    found = run(shape).kind.spike
    assert (found.verdict, found.recovery) == ("not recovered", None)


def test_a_sweep_finds_the_knee_and_offers_every_rate_once(run: Callable[..., RunResult]) -> None:
    shape = SweepShape.evenly(100, 1200, 12, step_s=5)
    point = LoadPoint(arrivals="poisson", warmup_s=0)
    result = run(shape, point=point, alone_s=0.01)
    assert sorted(step.offered_rps for step in result.kind.steps) == list(shape.rates)
    assert [step.offered_rps for step in result.kind.steps] != list(shape.rates)
    knee = result.kind.sweep
    assert knee.verdict == "found"
    assert knee.low_rps < knee.knee_rps < knee.high_rps <= 1100
    assert result.offered_rps == knee.knee_rps


def test_a_soak_leaves_its_peaks_out_and_sees_no_slope(run: Callable[..., RunResult]) -> None:
    shape = SoakShape(rate=200, duration_s=120, peak_period_s=30, peak_s=5, peak_factor=2)
    result = run(shape)
    soak = result.kind.soak
    assert (soak.peaks, soak.leak, soak.held) == (3, "unwatched", True)
    assert result.counts.offered == 200 * (25 * 3 + 30)
    (p50,) = [slope for slope in soak.slopes if slope.quantity == "p50_s"]
    assert p50.slope.low <= 0 <= p50.slope.high


SHAPES = pytest.mark.parametrize(
    "shape",
    [
        LoadShape(rate=100, duration_s=5),
        StressShape(start_rate=100, step_s=1),
        SoakShape(rate=50, duration_s=40, peak_period_s=10, peak_s=2),
        CapacityShape(step_s=1),
        SpikeShape(rate=100, peak_rate=3000, before_s=2, peak_s=1, after_s=3),
        SweepShape(rates=(100, 200, 300, 400), step_s=1),
    ],
    ids=lambda shape: shape.kind.value,
)


@SHAPES
@pytest.mark.parametrize("server", [{}, {"capacity": 5.0}, {"patience_s": 0.0}, {"client_limit": 10.0}], ids=str)
def test_the_document_of_a_run_holds_all_of_its_answer_and_does_not_contradict_itself(
    run: Callable[..., RunResult], shape: Shape, server: dict[str, float]
) -> None:
    result = run(shape, "p99 <= 50ms", **server)
    document = json.loads(json.dumps(result_to_document(result), allow_nan=False))
    assert result_from_document(document).kind == result.kind
    assert list(contradictions(result, document)) == []


@SHAPES
@pytest.mark.parametrize("stop_after", [0, 1, 2, 5, 12])
def test_breaking_off_keeps_what_was_done_and_says_so(simulated: Any, shape: Shape, stop_after: int) -> None:
    session = simulated(stop_after=stop_after)
    result, broken = run_kind(
        TARGET, shape, name="x", point=POINT, host_facts={}, open_session=session.open
    )  # fmt: skip
    assert len(result.kind.steps) == session.ran
    assert result.kind.complete is not broken
    if broken:
        assert result.kind.ended == "broken off by the user"
        assert result.validity.state is ValidityState.INVALID
        assert any("broken off" in reason for reason in result.validity.reasons)


def test_the_time_that_is_allowed_ends_a_search_with_what_is_known(simulated: Any) -> None:
    session = simulated()
    bench = Bench(
        session=session, arrivals=Arrivals.CONSTANT, seed=1, longest_s=10.0, clock=lambda: session.now_s
    )  # fmt: skip
    answer = drive_capacity(CapacityShape(step_s=1, longest_s=10), bench)
    assert bench.ended == "the 10 s that are allowed have passed"
    assert not bench.interrupted
    assert len(bench.done) <= 11
    assert not answer.statistic.confirmed
    assert 800 <= answer.statistic.low_rps <= 1000


def test_progress_and_steps_are_told_as_they_come(simulated: Any) -> None:
    words: list[str] = []
    steps: list[StepOutcome] = []
    run_kind(
        TARGET, StressShape(start_rate=100, step_s=1, steps=3), name="x", point=POINT, host_facts={},
        open_session=simulated().open, on_progress=lambda said, _: words.append(said), on_step=steps.append,
    )  # fmt: skip
    assert words[1] == "stress step 1 of 3 at most at 100/s"
    assert [step.offered_rps for step in steps] == [100, 100, 125, 156.25]


def test_a_closed_loop_has_no_rates_to_shape(simulated: Any) -> None:
    point = LoadPoint(arrivals="closed")
    with pytest.raises(UsageError) as refused:
        run_kind(TARGET, LoadShape(rate=1), name="x", point=point, host_facts={}, open_session=simulated().open)
    assert refused.value.code == "MP1002"


def test_no_figure_of_an_answer_is_unwritable(run: Callable[..., RunResult]) -> None:
    """NaN and infinity have no place in a document; `None` says unknown."""

    def numbers(value: Any) -> list[float]:
        if isinstance(value, float):
            return [value]
        if isinstance(value, tuple | list):
            return [number for entry in value for number in numbers(entry)]
        if isinstance(value, dict):
            return numbers(list(value.values()))
        slots = getattr(type(value), "__slots__", ()) if not isinstance(value, str) else ()
        return [number for name in slots for number in numbers(getattr(value, name))]

    for shape in (LoadShape(rate=20, duration_s=2), SpikeShape(rate=5, peak_rate=9, peak_s=1), CapacityShape(step_s=1)):
        assert all(map(math.isfinite, numbers(run(shape, patience_s=0.0).kind)))


def test_stress_ends_when_the_generator_is_unclean_twice_at_the_same_rate(run: Callable[..., RunResult]) -> None:
    result = run(StressShape(start_rate=500, factor=1, add=100, step_s=5), client_limit=750.0)
    states = [(step.offered_rps, step.state) for step in result.kind.steps[-2:]]
    assert states == [(800, StepState.CLIENT_LIMITED)] * 2
    assert "generator was not clean at 800/s" in result.kind.stress.stopped_by
    assert result.kind.stress.first_broken == ()

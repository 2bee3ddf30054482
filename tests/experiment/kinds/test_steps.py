"""A stage judged: what came back, who is to blame, and what proves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from meshperf.experiment.kinds.steps import Ran, achieved_share, judge_step
from meshperf.histograms import Histogram
from meshperf.load.kinds import Stage
from meshperf.load.plan import Arrivals
from meshperf.load.recording import ConnectionFacts, PhaseRecording, SessionRecording
from meshperf.spec.kinds import StepOutcome, StepState
from meshperf.spec.objectives import parse_objective
from meshperf.spec.records import ComponentUsage, Counts

STAGE = Stage(label="step", rate=1000.0, duration_s=2.0)


def recorded(
    *, late_s: float = 0.0, errors: int = 0, drained_s: float = 2.001, client_s: float = 1e-5
) -> PhaseRecording:
    """2000 requests in 2 s; the last ones `late_s` later than the first."""
    times = 0.001 + np.linspace(0, late_s, 2000)[: 2000 - errors]
    return PhaseRecording(
        target=0,
        label="step",
        begin_s=0.0,
        end_s=2.0,
        drained_s=drained_s,
        drained=True,
        counts=Counts(offered=2000, sent=2000, ok=2000 - errors, errors=errors),
        response=Histogram.from_values(times),
        service=Histogram.from_values(times),
        client_delay=Histogram.from_values([client_s] * 2000),
    )


def judged(phase: PhaseRecording, *objectives: str, stage: Stage = STAGE, **changes: Any) -> StepOutcome:
    session = SessionRecording(phases=(phase,), connections=(ConnectionFacts(),))
    ran = Ran(stage=stage, plan=stage.phase(Arrivals.CONSTANT, seed=1), recording=phase, session=session, **changes)
    return judge_step(ran, [parse_objective(text) for text in objectives], least_share=0.99)


def test_an_overload_whose_backlog_was_answered_in_the_drain_did_not_achieve_its_rate() -> None:
    """2 % too much for 2 s: all replies are there 40 ms after the end, and 980/s came back."""
    found = judged(recorded(late_s=0.04, drained_s=2.041))
    assert found.state is StepState.FAILED
    assert found.achieved_rps == pytest.approx(1000 * 2 / 2.04, rel=2e-3)


def test_slow_replies_alone_are_no_shortfall() -> None:
    phase = recorded()
    slow = replace(phase, response=Histogram.from_values([0.5] * 2000), drained_s=2.5)
    assert achieved_share(slow) == pytest.approx(1.0, abs=1e-3)
    assert judged(slow).state is StepState.HELD


def test_errors_did_not_come_back() -> None:
    found = judged(recorded(errors=100))
    assert (found.state, found.failed) == (StepState.FAILED, 100)
    assert found.achieved_rps == pytest.approx(950, rel=1e-3)


def test_each_objective_is_told_with_its_figure() -> None:
    found = judged(recorded(late_s=0.004), "p99 <= 2ms", "p50 <= 10ms", "memory <= 10MB")
    held = {one.objective: one.held for one in found.objectives}
    assert held == {"achieved >= 99%": True, "p99 <= 2ms": False, "p50 <= 10ms": True, "memory <= 10MB": False}
    values = {one.objective: one.value for one in found.objectives}
    assert values["p99 <= 2ms"] == pytest.approx(0.005, rel=0.02)
    assert values["memory <= 10MB"] is None
    assert found.state is StepState.FAILED


def test_memory_of_a_watched_process_can_be_an_objective() -> None:
    usage = ComponentUsage(component="app", role="app", private_bytes=5_000_000, cpu_s=1.0, requests=2000)
    found = judged(recorded(), "memory <= 10MB", "cpu_per_request <= 1ms", resources=(usage,))
    assert found.state is StepState.HELD


def test_an_unclean_generator_is_blamed_only_when_something_broke() -> None:
    late = recorded(client_s=0.05)
    assert judged(late).state is StepState.HELD
    found = judged(late, "p50 <= 1us")
    assert found.state is StepState.CLIENT_LIMITED
    assert "client_delay_p99" in found.reason


def test_a_disturbed_target_proves_nothing_unless_that_is_too_little_to_explain_it() -> None:
    overload = recorded(late_s=0.04, drained_s=2.041)
    found = judged(overload, disturbed="others used its core", waited=0.05)
    assert (found.state, found.reason) == (StepState.DISTURBED, "others used its core")
    gross = recorded(late_s=2.0, drained_s=4.0)
    assert judged(gross, disturbed="others used its core", waited=0.05).state is StepState.FAILED
    assert judged(recorded(), disturbed="others used its core", waited=0.05).state is StepState.HELD


def test_stages_that_nothing_is_asked_of_and_those_broken_off_are_not_judged() -> None:
    ramp = replace(STAGE, counted=False)
    found = judged(recorded(errors=1000), stage=ramp)
    assert (found.state, found.objectives) == (StepState.UNJUDGED, ())
    assert judged(replace(recorded(), interrupted=True)).state is StepState.BROKEN_OFF


def test_a_stage_without_a_single_reply_fails_with_unknown_figures() -> None:
    nothing = replace(
        recorded(), counts=Counts(offered=2000, sent=2000, timeouts=2000), response=Histogram.from_values([])
    )  # fmt: skip
    found = judged(nothing, "p99 <= 50ms")
    assert (found.state, found.p50_s, found.achieved_rps) == (StepState.FAILED, None, 0.0)
    assert not any(one.held for one in found.objectives)

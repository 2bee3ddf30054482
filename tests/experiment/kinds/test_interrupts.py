"""Ctrl-C at any moment of a kind: in a stage, between two stages, and twice."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from benchmarks.capacity_truth import single_server
from meshperf.experiment.kinds import run_kind
from meshperf.experiment.kinds.interrupts import interrupts_stop
from meshperf.load.kinds import CapacityShape
from meshperf.load.plan import Target
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.kinds import StepOutcome

TARGET = Target(name="simulated", address="127.0.0.1:1", host="127.0.0.1:1")
POINT = LoadPoint(arrivals="constant", warmup_s=0.5)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_between_two_stages_everything_before_is_kept(simulated: Any) -> None:
    steps: list[StepOutcome] = []

    def told(step: StepOutcome) -> None:
        steps.append(step)
        if len(steps) == 5:
            interrupt()

    run, broken = run_kind(
        TARGET, CapacityShape(step_s=1), name="x", point=POINT, host_facts={}, open_session=simulated().open,
        on_step=told,
    )  # fmt: skip
    assert broken
    assert len(run.kind.steps) == len(steps) == 5
    assert run.kind.ended == "broken off by the user"
    assert run.kind.capacity.low_rps is not None
    assert not run.kind.capacity.confirmed
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_escapes_the_session_loses_its_stage_only(simulated: Any) -> None:
    session = simulated()
    run_phases = session.run

    def run(phases: Any, **others: Any) -> Any:
        if session.ran == 3:
            raise KeyboardInterrupt
        return run_phases(phases, **others)

    session.run = run
    result, broken = run_kind(
        TARGET, CapacityShape(step_s=1), name="x", point=POINT, host_facts={}, open_session=session.open
    )
    assert broken
    assert len(result.kind.steps) == 3


def test_the_second_one_raises() -> None:
    asked: list[int] = []
    with pytest.raises(KeyboardInterrupt), interrupts_stop(lambda: asked.append(1)):
        interrupt()
        interrupt()
        pytest.fail("the second interrupt did not raise")
    assert asked == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_somebody_else_is_left_alone() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with interrupts_stop(lambda: pytest.fail("not ours")):
            interrupt()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]


@pytest.mark.needs_native
def test_in_a_stage_of_a_real_session_its_part_is_kept() -> None:
    timer = threading.Timer(1.0, interrupt)
    with single_server() as known:
        timer.start()
        run, broken = run_kind(
            known.target(), CapacityShape(start_rate=100, step_s=20), name="x", point=known.point(), host_facts={}
        )
    timer.join()
    assert broken
    assert run.kind.ended == "broken off by the user"
    assert run.kind.steps[-1].state == "broken-off"
    assert 0 < run.kind.steps[-1].requests < 2000

"""Machines whose clock rate may move are told, and stand in nobody's way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation, constant_run

from meshperf.analysis import compare
from meshperf.analysis.host_notes import varying_clock
from meshperf.spec.records import Fact, RunResult, WarningKind


def _run(**facts: Fact) -> RunResult:
    run = constant_run(1e-3, arm="envoy")
    return replace(run, facts={**run.facts, **{path.replace("__", "."): fact for path, fact in facts.items()}})


@pytest.mark.parametrize("governor", ["powersave", "schedutil", "performance, powersave"])
def test_a_governor_that_follows_the_load_is_told(governor: str) -> None:
    (warning,) = varying_clock([_run(host__governor=Fact(value=governor))])
    assert warning.kind is WarningKind.VARYING_CLOCK and f"governor is {governor}" in warning.text


@pytest.mark.parametrize("machine", ["t3.micro", "t4g.2xlarge", "T2.small", "e2-medium", "Standard_B2s"])
def test_a_burstable_machine_is_told(machine: str) -> None:
    (warning,) = varying_clock([_run(host__machine_type=Fact(value=machine))])
    assert f"type {machine} runs on credits" in warning.text


@pytest.mark.parametrize("machine", ["m5.large", "e2-standard-8", "Standard_D16s_v5", "trn1.2xlarge", "HVM domU"])
def test_a_machine_that_keeps_its_clock_or_is_not_known_is_not(machine: str) -> None:
    steady = _run(host__governor=Fact(value="performance"), host__machine_type=Fact(value=machine))
    hidden = _run(host__governor=Fact(unavailable="no cpufreq here"))
    assert varying_clock([steady, hidden, _run()]) == ()


def test_it_is_said_once_and_lowers_no_class() -> None:
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.2)}
    runs = Simulation(arms=arms, rounds=6, slices=4, requests=400).run(4)
    runs = [replace(run, facts={**run.facts, "host.governor": Fact(value="powersave")}) for run in runs]
    (comparison,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
    assert [w.kind for w in comparison.warnings].count(WarningKind.VARYING_CLOCK) == 1
    assert comparison.comparability.grade == "A"

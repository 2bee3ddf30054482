"""One run without arms: what it says when it was broken off, and how a restless machine judges it."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from meshperf.experiment import single
from meshperf.experiment.run_rederivation import contradictions
from meshperf.histograms import Histogram
from meshperf.load.plan import Phase, Target
from meshperf.load.recording import ConnectionFacts, PhaseRecording, SessionRecording
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.records import Counts, NoiseReading, RunResult, ValidityState, WarningKind
from meshperf.spec.smp import result_from_document, result_to_document

TARGET = Target(name="http://127.0.0.1:1/", address="127.0.0.1:1", host="127.0.0.1:1")
POINT = LoadPoint(rate=100.0, arrivals="constant", warmup_s=1.0, duration_s=1.0)


def phase(label: str, begin_s: float) -> PhaseRecording:
    times = Histogram.from_values([0.001] * 100)
    return PhaseRecording(
        target=0,
        label=label,
        begin_s=begin_s,
        end_s=begin_s + 1.0,
        drained_s=begin_s + 1.0,
        drained=True,
        counts=Counts(offered=100, sent=100, ok=100),
        response=times,
        service=times,
    )


WARM, COUNTED = phase("warm-up", 0.0), phase("0", 1.0)


class Session:
    """Stands for the engine: hands back what a test says was recorded."""

    def __init__(self, recorded: Sequence[PhaseRecording], interrupted: bool) -> None:
        self._recording = SessionRecording(
            phases=tuple(recorded), connections=(ConnectionFacts(opened=1),), interrupted=interrupted
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *ignored: object) -> None:
        return None

    def run(self, phases: Sequence[Phase], on_progress: object) -> SessionRecording:
        return self._recording


def measured(
    monkeypatch: pytest.MonkeyPatch,
    *recorded: PhaseRecording,
    interrupted: bool = False,
    point: LoadPoint = POINT,
    **noise: float,
) -> RunResult:
    session = Session(recorded, interrupted)
    monkeypatch.setattr(single, "open_session", lambda generator, plan: session)
    quiet = {"steal_share": 0.0, "foreign_cpu_share": 0.0, "clock_step_s": 0.0, "cpu_pressure_share": 0.0}
    reading = NoiseReading(begin=dt.datetime.now(dt.UTC), duration_s=2.0, **{**quiet, **noise})
    monkeypatch.setattr(single.NodeSampler, "begin", lambda self: None)
    monkeypatch.setattr(single.NodeSampler, "end", lambda self: reading)
    run, broken = single.run_single(TARGET, point, name="x", host_facts={})
    assert broken is interrupted
    return run


def test_a_run_on_a_quiet_machine_is_valid_and_counts_its_counted_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured(monkeypatch, WARM, replace(COUNTED, counts=Counts(offered=99, sent=99, ok=99)))
    assert run.validity.ok
    assert run.counts.ok == 99


@pytest.mark.parametrize("recorded", [(), (WARM,)])
def test_breaking_off_in_the_warm_up_counts_nothing(
    monkeypatch: pytest.MonkeyPatch, recorded: tuple[PhaseRecording, ...]
) -> None:
    run = measured(monkeypatch, *recorded, interrupted=True)
    assert run.counts == Counts()
    assert run.response.total == 0
    assert run.validity.state is ValidityState.INVALID
    assert run.validity.reasons == ("broken off before the counted stretch began",)
    assert math.isnan(run.achieved_rps)
    document = json.loads(json.dumps(result_to_document(run), allow_nan=False))
    assert result_from_document(document).counts == Counts()
    assert list(contradictions(run, document)) == []


def test_breaking_off_without_a_warm_up_and_before_anything_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured(monkeypatch, interrupted=True, point=replace(POINT, warmup_s=0.0))
    assert run.validity.reasons == ("broken off before the counted stretch began",)


def test_breaking_off_in_the_counted_stretch_keeps_what_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured(monkeypatch, WARM, COUNTED, interrupted=True)
    assert run.counts.ok == 100
    assert run.validity.reasons == ("broken off before its end",)


@pytest.mark.parametrize(
    ("noise", "reason"),
    [
        ({"steal_share": 0.5}, "steal was 0.5 of the CPU time, more than 0.05"),
        ({"clock_step_s": -3.0}, "clock_step was 3 s, more than 0.1"),
    ],
)
def test_a_stolen_core_or_a_set_clock_makes_the_run_invalid(
    monkeypatch: pytest.MonkeyPatch, noise: dict[str, float], reason: str
) -> None:
    run = measured(monkeypatch, WARM, COUNTED, **noise)
    assert run.validity.state is ValidityState.INVALID
    assert run.validity.reasons == (reason,)


def test_cpu_time_of_others_is_not_judged_because_it_may_be_the_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured(monkeypatch, WARM, COUNTED, foreign_cpu_share=0.9)
    (guard,) = (each for each in run.guards if each.guard == "background_cpu")
    assert (guard.outcome, guard.value) == ("unavailable", None)
    assert guard.unavailable == "the target may run on this machine"
    assert run.validity.ok
    assert all(warning.kind is not WarningKind.NODE_BUSY for warning in run.warnings)


@pytest.mark.parametrize("interrupted", [False, True])
def test_what_a_single_run_says_of_itself_follows_from_its_figures(
    monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    run = measured(monkeypatch, WARM, COUNTED, interrupted=interrupted, foreign_cpu_share=0.5)
    assert [place for place, _ in contradictions(run, result_to_document(run))] == []
    noisy = replace(run, noise=(replace(run.noise[0], steal_share=0.5),))
    assert [place for place, _ in contradictions(noisy, result_to_document(noisy))] == ["guards.steal"]

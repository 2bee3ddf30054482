"""Put the run of a test kind together: the stages that the kind counts, as one run, with the kind's answer on it.

What it decides: nothing that was measured; which figures go where. A run's validity is judged as that of every run.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace

from meshperf.experiment.assembly import generator_health, judged, slice_record, tls_facts, wall_time
from meshperf.experiment.conditions import load_facts
from meshperf.experiment.kinds.answer import Answer
from meshperf.experiment.kinds.bench import Bench
from meshperf.experiment.kinds.steps import Ran
from meshperf.experiment.measured_fields import measured_fields
from meshperf.load.kinds import Shape
from meshperf.load.plan import Target
from meshperf.load.recording import PhaseRecording
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.kinds import (
    CapacityOutcome,
    KindOutcome,
    KneeOutcome,
    LoadOutcome,
    SoakOutcome,
    SpikeOutcome,
    StressOutcome,
)
from meshperf.spec.records import (
    ComponentUsage,
    Counts,
    DesignLabels,
    Fact,
    Facts,
    NoiseReading,
    RunResult,
    Validity,
    ValidityState,
    WarningKind,
)
from meshperf.telemetry import noise_guards

__all__ = ["kind_run"]

_PARTS = {
    LoadOutcome: "load",
    StressOutcome: "stress",
    SoakOutcome: "soak",
    CapacityOutcome: "capacity",
    SpikeOutcome: "spike",
    KneeOutcome: "sweep",
}
_NOT_REACHED = "broken off before the counted stages began"
_BROKEN_OFF = "broken off before its end"


def kind_run(
    shape: Shape,
    bench: Bench,
    answer: Answer,
    *,
    target: Target,
    name: str,
    point: LoadPoint,
    host_facts: Facts,
    seed: int,
    noise: NoiseReading,
) -> RunResult:
    """The run of a kind. `noise`: what the machine did from the first stage to the last."""
    session = bench.whole_session()
    stages = list(answer.stages)
    phases = [ran.recording for ran in stages] or [_nothing(session.phases[-1].drained_s if session.phases else 0.0)]
    measured = measured_fields(phases, session, targets=(0,), protocol=point.protocol)
    if any(phase.series is None or len(phase.series.intervals) < 2 for phase in phases):
        # Figures over time must add up to the run's counts, and a stage of one interval has none. The windows have it.
        measured["series"] = ()
    rates = {ran.stage.mean_rate for ran in stages}
    rate = rates.pop() if len(rates) == 1 else None
    begun = wall_time(session, phases[0].begin_s)
    counted = replace(point, rate=rate, duration_s=max(measured["measured_s"], 1e-9))
    run = RunResult(
        **measured,
        run_id=f"{begun:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
        experiment_id=secrets.token_hex(6),
        experiment=name,
        arm=name,
        start_time=begun,
        end_time=wall_time(session, phases[-1].drained_s),
        offered_rps=rate,
        slices=tuple(
            slice_record(number, number, phase, _cpu_s(phase, bench.pids)) for number, phase in enumerate(phases)
        ),
        resources=_resources(stages),
        generator=generator_health(phases, session, run_queue_wait_s=bench.run_queue_wait_s()),
        noise=(noise,),
        facts={
            **host_facts,
            **load_facts(
                counted,
                wait=session.wait,
                workers=session.workers,
                targets=(target,),
                phases=[ran.plan for ran in stages],
                receive_clock=session.receive_clock,
            ),
            **tls_facts(session, 0),
            "load.kind": Fact(value=str(shape.kind), source="plan"),
        },
        design=DesignLabels(design="single", seed=seed),
        kind=_outcome(shape, bench, answer),
    )
    run = judged(run, stages[0].plan.arrivals if stages else bench.arrivals)
    if not stages:
        run = replace(run, validity=Validity(state=ValidityState.INVALID, reasons=(_NOT_REACHED,)), warnings=())
    return _with_noise(run, noise, broken_off=bench.interrupted and bool(stages))


def _outcome(shape: Shape, bench: Bench, answer: Answer) -> KindOutcome:
    chosen = {id(ran) for ran in answer.stages}
    part = {} if answer.statistic is None else {_PARTS[type(answer.statistic)]: answer.statistic}
    return KindOutcome(
        kind=shape.kind,
        parameters=shape.parameters(),
        counted=answer.counted,
        complete=not bench.ended,
        ended=bench.ended,
        steps=tuple(replace(step, counted=id(ran) in chosen) for ran, step in bench.done),
        windows=tuple(answer.windows),
        usage=tuple(answer.usage),
        **part,  # type: ignore[arg-type]  # each part under the name of its own type
    )


def _with_noise(run: RunResult, noise: NoiseReading, *, broken_off: bool) -> RunResult:
    """The run with what a restless machine says against it; CPU time of others may be the target's."""
    readings, warnings = noise_guards((noise,))
    here = "the target may run on this machine"
    readings = tuple(
        replace(guard, value=None, outcome="unavailable", unavailable=here)
        if guard.guard == "background_cpu"
        else guard
        for guard in readings
    )
    reasons = tuple(
        f"{guard.guard} was {guard.value:.3g}, more than {guard.invalid_above:g}"
        for guard in readings
        if guard.outcome == "invalid"
    )
    told = tuple(warning for warning in warnings if warning.kind is not WarningKind.NODE_BUSY)
    run = replace(run, guards=(*run.guards, *readings), warnings=(*run.warnings, *told))
    reasons = (*reasons, _BROKEN_OFF) if broken_off else reasons
    if not reasons:
        return run
    return replace(run, validity=Validity(state=ValidityState.INVALID, reasons=(*run.validity.reasons, *reasons)))


def _cpu_s(phase: PhaseRecording, names: Mapping[str, int]) -> dict[str, float]:
    return {
        name: phase.cpu_drained_s[name] - phase.cpu_begin_s[name]
        for name in names
        if name in phase.cpu_begin_s and name in phase.cpu_drained_s
    }


def _resources(stages: list[Ran]) -> tuple[ComponentUsage, ...]:
    """What each watched process used in the counted stages: CPU summed, memory as at the last one's end."""
    found = []
    for last in stages[-1].resources if stages else ():
        parts = [one for ran in stages for one in ran.resources if one.component == last.component]
        spent = [part.cpu_s for part in parts if part.cpu_s is not None]
        whole = len(spent) == len(parts)
        found.append(
            replace(
                last,
                cpu_s=sum(spent) if whole else None,
                requests=sum(part.requests or 0 for part in parts),
                unavailable={} if whole else {"cpu_s": "its CPU clock could not be read at every border of a stage"},
            )
        )
    return tuple(found)


def _nothing(at_s: float) -> PhaseRecording:
    """A phase in which nothing was counted."""
    return PhaseRecording(
        target=0, label="", begin_s=at_s, end_s=at_s, drained_s=at_s, drained=True, counts=Counts(), interrupted=True
    )  # fmt: skip

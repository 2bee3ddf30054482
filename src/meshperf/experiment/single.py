"""One run against one target that is already there: no deployment, no arms, no comparison.

`meshperf load` and SMP test files use it. The phases are a warm-up that is not counted and one counted stretch on the
same connections; breaking off keeps what was recorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from meshperf.experiment.assembly import (
    generator_health,
    judged,
    slice_record,
    tls_facts,
    wall_time,
    worker_wait,
)
from meshperf.experiment.conditions import load_facts
from meshperf.experiment.measured_fields import measured_fields
from meshperf.load.native import NativeSession
from meshperf.load.plan import Arrivals, Phase, SessionPlan, Target, WaitMode
from meshperf.load.recording import PhaseRecording, Progress, SessionRecording
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.records import (
    Counts,
    DesignLabels,
    Facts,
    GuardReading,
    NoiseReading,
    RunResult,
    Validity,
    ValidityState,
    WarningKind,
)
from meshperf.telemetry import NodeSampler, noise_guards

__all__ = ["run_single"]

_NOT_REACHED = "broken off before the counted stretch began"
_BROKEN_OFF = "broken off before its end"
_TARGET_MAY_BE_HERE = "the target may run on this machine"


def run_single(
    target: Target,
    point: LoadPoint,
    *,
    name: str,
    host_facts: Facts,
    workers: int = 1,
    wait: WaitMode = WaitMode.AUTO,
    seed: int = 1,
    on_progress: Callable[[str, Progress], None] | None = None,
) -> tuple[RunResult, bool]:
    """Load one target once.

    Returns:
        The run, and whether it was broken off (then the result covers what was done until then).

    Raises:
        TargetError: the target cannot be reached or does not speak the protocol.
    """
    plan = SessionPlan(targets=(target,), workers=workers, wait=wait)
    arrivals = Arrivals(point.arrivals)
    warm = _phase(point, arrivals, point.warmup_s, seed=seed, label="warm-up")
    counted = _phase(point, arrivals, point.duration_s, seed=seed + 1, label="0")
    node = NodeSampler(pids=())
    with NativeSession.open(plan) as session:
        phases = [warm, counted] if point.warmup_s > 0 else [counted]
        node.begin()
        recording = session.run(
            phases, on_progress=None if on_progress is None else lambda progress: on_progress("measuring", progress)
        )
        waited_s = worker_wait(recording)
    noise = node.end()
    phase = _counted(recording, len(phases) - 1)
    begun = wall_time(recording, phase.begin_s)
    run = judged(
        RunResult(
            run_id=f"{begun:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
            experiment_id=secrets.token_hex(6),
            experiment=name,
            arm=name,
            start_time=begun,
            end_time=wall_time(recording, phase.drained_s),
            **measured_fields((phase,), recording, targets=(0,), protocol=point.protocol),
            offered_rps=point.rate,
            slices=(slice_record(0, 0, phase, {}),),
            generator=generator_health((phase,), recording, run_queue_wait_s=waited_s),
            noise=(noise,),
            facts={
                **host_facts,
                **load_facts(
                    point,
                    wait=recording.wait,
                    workers=recording.workers,
                    targets=(target,),
                    phases=(counted,),
                    receive_clock=recording.receive_clock,
                ),
                **tls_facts(recording, 0),
            },
            design=DesignLabels(design="single", seed=seed),
        ),
        arrivals,
    )
    reached = len(recording.phases) == len(phases)
    if not reached:
        # Nothing was counted, so what the generator would say of the rate or the errors is about nothing.
        run = replace(run, validity=Validity(state=ValidityState.INVALID, reasons=(_NOT_REACHED,)), warnings=())
    elif recording.interrupted:
        run = _invalid(run, (_BROKEN_OFF,))
    return _with_noise(run, noise), recording.interrupted


def _phase(point: LoadPoint, arrivals: Arrivals, duration_s: float, *, seed: int, label: str) -> Phase:
    return Phase(target=0, duration_s=duration_s, arrivals=arrivals, rate=point.rate, seed=seed, label=label)


def _counted(recording: SessionRecording, position: int) -> PhaseRecording:
    """The counted phase, by its position in the plan; an empty one when the run was broken off before it."""
    if len(recording.phases) > position:
        return recording.phases[position]
    end_s = recording.phases[-1].drained_s if recording.phases else 0.0
    return PhaseRecording(
        target=0, label="0", begin_s=end_s, end_s=end_s, drained_s=end_s, drained=True, interrupted=True,
        counts=Counts(),
    )  # fmt: skip


def _with_noise(run: RunResult, noise: NoiseReading) -> RunResult:
    """The run judged by how quiet the machine was, as far as that can be told from what the target uses itself."""
    readings, warnings = noise_guards((noise,))
    guards = tuple(_unjudged(guard) if guard.guard == "background_cpu" else guard for guard in readings)
    run = replace(
        run,
        guards=(*run.guards, *guards),
        warnings=(*run.warnings, *(each for each in warnings if each.kind is not WarningKind.NODE_BUSY)),
    )
    reasons = tuple(
        f"{guard.guard} was {guard.value:.3g} {'s' if guard.unit == 's' else 'of the CPU time'}, "
        f"more than {guard.invalid_above:g}"
        for guard in guards
        if guard.outcome == "invalid"
    )
    return _invalid(run, reasons) if reasons else run


def _unjudged(guard: GuardReading) -> GuardReading:
    return replace(guard, value=None, outcome="unavailable", unavailable=_TARGET_MAY_BE_HERE)


def _invalid(run: RunResult, reasons: tuple[str, ...]) -> RunResult:
    return replace(run, validity=Validity(state=ValidityState.INVALID, reasons=(*run.validity.reasons, *reasons)))

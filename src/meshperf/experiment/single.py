"""One run against targets that are already there: no deployment, no arms, no comparison.

`meshperf load` and SMP test files use it. The phases are a warm-up that is not counted, the counted stretch or its
stages, and a cool-down that is not counted, all on the same connections; breaking off keeps what was recorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from meshperf.analysis import objective_readings
from meshperf.experiment.assembly import (
    generator_health,
    judged,
    slice_record,
    tls_facts,
    wall_time,
    worker_wait,
)
from meshperf.experiment.conditions import load_facts
from meshperf.experiment.external import external_warnings
from meshperf.experiment.measured_fields import measured_fields
from meshperf.experiment.offered import counted_phase, mean_rate, steady_phase
from meshperf.load.generators import open_session, require_fit
from meshperf.load.plan import Arrivals, Phase, ReceiveClock, SessionPlan, Target, WaitMode
from meshperf.load.recording import PhaseRecording, Progress, SessionRecording
from meshperf.load.targets import require_open_files
from meshperf.spec.experiment import LoadPoint, Objective
from meshperf.spec.generators import OWN
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

__all__ = ["run_single", "single_phases"]

_NOT_REACHED = "broken off before the counted stretch began"
_BROKEN_OFF = "broken off before its end"
_TARGET_MAY_BE_HERE = "the target may run on this machine"


def run_single(
    target: Target | Sequence[Target],
    point: LoadPoint,
    *,
    name: str,
    host_facts: Facts,
    weights: Sequence[float] = (),
    seed: int = 1,
    objectives: Sequence[Objective] = (),
    on_progress: Callable[[str, Progress], None] | None = None,
) -> tuple[RunResult, bool]:
    """Load one target once, or several that share the requests.

    Args:
        point: also how many workers there are, how they wait, and where they are pinned.
        weights: shares of several targets in their order; none: equal.
        objectives: what has to hold of the whole run; how they stand is in the result, unless it was broken off.
        on_progress: called about four times a second with what is under way and the counters since the beginning.

    Returns:
        The run, and whether it was broken off (then the result covers what was done until then).

    Raises:
        TargetError: a target cannot be reached or does not speak the protocol.
        PrerequisiteError: MP3006, the load generator is not installed. CaptureError: MP5203, it failed.
        UsageError: more connections than this process may have open files (MP1001), or the load point names another
            load generator, which cannot do what it asks for (MP1007).
    """
    targets = (target,) if isinstance(target, Target) else tuple(target)
    plan = SessionPlan(
        targets=targets,
        workers=point.workers,
        wait=WaitMode(point.wait),
        cpus=point.cpus,
        receive_clock=ReceiveClock(point.receive_clock),
    )
    if point.generator == OWN:
        require_open_files(plan)
    before, counted, after = _phases(point, _mix(targets, weights), seed)
    phases = (*before, *counted, *after)
    require_fit(point.generator, plan, phases)
    node = NodeSampler(pids=())
    with open_session(point.generator, plan) as session:
        node.begin()
        recording = session.run(phases, on_progress=_watched(on_progress, len(before), len(counted)))
        waited_s = worker_wait(recording)
    noise = node.end()
    done = recording.phases[len(before) :][: len(counted)]
    kept = done or (_nothing(recording),)
    begun = wall_time(recording, kept[0].begin_s)
    run = judged(
        RunResult(
            run_id=f"{begun:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
            experiment_id=secrets.token_hex(6),
            experiment=name,
            arm=name,
            start_time=begun,
            end_time=wall_time(recording, kept[-1].drained_s),
            **measured_fields(kept, recording, targets=range(len(targets)), protocol=str(targets[0].protocol)),
            offered_rps=mean_rate(point),
            slices=tuple(slice_record(position, position, phase, {}) for position, phase in enumerate(kept)),
            generator=generator_health(kept, recording, run_queue_wait_s=waited_s),
            noise=(noise,),
            facts={
                **host_facts,
                **load_facts(
                    point,
                    wait=recording.wait,
                    workers=recording.workers,
                    targets=targets,
                    phases=counted,
                    receive_clock=recording.receive_clock,
                    external=recording.external,
                ),
                **tls_facts(recording, 0),
            },
            design=DesignLabels(design="single", seed=seed),
        ),
        Arrivals(point.arrivals),
    )
    if not done:
        # Nothing was counted, so what the generator would say of the rate or the errors is about nothing.
        run = replace(run, validity=Validity(state=ValidityState.INVALID, reasons=(_NOT_REACHED,)), warnings=())
    elif recording.interrupted and (len(done) < len(counted) or done[-1].interrupted or not after):
        run = _invalid(run, (_BROKEN_OFF,))
    run = replace(run, warnings=(*run.warnings, *external_warnings(recording.external)))
    if not recording.interrupted:
        run = replace(run, objectives=objective_readings([run], objectives))
    return _with_noise(run, noise), recording.interrupted


def single_phases(
    point: LoadPoint, targets: Sequence[Target], *, weights: Sequence[float] = (), seed: int = 1
) -> tuple[Phase, ...]:
    """Everything that `run_single` sends, in order."""
    before, counted, after = _phases(point, _mix(targets, weights), seed)
    return (*before, *counted, *after)


def _mix(targets: Sequence[Target], weights: Sequence[float]) -> tuple[tuple[int, float], ...]:
    if len(targets) == 1:
        return ()
    return tuple(enumerate(weights or (1.0,) * len(targets)))


def _phases(
    point: LoadPoint, mix: Sequence[tuple[int, float]], seed: int
) -> tuple[tuple[Phase, ...], tuple[Phase, ...], tuple[Phase, ...]]:
    """What is sent before the counted time, in it, and after it."""
    if point.stages:
        stages = [replace(point, rate=stage.rate, rate_end=stage.rate_end) for stage in point.stages]
        lengths = [stage.duration_s for stage in point.stages]
    else:
        stages, lengths = [point], [point.duration_s]
    last = replace(stages[-1], rate=stages[-1].rate_end or stages[-1].rate)
    return (
        (steady_phase(stages[0], 0, point.warmup_s, seed=seed, label="warm-up", mix=mix),) if point.warmup_s else (),
        tuple(
            counted_phase(stage, 0, length_s, seed=seed + 1 + number, label=str(number), mix=mix)
            for number, (stage, length_s) in enumerate(zip(stages, lengths, strict=True))
        ),
        (steady_phase(last, 0, point.cooldown_s, seed=seed, label="cool-down", mix=mix),) if point.cooldown_s else (),
    )


def _watched(
    on_progress: Callable[[str, Progress], None] | None, before: int, counted: int
) -> Callable[[Progress], None] | None:
    if on_progress is None:
        return None

    def look(progress: Progress) -> None:
        measuring = before <= progress.phase < before + counted
        stage = "measuring" if measuring else "warm-up" if progress.phase < before else "cool-down"
        on_progress(stage, progress)

    return look


def _nothing(recording: SessionRecording) -> PhaseRecording:
    """Stands for the counted phase of a run that was broken off before it."""
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

"""One stage of load judged: did the objectives hold, and was the generator clean when they did not?

What it decides: a stage holds when every objective holds and the share of the offered rate that was asked for came
back. A stage that does not hold while the generator was not clean says nothing about the target, and neither does one
during which the target waited for cores that strangers used, unless that is too little to explain what is missing.

Why this way: requests that were due at the end of a stage are still answered while it drains, so counting replies
would call an overload met. What came back is therefore divided by the time it took: from the begin of the stage to the
last reply, less the time that a reply takes when nobody waits (the first percentile). A queue that grows by 20 ms a
second makes the drain that much longer, and the achieved rate 2 % lower than the offered one.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meshperf.analysis.objectives import objective_readings
from meshperf.experiment.assembly import generator_health, judged
from meshperf.experiment.client_validity import CLIENT_GUARDS
from meshperf.load.kinds import Stage
from meshperf.load.plan import Arrivals, Phase
from meshperf.load.recording import PhaseRecording, SessionRecording
from meshperf.spec.experiment import Objective
from meshperf.spec.kinds import ObjectiveReading, StepOutcome, StepState
from meshperf.spec.records import ComponentUsage, DesignLabels, GuardReading, RunResult, ValidityState
from meshperf.units import Unit

__all__ = ["Ran", "achieved_share", "judge_step", "stage_run"]

_NO_MOMENT = dt.datetime.fromtimestamp(0, dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One stage that was run, with everything its judgement needs."""

    stage: Stage
    plan: Phase
    recording: PhaseRecording
    session: SessionRecording
    """Of the call that it was run in."""
    run_queue_wait_s: float | None = None
    """Of the workers, during that call."""
    busy: Mapping[str, float] = field(default_factory=dict)
    """Busy share of each watched process."""
    resources: tuple[ComponentUsage, ...] = ()
    disturbed: str = ""
    """What kept the watched processes from their cores; empty when nothing did, or when that is not known."""
    waited: float = 0.0
    """Share of the time that the watched thread that had to wait longest for a core waited."""


def judge_step(ran: Ran, objectives: Sequence[Objective], *, least_share: float) -> StepOutcome:
    """Judge one stage.

    Args:
        objectives: what has to hold.
        least_share: share of the offered rate that has to come back, in [0, 1]; 0 asks for nothing.
    """
    phase, counts = ran.recording, ran.recording.counts
    run = judged(stage_run(ran), ran.plan.arrivals)
    share = achieved_share(phase)
    readings = []
    if least_share > 0:
        readings.append(
            ObjectiveReading(
                objective=f"achieved >= {least_share * 100:g}%",
                value=share,
                threshold=least_share,
                unit=Unit.RATIO,
                held=share is not None and share >= least_share,
            )
        )
    readings += objective_readings([run], objectives)
    p50, p90, p99 = (None if math.isnan(q) else float(q) for q in phase.response.quantile([0.5, 0.9, 0.99]))
    held = all(reading.held for reading in readings)
    unclean = _unclean(run)
    state = StepState.HELD if held else StepState.FAILED
    missing = 1.0 if share is None else 1.0 - share
    disturbed = ran.disturbed if ran.waited >= missing / 2 else ""
    if not held and (unclean or disturbed):
        state = StepState.CLIENT_LIMITED if unclean else StepState.DISTURBED
    if phase.interrupted:
        state = StepState.BROKEN_OFF
    elif not ran.stage.counted:
        state = StepState.UNJUDGED
    return StepOutcome(
        label=ran.stage.label,
        state=state,
        offered_rps=ran.stage.mean_rate,
        achieved_rps=None if share is None else share * ran.stage.mean_rate,
        begin_s=phase.begin_s,
        duration_s=phase.end_s - phase.begin_s,
        requests=counts.offered,
        failed=counts.errors + counts.timeouts + counts.unanswered + counts.not_sent,
        p50_s=p50,
        p90_s=p90,
        p99_s=p99,
        objectives=tuple(readings) if ran.stage.counted else (),
        busy=dict(ran.busy),
        generator_busy=run.generator.busy_share,
        reason={StepState.CLIENT_LIMITED: unclean, StepState.DISTURBED: disturbed}.get(state, ""),
    )


def achieved_share(phase: PhaseRecording) -> float | None:
    """The achieved over the offered rate, in [0, 1]; None where nothing was due."""
    counts, whole_s = phase.counts, phase.end_s - phase.begin_s
    if counts.offered == 0 or whole_s <= 0:
        return None
    alone_s = float(phase.response.quantile(0.01)) if phase.response.total else 0.0
    took_s = max(whole_s, phase.drained_s - phase.begin_s - alone_s)
    return counts.ok / counts.offered * whole_s / took_s


def stage_run(ran: Ran) -> RunResult:
    """The stage as a run of its own, not judged: what objectives and guards are tried on."""
    phase = ran.recording
    return RunResult(
        run_id="",
        experiment_id="",
        experiment="",
        arm="",
        start_time=_NO_MOMENT,
        end_time=_NO_MOMENT,
        measured_s=phase.end_s - phase.begin_s,
        offered_rps=None if ran.plan.arrivals is Arrivals.CLOSED else ran.stage.mean_rate,
        counts=phase.counts,
        response=phase.response,
        service=phase.service,
        failed=phase.failed,
        resources=ran.resources,
        generator=generator_health((phase,), ran.session, run_queue_wait_s=ran.run_queue_wait_s),
        design=DesignLabels(design="single"),
    )


def _unclean(run: RunResult) -> str:
    """Why the generator was not clean; empty when it was."""
    guards = [guard for guard in run.guards if guard.guard in CLIENT_GUARDS and guard.outcome == "invalid"]
    if guards:
        return "; ".join(_told(guard) for guard in guards)
    limited = run.validity.state is ValidityState.CLIENT_LIMITED
    return "; ".join(run.validity.reasons) if limited else ""


def _told(guard: GuardReading) -> str:
    value, limit = guard.value or 0.0, guard.invalid_above or 0.0
    return f"{guard.guard} was {value:.3g}{guard.unit.replace('1', '')}, more than {limit:.3g}"

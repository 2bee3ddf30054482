"""Make result records out of what was recorded: one run for each resident of a round at one load point.

Nothing is measured here. The run's histogram is the exact sum of its slices', counts are sums, and the CPU time of
each component is the difference of its clock over each slice, so that anybody can derive every figure again.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from meshperf.experiment.client_validity import measures_failure, of_the_generator
from meshperf.experiment.external import quantile_bounds
from meshperf.experiment.measured_fields import measured_fields
from meshperf.experiment.residents import Deployed
from meshperf.histograms import merge
from meshperf.load.dispersion import index_of_dispersion
from meshperf.load.plan import Arrivals
from meshperf.load.recording import PhaseRecording, SessionRecording
from meshperf.load.validity import judge
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.generators import OWN
from meshperf.spec.records import (
    Claim,
    ComponentUsage,
    Counts,
    DesignLabels,
    Fact,
    Facts,
    GeneratorHealth,
    NoiseReading,
    RunResult,
    SliceRecord,
)
from meshperf.telemetry import read_run_queue

__all__ = [
    "RoundContext",
    "assemble_run",
    "clock_name",
    "generator_health",
    "judged",
    "slice_record",
    "tls_facts",
    "wall_time",
    "worker_wait",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundContext:
    """What all runs of one round share."""

    experiment_id: str
    experiment: str
    round: int
    group: int
    load_point: int
    attempt: int
    point: LoadPoint
    design: DesignLabels
    noise: tuple[NoiseReading, ...]
    run_queue_wait_s: float | None


def clock_name(deployed: Deployed, process_name: str) -> str:
    """Name of a process's CPU clock in a session plan."""
    return f"{deployed.resident.name}/{process_name}"


def assemble_run(
    deployed: Deployed,
    recordings: Sequence[tuple[int, PhaseRecording]],
    session: SessionRecording,
    context: RoundContext,
    *,
    run_id: str,
    usage: Sequence[ComponentUsage],
    claims: Sequence[Claim],
    facts: Facts,
    control: Mapping[str, float],
) -> RunResult:
    """One resident's run.

    Args:
        recordings: this resident's slices with their position in the round's order.
        usage: what each component used, without CPU time and requests: those are filled in from the slices.
    """
    slices = tuple(_slice(deployed, position, recording) for position, recording in recordings)
    phases = [recording for _, recording in recordings]
    fields = measured_fields(phases, session, targets=(phases[0].target,), protocol=context.point.protocol)
    run = RunResult(
        **fields,
        run_id=run_id,
        experiment_id=context.experiment_id,
        experiment=context.experiment,
        arm=deployed.resident.arm.name,
        twin=deployed.resident.twin,
        round=context.round,
        group=context.group,
        load_point=context.load_point,
        attempt=context.attempt,
        start_time=wall_time(session, min(phase.begin_s for phase in phases)),
        end_time=wall_time(session, max(phase.drained_s for phase in phases)),
        offered_rps=context.point.rate,
        slices=slices,
        resources=tuple(_with_cpu(item, slices, fields["counts"]) for item in usage),
        generator=generator_health(phases, session, run_queue_wait_s=context.run_queue_wait_s),
        noise=context.noise,
        claims=tuple(claims),
        facts=facts,
        design=context.design,
        control=control,
    )
    return judged(run, Arrivals(context.point.arrivals))


def judged(run: RunResult, arrivals: Arrivals) -> RunResult:
    """The run with the generator's verdict on itself."""
    validity, guards, warnings = judge(
        counts=run.counts,
        offered_rps=run.offered_rps,
        measured_s=run.measured_s,
        response=run.response,
        client_delay=run.generator.client_delay,
        busy_share=run.generator.busy_share,
        arrivals=arrivals,
        build=run.generator.build,
        undrained=sum(not part.drained for part in run.slices),
        service=run.service,
        late_read=run.generator.late_read,
        run_queue_share=run.generator.run_queue_share,
        dispersion_1ms=None if "load.stages" in run.facts else run.generator.dispersion_1ms,
        quantum_s=_number(run.facts, "load.quantum_s"),
        lossy=run.datagrams is not None,
    )
    run = replace(run, validity=validity, guards=guards, warnings=warnings)
    return replace(run, validity=of_the_generator(run)) if measures_failure(run) else run


def _number(facts: Facts, path: str) -> float:
    """A fact that is a number; 0 where it is not known."""
    fact = facts.get(path)
    return float(fact.value) if fact is not None and isinstance(fact.value, int | float) else 0.0


def slice_record(position: int, block: int, phase: PhaseRecording, cpu_s: Mapping[str, float]) -> SliceRecord:
    """One phase as a slice of a run. `cpu_s`: CPU seconds of the measured components; the generator's are added."""
    return SliceRecord(
        position=position,
        block=block,
        begin_s=phase.begin_s,
        end_s=phase.end_s,
        drained_s=phase.drained_s,
        counts=phase.counts,
        response=phase.response,
        lead_in=phase.lead_in,
        cpu_s={**cpu_s, "generator": phase.busy_s},
        drained=phase.drained,
    )


def generator_health(
    phases: Sequence[PhaseRecording], session: SessionRecording, *, run_queue_wait_s: float | None
) -> GeneratorHealth:
    """The generator's account of itself over some phases of a session.

    Args:
        run_queue_wait_s: how long its workers waited for a core while all phases of the session were run.
    """
    external = session.external
    session_s = max((phase.drained_s for phase in session.phases), default=0.0)
    session_s -= min((phase.begin_s for phase in session.phases), default=0.0)
    share = None
    if run_queue_wait_s is not None and session_s > 0:
        share = run_queue_wait_s / (session_s * session.workers)
    worker_s = sum(phase.drained_s - phase.begin_s for phase in phases) * session.workers
    return GeneratorHealth(
        name=external.generator if external is not None else OWN,
        version=session.engine_version,
        build=session.build,
        workers=session.workers,
        wait=session.wait,
        pacing_error=merge(phase.pacing_error for phase in phases),
        client_delay=merge(phase.client_delay for phase in phases),
        busy_share=sum(phase.busy_s for phase in phases) / worker_s if worker_s > 0 else None,
        spin_share=sum(phase.spin_s for phase in phases) / worker_s if worker_s > 0 else None,
        run_queue_wait_s=run_queue_wait_s,
        run_queue_share=share,
        receive_clock=session.receive_clock,
        late_read=merge(phase.late_read for phase in phases),
        dispersion_1ms=index_of_dispersion((phase.sends_per_ms for phase in phases), 1),
        dispersion_10ms=index_of_dispersion((phase.sends_per_ms for phase in phases), 10),
        loop=external.loop if external is not None else "",
        resolution=external.resolution if external is not None else "",
        bounds=quantile_bounds(external) if external is not None else (),
    )


def worker_wait(session: SessionRecording) -> float | None:
    """Seconds that a session's workers have waited for a core since they were started; to be read before it closes."""
    reading = read_run_queue(os.getpid(), session.worker_tids)
    return None if reading.unavailable or not reading.wait_s else sum(reading.wait_s.values())


def tls_facts(session: SessionRecording, target: int) -> Facts:
    """What the generator's own connections agreed with the target: TLS, and how many streams it allows."""
    agreed = session.connections[target]
    values = {
        "security.tls_version": agreed.tls_version,
        # rustls writes TLS13_AES_128_GCM_SHA256, everybody else TLS_AES_128_GCM_SHA256.
        "security.tls_cipher": agreed.tls_cipher and agreed.tls_cipher.replace("TLS13_", "TLS_"),
        "security.tls_group": agreed.tls_group,
        "security.tls_alpn": agreed.alpn,
    }
    facts = {name: Fact(value=value, source="generator's handshakes") for name, value in values.items() if value}
    if agreed.max_streams is not None:
        facts["load.peer_max_streams"] = Fact(value=agreed.max_streams, source="the peer's settings")
    return facts


def wall_time(session: SessionRecording, monotonic_s: float) -> dt.datetime:
    """The wall-clock time of a moment of a session, UTC."""
    return dt.datetime.fromtimestamp(session.origin_unix_s + monotonic_s, dt.UTC)


def _slice(deployed: Deployed, position: int, phase: PhaseRecording) -> SliceRecord:
    cpu = {}
    for process in deployed.processes:
        name = clock_name(deployed, process.name)
        if name in phase.cpu_begin_s and name in phase.cpu_drained_s:
            cpu[deployed.component(process)] = phase.cpu_drained_s[name] - phase.cpu_begin_s[name]
    return slice_record(position, int(phase.label), phase, cpu)


def _with_cpu(usage: ComponentUsage, slices: Sequence[SliceRecord], counts: Counts) -> ComponentUsage:
    readings = [item.cpu_s.get(usage.component) for item in slices]
    known = [reading for reading in readings if reading is not None]
    if len(known) < len(readings):
        why = "its CPU clock could not be read at every border of a slice"
        return replace(usage, unavailable={**usage.unavailable, "cpu_s": why})
    missing = {name: why for name, why in usage.unavailable.items() if name != "requests"}
    return replace(usage, cpu_s=sum(known), requests=counts.sent, unavailable=missing)

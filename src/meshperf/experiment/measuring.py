"""Measure one deployed round: warm-up, slices, control stretch, readings at its borders.

Everything of one round happens in one generator session, so that connections stay warm while slices switch between the
arms. What is read when: latencies and process CPU clocks at every slice; memory, context switches and bytes at the
borders of the measured stretch; node CPU, steal and pressure around it, and around a continuous control stretch of
each resident where the plan asks for one, and the energy of that stretch where the machine counts it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from meshperf.environments.local import LocalSite
from meshperf.experiment.assembly import clock_name
from meshperf.experiment.offered import steady_phase
from meshperf.experiment.pilot import PilotFinding, choose_slice, default_slice, pilot_phases
from meshperf.experiment.plan import RoundPlan, seed_of, slice_phases
from meshperf.experiment.residents import Deployed, require_claims
from meshperf.experiment.service_calls import ServiceCalls, reached_claim, service_calls
from meshperf.load.generators import GeneratorSession, open_session
from meshperf.load.plan import Phase, ReceiveClock, SessionPlan, WaitMode
from meshperf.load.recording import PhaseRecording, Progress, SessionRecording
from meshperf.load.targets import require_open_files
from meshperf.spec.experiment import Experiment, LoadPoint
from meshperf.spec.generators import OWN
from meshperf.spec.records import ComponentUsage, NoiseReading
from meshperf.telemetry import (
    EnergyMeter,
    EnergyReading,
    InterfaceReading,
    NodeSampler,
    ProcessReading,
    read_interfaces,
    read_process,
    read_run_queue,
    run_queue_wait,
    usage,
)
from meshperf.workloads import counters

__all__ = ["Measured", "measure", "session_plan"]

_CONTROL_S = 2.0
_PROGRESS_S = 0.5
_BYTES = ("bytes_in", "bytes_out")
_INTERFACE = ("interface_bytes_in", "interface_bytes_out")

Watcher = Callable[[str, Progress, float], None]
"""Hears the stage, what the generator has seen, and the counted time so far [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that was recorded of one round at one load point."""

    session: SessionRecording
    slices: Sequence[Sequence[tuple[int, PhaseRecording]]]
    """By resident: position in the round's order, and recording."""
    blocks: int
    slice_s: float
    slice_chosen_by: str
    pilot: PilotFinding | None
    noise: tuple[NoiseReading, ...]
    usage: Sequence[Sequence[ComponentUsage]]
    """By resident."""
    services: Sequence[Mapping[str, ServiceCalls]]
    """By resident and service: what each counted over the measured stretch."""
    control: Sequence[Mapping[str, float]]
    """By resident; empty where no control stretch was run."""
    run_queue_wait_s: float | None


def session_plan(site: LocalSite, deployed: Sequence[Deployed], point: LoadPoint) -> SessionPlan:
    """One session with every resident as a target and every measured process's clock."""
    return SessionPlan(
        targets=tuple(item.target(point) for item in deployed),
        cpus=site.cpus.cpus_for("generator")[:1],
        # Spinning is for a core that no measured process may use; else it would take its time from what is measured.
        wait=WaitMode.SLEEP if site.cpus.generator_shared else WaitMode.HYBRID,
        clocks={clock_name(item, process.name): process.pid for item in deployed for process in item.processes},
        receive_clock=ReceiveClock(point.receive_clock),
    )


def measure(
    site: LocalSite,
    deployed: Sequence[Deployed],
    round_plan: RoundPlan,
    experiment: Experiment,
    load_point: int,
    *,
    slice_s: float | None,
    attempt: int,
    with_control: bool,
    on_progress: Watcher,
) -> Measured:
    """Run one load point of a round on residents that are up.

    Args:
        slice_s: length of a slice [s]; None lets a pilot choose it.
        on_progress: called about twice a second with the stage and what the generator has seen.

    Raises:
        ComparisonError: a service of the graph is out of reach (MP4003).
        DeploymentError: a measured process ended (MP5104). KeyboardInterrupt: the user broke off.
        UsageError: the connections of the load point are more than the open files that this process may have.
    """
    point = experiment.load[load_point]
    plan = session_plan(site, deployed, point)
    if point.generator == OWN:
        require_open_files(plan)
    cold = _counters(deployed)
    with open_session(point.generator, plan) as session:
        bench = _Bench(site=site, session=session, on_progress=on_progress)
        warmed = bench.run(
            "warm-up",
            [
                steady_phase(point, index, point.warmup_s, seed=index, label="0")
                for index in range(len(deployed))
                if point.warmup_s or point.generator == OWN
            ],
        )
        _require_reached(deployed, cold)
        length, chosen_by, finding = _slice_length(bench, deployed, round_plan, experiment, point, slice_s)
        phases, blocks = slice_phases(round_plan, point, load_point=load_point, slice_s=length, attempt=attempt)
        before = _Readings.take(deployed)
        queued = read_run_queue(os.getpid(), warmed.worker_tids)
        node = NodeSampler(pids=[process.pid for item in deployed for process in item.processes])
        node.begin()
        measured = bench.run("measuring", phases)
        noise = [node.end()]
        waited = run_queue_wait(queued, read_run_queue(os.getpid(), measured.worker_tids))
        after = _Readings.take(deployed)
        services = [_moved(before.counters[index], after.counters[index]) for index in range(len(deployed))]
        used = [_used(index, item, before, after, services[index]) for index, item in enumerate(deployed)]
        control: list[Mapping[str, float]] = []
        if with_control and experiment.design == "interleaved":
            energy = EnergyMeter()
            for index in range(len(deployed)):
                node.begin()
                energy.begin()
                phase = steady_phase(point, index, _CONTROL_S, seed=round_plan.seed, label="0")
                stretch = bench.run("control", [phase])
                taken = energy.end()
                noise.append(node.end())
                control.append(_control_figures(stretch.phases[0], taken))
    return Measured(
        session=measured,
        slices=_by_target(measured.phases, len(deployed)),
        blocks=blocks,
        slice_s=length,
        slice_chosen_by=chosen_by,
        pilot=finding,
        noise=tuple(noise),
        usage=used,
        services=services,
        control=control,
        run_queue_wait_s=waited,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """A session with an eye on the processes that are measured through it."""

    site: LocalSite
    session: GeneratorSession
    on_progress: Watcher

    def run(self, stage: str, phases: Sequence[Phase]) -> SessionRecording:
        def watch(progress: Progress) -> None:
            self.site.check()
            counted_s = sum(phase.duration_s for phase in phases[: progress.phase])
            self.on_progress(stage, progress, counted_s)

        recording = self.session.run(phases, on_progress=watch, interval_s=_PROGRESS_S)
        if recording.interrupted:
            raise KeyboardInterrupt
        self.site.check()
        return recording


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readings:
    """What every process had used, and every service had counted, at one end of the measured stretch."""

    processes: Mapping[int, ProcessReading]
    counters: Sequence[Mapping[str, Mapping[str, int]]]
    """By resident and service."""
    interfaces: Mapping[int, InterfaceReading]
    """Of the pods that services live in, by the services' processes."""

    @classmethod
    def take(cls, deployed: Sequence[Deployed]) -> _Readings:
        return cls(
            processes={process.pid: read_process(process.pid) for item in deployed for process in item.processes},
            counters=_counters(deployed),
            interfaces={
                app.process.pid: read_interfaces(app.process.pid) for item in deployed for app in item.apps.values()
            },
        )


def _counters(deployed: Sequence[Deployed]) -> Sequence[Mapping[str, Mapping[str, int]]]:
    return [{name: counters(app.endpoint) for name, app in item.apps.items()} for item in deployed]


def _require_reached(deployed: Sequence[Deployed], cold: Sequence[Mapping[str, Mapping[str, int]]]) -> None:
    """Refuse to measure a graph of which the warm-up did not reach every service.

    Raises:
        ComparisonError: a service that was due was never asked (MP4003).
    """
    warm = _counters(deployed)
    require_claims(
        {
            item.resident.name: [reached_claim(item.graph, _moved(cold[index], warm[index]))]
            for index, item in enumerate(deployed)
        }
    )


def _moved(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]
) -> Mapping[str, ServiceCalls]:
    return {name: service_calls(before[name], after[name]) for name in after}


def _used(
    index: int, item: Deployed, before: _Readings, after: _Readings, services: Mapping[str, ServiceCalls]
) -> list[ComponentUsage]:
    """Usage of one resident's processes in between; CPU time is filled in from the slices later."""
    by_pid = {app.process.pid: name for name, app in item.apps.items()}
    entry = services[item.graph.entry].requests
    found = []
    for process in item.processes:
        service = by_pid.get(process.pid, "")
        began, ended = before.counters[index].get(service), after.counters[index].get(service)
        moved = {} if began is None or ended is None else {name: ended[name] - began[name] for name in _BYTES}
        used = usage(
            before.processes[process.pid],
            after.processes[process.pid],
            component=item.component(process),
            role=process.role,
            **moved,
        )
        if service:
            did = services[service]
            used = replace(
                used,
                served=did.requests,
                served_per_entry=did.requests / entry if entry else None,
                calls=did.calls,
                calls_failed=did.failed,
                **_crossed(before.interfaces[process.pid], after.interfaces[process.pid], used),
            )
        found.append(used)
    return found


def _crossed(before: InterfaceReading, after: InterfaceReading, used: ComponentUsage) -> dict[str, Any]:
    """Bytes that crossed a pod's interface, as fields of its service's usage."""
    if None in (before.bytes_in, before.bytes_out, after.bytes_in, after.bytes_out):
        why = after.unavailable or before.unavailable
        return {"unavailable": {**used.unavailable, **dict.fromkeys(_INTERFACE, why)}}
    assert before.bytes_in is not None and before.bytes_out is not None
    assert after.bytes_in is not None and after.bytes_out is not None
    moved = (after.bytes_in - before.bytes_in, after.bytes_out - before.bytes_out)
    return dict(zip(_INTERFACE, moved, strict=True))


def _slice_length(
    bench: _Bench,
    deployed: Sequence[Deployed],
    round_plan: RoundPlan,
    experiment: Experiment,
    point: LoadPoint,
    wanted: float | None,
) -> tuple[float, str, PilotFinding | None]:
    if experiment.design == "continuous":
        return point.duration_s, "continuous design", None
    if experiment.slice_s is not None:
        return experiment.slice_s, "given", None
    if wanted is not None:
        # A pilot found it at another load point or in an earlier round; a low rate still needs its 25 requests.
        return max(wanted, default_slice(point)), "pilot", None
    if len(deployed) == 1:
        return default_slice(point), "default", None
    recording = bench.run("pilot", pilot_phases(point, (0, 1), seed_of(round_plan.seed, "pilot")))
    finding = choose_slice(recording.phases, point, budget_s=point.duration_s)
    return finding.slice_s, f"pilot: {finding.reason}; {_prediction(finding)}", finding


def _prediction(finding: PilotFinding) -> str:
    if math.isnan(finding.predicted_half_width):
        return "no prediction"
    return f"p50 ratio to +/-{finding.predicted_half_width:.1%} expected inside one deployment"


def _control_figures(phase: PhaseRecording, taken: EnergyReading) -> dict[str, float]:
    figures = {"duration_s": phase.end_s - phase.begin_s, "requests": float(phase.response.total)}
    if taken.joules is not None:
        figures |= {"energy_j": taken.joules, "energy_s": taken.duration_s}
    if phase.response.total:
        figures |= {"p50_s": float(phase.response.quantile(0.5)), "p90_s": float(phase.response.quantile(0.9))}
    return figures


def _by_target(phases: Sequence[PhaseRecording], targets: int) -> list[list[tuple[int, PhaseRecording]]]:
    found: list[list[tuple[int, PhaseRecording]]] = [[] for _ in range(targets)]
    for position, phase in enumerate(phases):
        found[phase.target].append((position, phase))
    return found

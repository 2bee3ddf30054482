"""One engine session in this process, for what needs more than a report: recordings, clocks, verdicts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.pinned import Cores
from benchmarks.servers import Server
from meshperf.load.native import NativeSession
from meshperf.load.plan import Arrivals, Phase, SessionPlan, Target
from meshperf.load.recording import PhaseRecording, SessionRecording
from meshperf.load.validity import judge
from meshperf.spec.records import Validity


def run_phases(
    server: Server, phases: Sequence[Phase], cores: Cores, *, connections: int = 50, **plan: Any
) -> SessionRecording:
    """Run phases with one worker on the generator's core; further arguments are those of the plan."""
    target = Target(name=server.name, address=server.address, host="bench.meshperf", connections=connections)
    cpus = () if cores.generator is None else (cores.generator,)
    with NativeSession.open(SessionPlan(targets=(target,), cpus=cpus, **plan)) as session:
        return session.run(phases)


def verdict(recording: SessionRecording, phase: PhaseRecording, asked: Phase) -> Validity:
    """What the product's own judgement says of a phase."""
    duration_s = phase.end_s - phase.begin_s
    validity, _, _ = judge(
        counts=phase.counts,
        offered_rps=asked.rate,
        measured_s=duration_s,
        response=phase.response,
        client_delay=phase.client_delay,
        busy_share=phase.busy_s / duration_s,
        arrivals=asked.arrivals,
        build=recording.build,
        service=phase.service,
        late_read=phase.late_read,
    )
    return validity


def constant(rate: float, duration_s: float, **changes: Any) -> Phase:
    return Phase(target=0, duration_s=duration_s, arrivals=Arrivals.CONSTANT, rate=rate, **changes)


def adds_up(phase: PhaseRecording) -> bool:
    """Whether every request that was offered is accounted for, once."""
    counts = phase.counts
    ended = counts.ok + counts.errors + counts.timeouts
    return counts.offered == ended + counts.unanswered + counts.not_sent


def until(server: Server, into_period_s: float, period_s: float) -> float:
    """Seconds until the next moment that lies so far into a period of the workload's stalls."""
    now_s = (time.monotonic_ns() - server.started_monotonic_ns) * 1e-9 % period_s
    return (into_period_s - now_s) % period_s

"""What must hold of every recording, whatever the target did; and a run that is held to its deadline.

The identities here are those of the contract: a request that became due ends in exactly one way, every view of a phase
(counts, histograms, series, sends by the millisecond) tells of the same requests, and nothing outlives its drain.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from meshperf.load import Arrivals, NativeSession, Phase, PhaseRecording, SessionPlan, SessionRecording, Target

__all__ = ["SPARE_S", "assert_adds_up", "measure"]

SPARE_S = 1.5
"""Beyond window and drain: settling before a phase, and a machine that others use."""


def assert_adds_up(recorded: PhaseRecording, phase: Phase) -> None:
    """Every identity between the figures of one phase."""
    counts = recorded.counts
    assert counts.offered == counts.ok + counts.errors + counts.timeouts + counts.unanswered + counts.not_sent, counts
    assert counts.sent + counts.not_sent <= counts.offered, counts
    lead_in = recorded.lead_in_counts
    assert lead_in.offered == (
        lead_in.ok + lead_in.errors + lead_in.timeouts + lead_in.unanswered + lead_in.not_sent
    ), lead_in
    reasons = (recorded.errors_by_reason, recorded.errors_by_status, recorded.errors_by_grpc_status)
    assert sum(sum(told.values()) for told in reasons) == counts.errors + counts.timeouts == recorded.failed.total
    assert recorded.errors_by_reason.get("timeout", 0) == counts.timeouts
    assert recorded.response.total == recorded.service.total == counts.ok
    assert recorded.censored.total == counts.unanswered + counts.not_sent
    assert recorded.lead_in.total == lead_in.ok
    assert recorded.late_read.total <= counts.ok
    scheduled = phase.arrivals is not Arrivals.CLOSED
    assert recorded.pacing_error.total == recorded.client_delay.total == (counts.sent if scheduled else 0)
    assert scheduled or counts.not_sent == 0
    assert recorded.begin_s <= recorded.end_s <= recorded.drained_s
    _assert_series_adds_up(recorded, phase)
    sends = [int.from_bytes(recorded.sends_per_ms[at : at + 4], "little") for at in range(0, 4 * _length(recorded), 4)]
    assert sum(sends) <= counts.sent
    if not recorded.interrupted:
        assert len(sends) == min(int(phase.duration_s * 1000 + 1e-6), 65_536)


def _length(recorded: PhaseRecording) -> int:
    assert len(recorded.sends_per_ms) % 4 == 0
    return len(recorded.sends_per_ms) // 4


def _assert_series_adds_up(recorded: PhaseRecording, phase: Phase) -> None:
    counts, series = recorded.counts, recorded.series
    assert series is not None
    assert sum(part.offered for part in series.intervals) == counts.offered
    assert sum(part.ok for part in series.intervals) == counts.ok
    assert sum(part.failed for part in series.intervals) == counts.errors + counts.timeouts
    assert all(part.response.total == part.ok for part in series.intervals)
    assert all(part.ok + part.failed <= part.offered for part in series.intervals)
    assert len(series.intervals) <= max(1, math.ceil(phase.duration_s / series.interval_s - 1e-9))


def measure(target: Target | Sequence[Target], *phases: Phase, **plan: object) -> SessionRecording:
    """Run phases on targets, hold the run and its end to their deadlines, and check what was recorded."""
    targets = (target,) if isinstance(target, Target) else tuple(target)
    with NativeSession.open(SessionPlan(**{"targets": targets, **plan})) as session:
        begin = time.monotonic()
        recording = session.run(phases)
        took = time.monotonic() - begin
        closing = time.monotonic()
    longest = sum(phase.guard_s + phase.lead_in_s + phase.duration_s + phase.drain_s + 0.25 for phase in phases)
    assert took < longest + SPARE_S
    assert time.monotonic() - closing < SPARE_S
    for recorded, phase in zip(recording.phases, phases, strict=True):
        assert_adds_up(recorded, phase)
    return recording

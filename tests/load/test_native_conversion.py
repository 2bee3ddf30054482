"""What the engine hands over is every field of the records, and the parts agree with one another."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest

from meshperf.histograms import merge
from meshperf.load import (
    Arrivals,
    ConnectionFacts,
    Datagrams,
    NativeSession,
    Phase,
    PhaseRecording,
    Progress,
    SeriesInterval,
    SessionPlan,
    SessionRecording,
)
from meshperf.load.native import _phases_json, _plan_json
from meshperf.spec.records import Counts

pytestmark = pytest.mark.needs_native


def _names(record: type) -> set[str]:
    return {field.name for field in fields(record)}


def test_every_field_of_the_records_comes_from_the_engine(workload):
    from meshperf import _native

    plan = SessionPlan(targets=(workload.target(),), clocks={"workload": workload.process.pid})
    phase = Phase(target=0, duration_s=0.2, arrivals=Arrivals.CONSTANT, rate=100.0)
    with _native.Session(_plan_json(plan)) as session:
        progress = session.progress()
        recorded = session.run(_phases_json([phase]))
    assert set(recorded) == _names(SessionRecording) - {"build", "engine_version", "external"}
    assert set(recorded["phases"][0]) == _names(PhaseRecording)
    assert set(recorded["connections"][0]) == _names(ConnectionFacts)
    assert set(recorded["phases"][0]["counts"]) == _names(Counts)
    assert set(recorded["phases"][0]["datagrams"]) == _names(Datagrams)
    assert set(recorded["phases"][0]["series"]["intervals"][0]) == _names(SeriesInterval)
    assert set(progress) == _names(Progress)


def test_every_field_of_plan_and_phase_is_told_to_the_engine(workload):
    from meshperf.load import Target

    plan = json.loads(_plan_json(SessionPlan(targets=(workload.target(),))))
    assert set(plan) == _names(SessionPlan)
    assert set(plan["targets"][0]) == _names(Target)
    (phase,) = json.loads(_phases_json([Phase(target=0, duration_s=1.0, arrivals=Arrivals.CLOSED)]))
    assert set(phase) == _names(Phase)


def test_series_and_sends_by_the_millisecond_add_up_to_the_counts(workload):
    plan = SessionPlan(targets=(workload.target(),), workers=2, series_interval_s=0.1)
    with NativeSession.open(plan) as session:
        (phase,) = session.run([Phase(target=0, duration_s=0.5, arrivals=Arrivals.POISSON, rate=400.0)]).phases
    assert phase.series is not None
    assert phase.series.interval_s == 0.1
    intervals = phase.series.intervals
    assert sum(interval.offered for interval in intervals) == phase.counts.offered
    assert sum(interval.ok for interval in intervals) == phase.counts.ok == phase.response.total
    assert merge(interval.response for interval in intervals).total == phase.counts.ok
    sends = np.frombuffer(phase.sends_per_ms, dtype="<u4")
    # What was due in the window and sent after it is in no millisecond of it.
    assert 0.9 * phase.counts.sent <= int(sends.sum()) <= phase.counts.sent
    assert sends.size in (500, 501)

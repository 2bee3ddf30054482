"""A plan split over 8 real generators: together they send the schedule of the whole plan, each request once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from meshperf.load import Arrivals, Phase, SessionPlan, SessionRecording, merge, run, split

pytestmark = pytest.mark.needs_native

GENERATORS = 8


def _plan(workload, **changes) -> SessionPlan:
    return SessionPlan(targets=(workload.target(connections=16),), **changes)


def _phase(**changes) -> Phase:
    return Phase(
        **{
            "target": 0,
            "duration_s": 1.0,
            "arrivals": Arrivals.CONSTANT,
            "rate": 400.0,
            "seed": 11,
            "label": "a",
            **changes,
        }
    )


def _together(plan: SessionPlan, phases: list[Phase], *, ahead_s: float = 1.0) -> list[SessionRecording]:
    """Every part on a session of its own, all beginning at the same moment."""
    parts = split(plan, phases, GENERATORS, start_unix_s=time.time() + ahead_s)
    with ThreadPoolExecutor(GENERATORS) as pool:
        return list(pool.map(lambda part: run(*part), parts))


def _due_per_interval(recording: SessionRecording) -> list[int]:
    series = recording.phases[0].series
    assert series is not None
    return [interval.offered for interval in series.intervals]


def test_what_8_generators_offer_adds_up_to_the_whole_plan_exactly(workload):
    phases = [_phase(), _phase(duration_s=0.5, rate=333.0, label="b")]
    alone = run(_plan(workload), phases)
    recordings = _together(_plan(workload), phases)
    merged = merge(recordings)
    assert [phase.counts.offered for phase in alone.phases] == [400, 167]
    assert [phase.counts.offered for phase in merged.phases] == [400, 167]
    assert [recording.phases[0].counts.offered for recording in recordings] == [50] * GENERATORS
    assert sum(recording.phases[1].counts.offered for recording in recordings) == 167
    assert [phase.counts.ok for phase in merged.phases] == [400, 167]
    assert merged.connections[0].opened == 16
    assert merged.workers == GENERATORS


@pytest.mark.parametrize("arrivals", [Arrivals.CONSTANT, Arrivals.TRACE])
def test_the_union_of_their_schedules_is_the_schedule_of_the_plan(workload, arrivals):
    changes = {}
    if arrivals is Arrivals.TRACE:
        due = np.sort(np.random.default_rng(5).uniform(0, 1, 300))
        changes = {"rate": None, "trace_s": tuple(due.tolist())}
    plan = _plan(workload, series_interval_s=0.01)
    phases = [_phase(arrivals=arrivals, **changes)]
    whole, parts = _due_per_interval(run(plan, phases)), _together(plan, phases)
    assert _due_per_interval(merge(parts)) == whole
    assert sum(whole) == (300 if changes else 400)


def test_phases_of_all_generators_begin_together(workload):
    parts = _together(_plan(workload), [_phase(duration_s=0.3, drain_s=0.2), _phase(duration_s=0.3, drain_s=0.2)])
    for number in range(2):
        begun = [part.origin_unix_s + part.phases[number].begin_s for part in parts]
        assert max(begun) - min(begun) < 0.02
    merged = merge(parts)
    for phase in merged.phases:
        assert phase.end_s - phase.begin_s == pytest.approx(0.3, abs=0.02)


def test_a_closed_loop_keeps_as_many_in_flight_over_all_generators_as_asked(serve):
    """Twelve replies are withheld: that many requests come, and no thirteenth."""
    arrived, release = Counter(), threading.Event()
    lock = threading.Lock()

    def withhold(connection) -> None:
        while connection.recv(4096):
            with lock:
                arrived["requests"] += 1
            release.wait(10)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    plan = SessionPlan(targets=(serve(withhold).target(connections=32),))
    phase = _phase(arrivals=Arrivals.CLOSED, rate=None, in_flight=12, duration_s=0.5, drain_s=0.1)
    begin = time.monotonic()
    merged = merge(_together(plan, [phase]))
    release.set()
    assert time.monotonic() - begin < 10
    assert arrived["requests"] == 12
    assert merged.phases[0].counts.sent == 12
    assert merged.phases[0].counts.unanswered == 12


def test_poisson_parts_are_independent_and_their_rates_add_up(workload):
    recordings = _together(_plan(workload, series_interval_s=0.05), [_phase(arrivals=Arrivals.POISSON, rate=1600.0)])
    offered = [recording.phases[0].counts.offered for recording in recordings]
    assert sum(offered) == pytest.approx(1600, abs=4 * 1600**0.5)
    dues = [tuple(_due_per_interval(recording)) for recording in recordings]
    assert len(set(dues)) == GENERATORS

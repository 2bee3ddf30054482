"""What phases add up to: exact sums, datagrams apart from errors, figures over time in their places."""

from __future__ import annotations

import numpy as np
import pytest

from meshperf.experiment.assembly import generator_health, tls_facts
from meshperf.experiment.measured_fields import measured_fields
from meshperf.histograms import Histogram
from meshperf.load.recording import (
    ConnectionFacts,
    Datagrams,
    PhaseRecording,
    Series,
    SeriesInterval,
    SessionRecording,
)
from meshperf.spec.records import Counts, RunResult


def phase(begin_s: float, *, ok: int = 100, seconds: int = 1, **changes: object) -> PhaseRecording:
    fields: dict[str, object] = {
        "target": 0,
        "label": "0",
        "begin_s": begin_s,
        "end_s": begin_s + seconds,
        "drained_s": begin_s + seconds + 0.5,
        "drained": True,
        "counts": Counts(offered=ok, sent=ok, ok=ok),
        "response": Histogram.from_values([0.001] * ok),
    }
    return PhaseRecording(**{**fields, **changes})  # type: ignore[arg-type]


def session(*phases: PhaseRecording, **changes: object) -> SessionRecording:
    opened = (ConnectionFacts(opened=4, connect=Histogram.from_values([0.001])), ConnectionFacts(opened=2, retired=7))
    return SessionRecording(phases=phases, connections=opened, **changes)  # type: ignore[arg-type]


def fields(*phases: PhaseRecording, protocol: str = "http1", targets: tuple[int, ...] = (0,)) -> dict[str, object]:
    return measured_fields(phases, session(*phases), targets=targets, protocol=protocol)


def test_every_field_is_one_of_a_run() -> None:
    assert set(fields(phase(0.0))) <= set(RunResult.__slots__)


def test_phases_add_up_exactly() -> None:
    late = Histogram.from_values([0.4] * 3)
    first = phase(0.0, censored=late, errors_by_grpc_status={"UNAVAILABLE": 2}, errors_by_reason={"reset": 1})
    second = phase(5.0, ok=50, censored=late, errors_by_grpc_status={"UNAVAILABLE": 1, "INTERNAL": 4})
    found = fields(first, second)
    assert found["counts"] == Counts(offered=150, sent=150, ok=150)
    assert found["measured_s"] == 2.0
    assert found["censored"] == late + late
    assert found["errors_by_grpc_status"] == {"UNAVAILABLE": 3, "INTERNAL": 4}
    assert found["errors_by_reason"] == {"reset": 1}


def test_connections_of_several_targets_are_added_up() -> None:
    assert fields(phase(0.0))["connections"] == {
        "opened": 4, "reopened": 0, "failed": 0, "retired": 0, "grown": 0, "tls_handshakes": 0, "tls_resumed": 0,
    }  # fmt: skip
    both = fields(phase(0.0), targets=(0, 1))["connections"]
    assert isinstance(both, dict)
    assert (both["opened"], both["retired"]) == (6, 7)


def test_only_datagrams_are_lost() -> None:
    counts = Counts(offered=100, sent=98, ok=90, timeouts=5, unanswered=3, not_sent=2)
    one = phase(0.0, counts=counts, datagrams=Datagrams(duplicates=1, reordered=2, late=4))
    assert fields(one)["datagrams"] is None
    found = fields(one, one, protocol="udp")["datagrams"]
    assert found is not None
    assert [getattr(found, name) for name in found.__slots__] == [196, 16, 2, 4, 8]


def interval(ok: int, seconds: float) -> SeriesInterval:
    return SeriesInterval(offered=ok + 1, ok=ok, failed=1, response=Histogram.from_values([seconds] * ok))


def test_figures_over_time_keep_their_places_and_their_doubts() -> None:
    parts = (interval(200, 0.001), interval(0, 0.0), interval(20, 0.1))
    found = fields(phase(10.0, seconds=3, series=Series(interval_s=1.0, intervals=parts)))["series"]
    by_name = {series.metric: series for series in found}  # type: ignore[attr-defined]
    assert by_name["offered"].values == (201.0, 1.0, 21.0)
    assert by_name["failed"].values == (1.0, 1.0, 1.0)
    assert by_name["p50"].values == (pytest.approx(0.001, rel=0.02), None, pytest.approx(0.1, rel=0.02))
    assert by_name["p99"].values == (pytest.approx(0.001, rel=0.02), None, None)  # 20 replies have no p99
    assert {(one.step_s, one.begin_s) for one in by_name.values()} == {(1.0, 0.0)}


def test_phases_with_their_own_series_stand_one_after_the_other_and_slices_have_none() -> None:
    series = Series(interval_s=0.5, intervals=(interval(10, 0.001),) * 2)
    found = fields(phase(3.0, series=series), phase(7.5, series=series))["series"]
    assert [(one.metric, one.begin_s) for one in found if one.metric == "ok"] == [  # type: ignore[attr-defined]
        ("ok", 0.0),
        ("ok", 4.5),
    ]
    short = Series(interval_s=1.0, intervals=(interval(10, 0.001),))
    assert fields(phase(0.0, series=short), phase(2.0, series=short))["series"] == ()


def sent(per_ms: list[int]) -> bytes:
    return np.array(per_ms, dtype="<u4").tobytes()


def test_the_generator_says_how_even_its_sends_were() -> None:
    even = phase(0.0, sends_per_ms=sent([2] * 1000))
    clumps = phase(0.0, sends_per_ms=sent(([20] + [0] * 9) * 100))
    health = generator_health((even, even), session(even), run_queue_wait_s=None)
    assert (health.dispersion_1ms, health.dispersion_10ms) == (0.0, 0.0)
    clumped = generator_health((clumps,), session(clumps), run_queue_wait_s=None)
    # 2 a window, one window in ten holds 20: variance 36
    assert clumped.dispersion_1ms == pytest.approx(18.0, rel=0.01)
    assert clumped.dispersion_10ms == 0.0
    assert generator_health((phase(0.0),), session(phase(0.0)), run_queue_wait_s=None).dispersion_1ms is None


def test_what_was_agreed_on_the_connections_is_told() -> None:
    agreed = ConnectionFacts(tls_version="1.3", alpn="h2", max_streams=100)
    recorded = SessionRecording(phases=(), connections=(agreed, ConnectionFacts()))
    assert {path: fact.value for path, fact in tls_facts(recorded, 0).items()} == {
        "security.tls_version": "1.3",
        "security.tls_alpn": "h2",
        "load.peer_max_streams": 100,
    }
    assert tls_facts(recorded, 1) == {}


def test_the_wait_for_a_core_is_a_share_of_the_whole_session() -> None:
    warm, counted = phase(0.0), phase(1.5)
    recorded = session(warm, counted, workers=2, receive_clock="kernel")
    health = generator_health((counted,), recorded, run_queue_wait_s=0.6)
    assert health.run_queue_share == pytest.approx(0.6 / (3.0 * 2))
    assert health.receive_clock == "kernel"
    assert generator_health((counted,), recorded, run_queue_wait_s=None).run_queue_share is None

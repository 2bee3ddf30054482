"""Recordings merge exactly: a stream dealt to many recorders is the stream again, in whatever order they are merged."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from made_recordings import SESSIONS, histograms_of

from meshperf.errors import UsageError
from meshperf.histograms import Histogram
from meshperf.load.merging import merge
from meshperf.load.recording import (
    ConnectionFacts,
    PhaseRecording,
    Series,
    SeriesInterval,
    SessionRecording,
)
from meshperf.spec.records import Counts

QUANTILES = np.array([0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0])


def _exchanged(histogram: Histogram) -> Histogram:
    return Histogram.from_hdr_v2(histogram.to_hdr_v2())


def _session(*phases: PhaseRecording, **changes) -> SessionRecording:
    return SessionRecording(**{"phases": phases, "connections": (), **changes})


def _phase(**changes) -> PhaseRecording:
    given = {"target": 0, "label": "", "begin_s": 0.0, "end_s": 1.0, "drained_s": 1.0, "drained": True}
    return PhaseRecording(**{**given, "counts": Counts(), **changes})


def _recorded(durations_s: np.ndarray, due_s: np.ndarray) -> PhaseRecording:
    """What a recorder keeps of requests that were due and answered, in a window of 2 s with a series of 0.5 s."""
    sends = np.bincount((due_s * 1000).astype(int), minlength=2000)
    return _phase(
        counts=Counts(offered=durations_s.size, sent=durations_s.size, ok=durations_s.size),
        response=_exchanged(Histogram.from_values(durations_s)),
        series=Series(
            interval_s=0.5,
            intervals=tuple(
                SeriesInterval(
                    offered=int(inside.sum()),
                    ok=int(inside.sum()),
                    failed=0,
                    response=_exchanged(Histogram.from_values(durations_s[inside])),
                )
                for inside in ((due_s // 0.5) == k for k in range(4))
            ),
        ),
        sends_per_ms=sends.astype("<u4").tobytes(),
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3000))
def test_one_stream_dealt_to_8_recorders_and_merged_is_the_unsplit_recording(seed, size):
    random = np.random.default_rng(seed)
    durations = random.lognormal(-6, 2, size)
    due = random.uniform(0, 2, size)
    recorder = random.integers(0, 8, size)
    whole = _session(_recorded(durations, due))
    merged = merge(_session(_recorded(durations[recorder == k], due[recorder == k])) for k in range(8))
    np.testing.assert_array_equal(
        merged.phases[0].response.quantile(QUANTILES), whole.phases[0].response.quantile(QUANTILES)
    )
    assert merged.phases == whole.phases


@settings(max_examples=60, deadline=None)
@given(SESSIONS, SESSIONS, SESSIONS)
def test_it_makes_no_difference_which_are_merged_first_or_in_what_order(a, b, c):
    whole = merge([a, b, c])
    assert merge([merge([a, b]), c]) == whole
    assert merge([a, merge([b, c])]) == whole
    assert merge([c, a, b]) == whole


@settings(max_examples=30, deadline=None)
@given(SESSIONS, SESSIONS)
def test_every_count_and_every_histogram_adds_up(a, b):
    merged = merge([a, b])
    for one, two, both in zip(a.phases, b.phases, merged.phases, strict=True):
        assert both.counts == one.counts + two.counts
        assert both.lead_in_counts == one.lead_in_counts + two.lead_in_counts
        for name in histograms_of(PhaseRecording):
            assert getattr(both, name) == getattr(one, name) + getattr(two, name), name
        for name in ("errors_by_reason", "errors_by_status", "errors_by_grpc_status"):
            of_one, of_two = getattr(one, name), getattr(two, name)
            expected = {key: of_one.get(key, 0) + of_two.get(key, 0) for key in of_one.keys() | of_two.keys()}
            assert getattr(both, name) == expected
        assert both.busy_s == one.busy_s + two.busy_s
    (facts,) = merged.connections
    for name in ("opened", "reopened", "failed", "tls_handshakes", "tls_resumed", "retired", "grown"):
        assert getattr(facts, name) == getattr(a.connections[0], name) + getattr(b.connections[0], name)
    assert merged.workers == a.workers + b.workers


def test_times_are_told_from_the_earliest_origin():
    early = _session(_phase(begin_s=3.0, end_s=5.0, drained_s=5.25), origin_unix_s=1000.0)
    late = _session(_phase(begin_s=1.0, end_s=3.0, drained_s=3.5), origin_unix_s=1002.25)
    merged = merge([late, early])
    (phase,) = merged.phases
    assert merged.origin_unix_s == 1000.0
    assert (phase.begin_s, phase.end_s, phase.drained_s) == (3.0, 5.25, 5.75)


def _series_of(interval_s: float, *offered: int) -> Series:
    return Series(
        interval_s=interval_s, intervals=tuple(SeriesInterval(offered=count, ok=count, failed=0) for count in offered)
    )


def test_a_finer_series_is_halved_until_it_fits():
    fine, coarse = _phase(series=_series_of(1.0, 1, 2, 3, 4, 5)), _phase(series=_series_of(4.0, 100, 200, 300))
    series = merge([_session(fine), _session(coarse)]).phases[0].series
    assert series is not None
    assert series.interval_s == 4.0
    assert [each.offered for each in series.intervals] == [110, 205, 300]


def test_a_series_that_a_sender_lacks_is_unknown_and_not_half():
    sender = Counts(offered=5, sent=5, ok=5)
    with_series = _phase(counts=sender, series=_series_of(1.0, 5), sends_per_ms=b"\x05\0\0\0")
    merged = merge([_session(with_series), _session(_phase(counts=sender))]).phases[0]
    assert (merged.series, merged.sends_per_ms) == (None, b"")
    beside_an_idle_one = merge([_session(with_series), _session(_phase())]).phases[0]
    assert (beside_an_idle_one.series, beside_an_idle_one.sends_per_ms) == (with_series.series, b"\x05\0\0\0")


def test_sends_add_up_by_the_millisecond_and_never_wrap_round():
    one = _phase(sends_per_ms=np.array([1, 2, 3], "<u4").tobytes())
    two = _phase(sends_per_ms=np.array([10, 2**32 - 1], "<u4").tobytes())
    assert np.frombuffer(merge([_session(one), _session(two)]).phases[0].sends_per_ms, "<u4").tolist() == [
        11, 2**32 - 1, 3
    ]  # fmt: skip


def test_a_clock_read_by_two_generators_spans_both_readings():
    one = _phase(cpu_begin_s={"proxy": 5.0}, cpu_drained_s={"proxy": 7.0})
    two = _phase(cpu_begin_s={"proxy": 4.5, "other": 1.0}, cpu_drained_s={"proxy": 6.5})
    phase = merge([_session(one), _session(two)]).phases[0]
    assert (phase.cpu_begin_s, phase.cpu_drained_s) == ({"proxy": 4.5, "other": 1.0}, {"proxy": 7.0})


def test_what_generators_agreed_differently_is_listed_and_the_least_stream_limit_holds():
    facts = [ConnectionFacts(tls_version=v, max_streams=s) for v, s in (("1.3", 100), ("1.2", 50), (None, None))]
    (merged,) = merge(_session(connections=(each,)) for each in facts).connections
    assert (merged.tls_version, merged.max_streams, merged.alpn) == ("1.2, 1.3", 50, None)


def test_threads_of_other_processes_are_not_named():
    assert merge([_session(worker_tids=(7,)), _session(worker_tids=(8,))]).worker_tids == ()


def test_a_single_recording_stays_as_it_is():
    one = _session(_phase(), worker_tids=(7,))
    assert merge([one]) is one


def test_an_interrupted_generator_may_lack_the_last_phases():
    done = _phase(counts=Counts(offered=3, sent=3, ok=3))
    broken_off = _session(replace(done, interrupted=True), interrupted=True)
    merged = merge([_session(done, done), broken_off])
    assert merged.interrupted
    assert [phase.counts.offered for phase in merged.phases] == [6, 3]
    assert [phase.interrupted for phase in merged.phases] == [True, False]


@pytest.mark.parametrize(
    ("recordings", "words"),
    [
        ([], "no recordings"),
        ([_session(_phase()), _session()], "numbers of phases"),
        ([_session(_phase()), _session(_phase(label="other"))], "targets or labels"),
        ([_session(_phase()), _session(_phase(target=1))], "targets or labels"),
        ([_session(connections=(ConnectionFacts(),)), _session()], "numbers of targets"),
        (
            [_session(_phase(series=_series_of(1.0, 1))), _session(_phase(series=_series_of(3.0, 1)))],
            "intervals of their series",
        ),
    ],
)
def test_recordings_of_different_plans_are_refused(recordings, words):
    with pytest.raises(UsageError, match=words) as caught:
        merge(recordings)
    assert caught.value.code == "MP1001"

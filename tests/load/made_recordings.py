"""Recordings of every shape, for property tests. Times are eighths of seconds: their sums are exact in any order."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import strategies as st

from meshperf.histograms import Histogram
from meshperf.load.recording import (
    ConnectionFacts,
    Datagrams,
    PhaseRecording,
    Series,
    SeriesInterval,
    SessionRecording,
)
from meshperf.spec.records import Counts


def _histogram() -> st.SearchStrategy[Histogram]:
    return st.lists(st.floats(0, 3600), max_size=5).map(Histogram.from_values)


_small = st.integers(0, 1000)
_eighths = st.integers(0, 8000).map(lambda n: n / 8)
_words = st.sampled_from([None, "a", "b"])
_tallies = st.dictionaries(st.sampled_from(["timeout", "reset", "503"]), st.integers(1, 50))
_clocks = st.dictionaries(st.sampled_from(["proxy", "workload"]), _eighths)


def _counts() -> st.SearchStrategy[Counts]:
    return st.builds(Counts, **{field.name: _small for field in fields(Counts)})


def _series() -> st.SearchStrategy[Series]:
    interval = st.builds(SeriesInterval, offered=_small, ok=_small, failed=_small, response=_histogram())
    return st.builds(
        Series, interval_s=st.sampled_from([0.1, 0.2, 0.8]), intervals=st.lists(interval, max_size=5).map(tuple)
    )


def histograms_of(kind: type) -> dict[str, st.SearchStrategy[Histogram]]:
    return {field.name: _histogram() for field in fields(kind) if field.type == "Histogram"}


_phases = st.builds(
    PhaseRecording,
    target=st.just(0),
    label=st.just("plateau"),
    begin_s=_eighths,
    end_s=_eighths,
    drained_s=_eighths,
    drained=st.booleans(),
    counts=_counts(),
    lead_in_counts=_counts(),
    errors_by_reason=_tallies,
    errors_by_status=_tallies,
    errors_by_grpc_status=_tallies,
    datagrams=st.builds(Datagrams, duplicates=_small, reordered=_small, late=_small),
    series=st.none() | _series(),
    sends_per_ms=st.lists(st.integers(0, 2**32 - 1), max_size=6).map(lambda sent: np.array(sent, "<u4").tobytes()),
    cpu_begin_s=_clocks,
    cpu_drained_s=_clocks,
    busy_s=_eighths,
    spin_s=_eighths,
    interrupted=st.booleans(),
    **histograms_of(PhaseRecording),
)
_connections = st.builds(
    ConnectionFacts,
    **dict.fromkeys(("opened", "reopened", "failed", "tls_handshakes", "tls_resumed", "retired", "grown"), _small),
    **dict.fromkeys(("alpn", "tls_version", "tls_cipher", "tls_group", "server_identity"), _words),
    max_streams=st.none() | _small,
    **histograms_of(ConnectionFacts),
)
SESSIONS = st.builds(
    SessionRecording,
    phases=st.tuples(_phases, _phases),
    connections=st.tuples(_connections),
    interrupted=st.booleans(),
    origin_unix_s=_eighths.map(lambda later: 1.7e9 + later),
    build=st.sampled_from(["release", "debug"]),
    engine_version=st.sampled_from(["0.1.0", "0.2.0"]),
    wait=st.sampled_from(["hybrid", "spin"]),
    workers=st.integers(1, 4),
    worker_tids=st.tuples(_small),
    receive_clock=st.sampled_from(["kernel", "user"]),
)

"""What the phases of one run add up to: the fields of a run that come from the recording alone.

Used for the slices of a round and for the stages of a single run alike: counts and histograms are exact sums, and the
figures over time are those of each phase, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from meshperf.histograms import Histogram, merge
from meshperf.load.plan import Protocol
from meshperf.load.recording import PhaseRecording, SessionRecording
from meshperf.spec.records import Counts, DatagramCounts, RunSeries

__all__ = ["connection_counts", "datagram_counts", "measured_fields", "run_series"]

_COUNTED = ("offered", "ok", "failed")
_QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
_CONNECTION_COUNTS = ("opened", "reopened", "failed", "retired", "grown", "tls_handshakes", "tls_resumed")


def measured_fields(
    phases: Sequence[PhaseRecording], session: SessionRecording, *, targets: Sequence[int], protocol: str
) -> dict[str, Any]:
    """Fields of a `RunResult`, by name.

    Args:
        phases: the counted phases of the run, in order.
        targets: indexes of the session's targets whose connections the run used.
        protocol: a word of `Protocol`; over UDP unanswered requests are lost datagrams.
    """
    counts = sum((phase.counts for phase in phases), start=Counts())
    return {
        "measured_s": sum(phase.end_s - phase.begin_s for phase in phases),
        "counts": counts,
        **{
            name: merge(getattr(phase, name) for phase in phases)
            for name in ("response", "service", "lead_in", "failed", "censored")
        },
        **{
            name: _summed(getattr(phase, name) for phase in phases)
            for name in ("errors_by_reason", "errors_by_status", "errors_by_grpc_status")
        },
        "datagrams": datagram_counts(phases, counts) if protocol == Protocol.UDP else None,
        "series": run_series(phases),
        "connections": connection_counts(session, targets),
        "connect": merge(session.connections[target].connect for target in targets),
        "handshake": merge(session.connections[target].handshake for target in targets),
    }


def connection_counts(session: SessionRecording, targets: Sequence[int]) -> dict[str, int]:
    """What became of the connections to some targets since the session was opened."""
    return {name: sum(getattr(session.connections[target], name) for target in targets) for name in _CONNECTION_COUNTS}


def datagram_counts(phases: Iterable[PhaseRecording], counts: Counts) -> DatagramCounts:
    """What became of the counted datagrams. `counts`: of the same phases."""
    seen = [phase.datagrams for phase in phases]
    return DatagramCounts(
        sent=counts.sent,
        lost=counts.timeouts + counts.unanswered,
        duplicates=sum(one.duplicates for one in seen),
        reordered=sum(one.reordered for one in seen),
        late=sum(one.late for one in seen),
    )


def run_series(phases: Sequence[PhaseRecording]) -> tuple[RunSeries, ...]:
    """Figures over time of every phase that is longer than one interval.

    Slices are shorter: each is an interval of its own, with its counts and its histogram in the result.
    """
    return tuple(
        series
        for phase in phases
        if phase.series is not None and len(phase.series.intervals) > 1
        for series in _of_phase(phase, since_s=phases[0].begin_s)
    )


def _of_phase(phase: PhaseRecording, *, since_s: float) -> Iterator[RunSeries]:
    assert phase.series is not None
    step_s, intervals = phase.series.interval_s, phase.series.intervals
    begin_s = phase.begin_s - since_s
    for name in _COUNTED:
        values = tuple(float(getattr(interval, name)) for interval in intervals)
        yield RunSeries(metric=name, unit="1", step_s=step_s, begin_s=begin_s, values=values)
    for name, q in _QUANTILES:
        times = tuple(_quantile(interval.response, q) for interval in intervals)
        yield RunSeries(metric=name, unit="s", step_s=step_s, begin_s=begin_s, values=times)


def _quantile(response: Histogram, q: float) -> float | None:
    """A quantile with as many digits as its 6 % buckets can have; None with less than one reply beyond it."""
    if response.total == 0 or response.total * (1 - q) < 1 - 1e-9:
        return None
    value = float(response.quantile(q))
    return float(f"{value:.3g}") if math.isfinite(value) else None


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for mapping in counts:
        for name, count in mapping.items():
            total[name] = total.get(name, 0) + count
    return total

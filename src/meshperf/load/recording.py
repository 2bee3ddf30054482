"""What a load generator hands back: one recording a phase, and the session's own account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshperf.histograms import EMPTY, Histogram
from meshperf.spec.imported import Quantile
from meshperf.spec.records import Counts

__all__ = [
    "ConnectionFacts",
    "Datagrams",
    "ExternalAccount",
    "PhaseRecording",
    "Progress",
    "Series",
    "SeriesInterval",
    "SessionRecording",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagrams:
    """What became of counted datagrams beside their counts. A lost one is a timeout; these say what else was seen."""

    duplicates: int = 0
    """Answers to a datagram that was answered before."""
    reordered: int = 0
    """Answers that came after the answer to a later datagram of the same socket."""
    late: int = 0
    """Answers that came after their timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesInterval:
    """The requests that were due in one interval, whenever they ended."""

    offered: int
    ok: int
    failed: int
    """Errors and timeouts."""
    response: Histogram = EMPTY
    """Of successful replies, in buckets 6 % wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A phase's counted window in equal intervals from `begin_s` on, the last one as far as the window goes."""

    interval_s: float
    intervals: tuple[SeriesInterval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecording:
    """One phase of load on one target. Times are monotonic seconds since the session's origin.

    All histograms but `lead_in` hold counted requests only. CPU clocks are CPU seconds, all threads.
    """

    target: int
    label: str
    begin_s: float
    """Start of the counted window."""
    end_s: float
    """End of the counted window."""
    drained_s: float
    """When the last reply was in, or the drain was given up."""
    drained: bool
    counts: Counts
    lead_in_counts: Counts = field(default_factory=Counts)
    response: Histogram = EMPTY
    """From the intended start, successful replies."""
    service: Histogram = EMPTY
    """From the actual send, successful replies."""
    failed: Histogram = EMPTY
    """From the intended start, error replies and timeouts (at their limit)."""
    lead_in: Histogram = EMPTY
    pacing_error: Histogram = EMPTY
    """Actual send minus intended start, every counted request that was sent; empty in a closed loop."""
    client_delay: Histogram = EMPTY
    """The generator's own part of it: send minus the later of intended start and a connection coming free."""
    late_read: Histogram = EMPTY
    """From the kernel's receiving the last byte of a reply to the worker's reading it; empty without kernel times."""
    censored: Histogram = EMPTY
    """From the intended start to the end of the drain, requests unanswered or never sent: lower bounds."""
    errors_by_reason: Mapping[str, int] = field(default_factory=dict)
    errors_by_status: Mapping[str, int] = field(default_factory=dict)
    errors_by_grpc_status: Mapping[str, int] = field(default_factory=dict)
    datagrams: Datagrams = field(default_factory=Datagrams)
    series: Series | None = None
    sends_per_ms: bytes = b""
    """Requests sent in each millisecond of the counted window, little-endian u32, of its first 65,536 ms at most."""
    cpu_begin_s: Mapping[str, float] = field(default_factory=dict)
    """Process CPU clocks at `begin_s`, by the names of the plan's clocks; a process that is gone is missing."""
    cpu_drained_s: Mapping[str, float] = field(default_factory=dict)
    busy_s: float = 0.0
    """CPU time of the workers from `begin_s` to `drained_s`, without spinning."""
    spin_s: float = 0.0
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFacts:
    """What was agreed on the connections of one target; None without TLS."""

    opened: int = 0
    reopened: int = 0
    failed: int = 0
    tls_handshakes: int = 0
    tls_resumed: int = 0
    handshake: Histogram = EMPTY
    connect: Histogram = EMPTY
    """From the attempt to connect to the established TCP connection."""
    retired: int = 0
    """Closed by the plan: after so many requests, or of age."""
    grown: int = 0
    """Opened beyond `connections` because due requests found none idle."""
    alpn: str | None = None
    max_streams: int | None = None
    """Least number of concurrent streams that the peer allowed on a connection (HTTP/2)."""
    tls_version: str | None = None
    tls_cipher: str | None = None
    tls_group: str | None = None
    server_identity: str | None = None
    """URI name of the server's certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccount:
    """Who did the load instead of our engine, and what its figures mean."""

    generator: str
    version: str | None = None
    """As it says."""
    sha256: str | None = None
    """Of its program."""
    latency_origin: str = "unknown"
    """`intended`, `actual` or `unknown`."""
    loop: str = "unknown"
    """`open`, `closed`, `scheduled-closed` or `unknown`."""
    connection_model: str = ""
    resolution: str = ""
    """How the response times came about: every reply's time, buckets of the tool, quantiles of the tool."""
    quantiles: tuple[Quantile, ...] = ()
    """Of the last phase, with the bounds of what the tool resolved; none where every reply's time is known."""
    notes: tuple[str, ...] = ()
    """What it did otherwise than asked, or does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecording:
    """What one call of `run` produced."""

    phases: tuple[PhaseRecording, ...]
    connections: tuple[ConnectionFacts, ...]
    """By target, since the session was opened."""
    interrupted: bool = False
    origin_unix_s: float = 0.0
    """Wall-clock time of the session's origin."""
    build: str = "release"
    engine_version: str = ""
    wait: str = "hybrid"
    workers: int = 1
    worker_tids: tuple[int, ...] = ()
    receive_clock: str = "user"
    """`kernel` or `user`: where replies' times of arrival come from."""
    external: ExternalAccount | None = None
    """Of a session of another load generator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A look at a running session: the phase under way and counters since the call of `run` began."""

    phase: int
    phases: int
    elapsed_s: float
    sent: int
    ok: int
    failed: int
    response: Histogram
    """All counted successful replies so far, over all targets."""

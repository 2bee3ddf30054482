"""What a load generator is asked to do: targets with their connections, and phases of load on them.

A plan is data: the native engine and every adapter take the same plan, and the plan is part of the result. A warm-up is
a phase that is not counted; an interleaved round is a list of short phases that switch between targets whose
connections stay warm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "Arrivals",
    "GrpcCall",
    "GrpcKind",
    "Phase",
    "Pooling",
    "Protocol",
    "ReceiveClock",
    "Selection",
    "SessionPlan",
    "Target",
    "TlsSettings",
    "WaitMode",
]


class Protocol(StrEnum):
    """What is spoken on a connection. `http2` and `grpc` are agreed on by ALPN over TLS, else by prior knowledge."""

    HTTP1_0 = "http1.0"
    HTTP1 = "http1"
    HTTP2 = "http2"
    GRPC = "grpc"
    TCP = "tcp"
    """A message and its answer: as many bytes as were sent, or `reply_bytes`; 0 is one-way."""
    UDP = "udp"
    """Datagrams that carry a sequence number; loss, duplicates and reordering are counted."""


class Arrivals(StrEnum):
    CLOSED = "closed"
    CONSTANT = "constant"
    POISSON = "poisson"
    TRACE = "trace"


class WaitMode(StrEnum):
    """How a worker waits for the next due request: sleeping, sleeping then spinning the last stretch, or spinning."""

    AUTO = "auto"
    SLEEP = "sleep"
    HYBRID = "hybrid"
    SPIN = "spin"


class Pooling(StrEnum):
    """Who a due request belongs to: any idle connection (pooled), or one that has a schedule of its own (pinned)."""

    POOLED = "pooled"
    PINNED = "pinned"


class Selection(StrEnum):
    """Which idle connection of a pool takes the next request: the longest idle, the last used, or any."""

    FIFO = "fifo"
    LIFO = "lifo"
    RANDOM = "random"


class ReceiveClock(StrEnum):
    """When a reply counts as received: when the kernel had its last byte, or when the worker had read it.

    `auto` asks the kernel where it offers that.
    """

    AUTO = "auto"
    KERNEL = "kernel"
    USER = "user"


class GrpcKind(StrEnum):
    UNARY = "unary"
    CLIENT_STREAM = "client-stream"
    SERVER_STREAM = "server-stream"
    BIDI = "bidi"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcCall:
    """What one gRPC request sends: all messages at once, then the end of its side; it ends with the trailers."""

    kind: GrpcKind = GrpcKind.UNARY
    messages: tuple[bytes, ...] = (b"",)
    """Encoded messages without their length prefix; exactly one unless the client streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """TLS towards one target. PEM texts, not paths: the engine opens no files. Keys are never written to a document."""

    ca_pem: str
    """Certificates that the server's chain must end in."""
    server_name: str | None = None
    """SNI, and the DNS name to verify unless `server_identity` is given."""
    server_identity: str | None = None
    """A SPIFFE id that the server's certificate must carry as its URI name; replaces the check of the host name."""
    certificate_pem: str | None = None
    key_pem: str | None = field(default=None, repr=False)
    minimum_version: str = "1.3"
    """`1.2` or `1.3`."""
    maximum_version: str = "1.3"
    cipher_suites: tuple[str, ...] = ()
    """Names such as TLS13_AES_128_GCM_SHA256; empty: the library's default order."""
    groups: tuple[str, ...] = ()
    """Names such as X25519; empty: the library's default order."""
    alpn: tuple[str, ...] = ()
    """Protocol names to offer; empty: `h2` for HTTP/2 and gRPC, none for the others."""
    resumption: bool = False
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where requests go, over how many connections. Each target's connections are opened once and stay warm."""

    name: str
    address: str
    """Numeric `ip:port`; names are resolved before a plan is made."""
    host: str
    """The Host header, or `:authority`."""
    protocol: Protocol = Protocol.HTTP1
    path: str = "/"
    """Of gRPC: `/package.Service/Method`."""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    """Sent as they are, repeated names too. Of gRPC: metadata."""
    body: bytes = b""
    """Of TCP and UDP: the message; a datagram is at least 16 bytes long, its first 16 are the engine's."""
    reply_bytes: int | None = None
    """TCP and UDP: bytes of an answer; None: as many as were sent, 0: none is awaited."""
    grpc: GrpcCall | None = None
    connections: int = 1
    streams: int = 1
    """Requests under way at a time on one connection: HTTP/2, gRPC and UDP; 1 for the others."""
    max_connections: int | None = None
    """Up to so many are opened when due requests find none idle; None: never more than `connections`."""
    pooling: Pooling = Pooling.POOLED
    selection: Selection = Selection.FIFO
    requests_per_connection: int | None = None
    """A connection is closed and opened anew after so many requests; 1: a new connection for each."""
    connection_age_s: float | None = None
    """A connection older than this is closed and opened anew before its next request."""
    follow_redirects: bool = False
    """Follow at most 10 redirects to the same host and port; the reply at the end is the one that counts."""
    tls: TlsSettings | None = None
    timeout_s: float = 10.0
    source_address: str | None = None
    """Local address to bind, for identities by address."""
    network_namespace: str | None = None
    """Path of a network namespace that sockets are created in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Load on one target, or a weighted mix of targets, for a while.

    Time line: guard (idle) → lead-in (sent, recorded apart) → counted window of `duration_s` → drain (nothing new
    becomes due; requests already due are still sent and answered, for at most `drain_s`).
    """

    target: int
    duration_s: float
    arrivals: Arrivals
    rate: float | None = None
    """Offered requests per second over all workers and generators; None in a closed loop and for a trace."""
    rate_end: float | None = None
    """The rate changes linearly from `rate` at the start of the counted window to this at its end."""
    trace_s: tuple[float, ...] = ()
    """Of `trace` arrivals: intended starts in rising order, seconds from the start of the counted window."""
    quantum_s: float = 0.0
    """Due times are put off to the next multiple of this: cheaper, and as bursty as it says. 0: not at all."""
    in_flight: int | None = None
    """Closed loop: requests under way at a time over all workers and generators; None: connections x streams
    of the target, of the largest in a mix."""
    think_s: float = 0.0
    """Closed loop: from a reply to the next request in its place."""
    mix: tuple[tuple[int, float], ...] = ()
    """Targets and their weights; each due request goes to one of them, drawn by `seed`. Empty: all go to `target`."""
    lead_in_s: float = 0.0
    guard_s: float = 0.0
    drain_s: float = 2.0
    seed: int = 0
    """Of Poisson arrivals, of the mix and of random selection."""
    label: str = ""
    start_unix_s: float | None = None
    """The guard begins at this moment of the wall clock, for generators that start together; None: at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """Everything that stays the same while phases run."""

    targets: tuple[Target, ...]
    workers: int = 1
    cpus: tuple[int, ...] = ()
    """Cores the workers are pinned to, in turn; empty: not pinned."""
    wait: WaitMode = WaitMode.AUTO
    clocks: Mapping[str, int] = field(default_factory=dict)
    """Processes (name to pid) whose CPU clocks are read at the borders of every phase."""
    connect_timeout_s: float = 5.0
    receive_clock: ReceiveClock = ReceiveClock.AUTO
    series_interval_s: float = 1.0
    """Length of one interval of a phase's series; it doubles whenever a phase outgrows 512 intervals."""
    share: tuple[int, int] = (0, 1)
    """Which part of every schedule is this generator's: its number, and how many generators there are. Targets name
    this generator's own connections; rates and `in_flight` are those of all."""

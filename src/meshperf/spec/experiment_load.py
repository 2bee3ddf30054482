"""One offered load, as frozen records in SI units: everything a load plan can be asked for, in the words of a file.

Files of experiments and of SMP tests are read into these records, and so are the options of `meshperf load`; the load
layer makes targets and phases of them. Certificates and gRPC schemas are named here by path and opened only there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["HEALTH_CHECK", "ClientTls", "GrpcRequest", "LoadPoint", "Stage"]

HEALTH_CHECK = "grpc.health.v1.Health/Check"
"""What a gRPC load calls unless told otherwise; its messages need no schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcRequest:
    """A gRPC method and the messages that one request sends, as people write them."""

    call: str = HEALTH_CHECK
    """`package.Service/Method`."""
    messages: tuple[str, ...] = ("{}",)
    """JSON; exactly one unless the client streams."""
    proto: Path | None = None
    """A `.proto` file that has the method."""
    descriptor_set: Path | None = None
    """A compiled set of descriptors, instead of `proto`."""
    import_paths: tuple[Path, ...] = ()
    """Folders in which the imports of `proto` are looked for, after its own."""
    mode: str | None = None
    """`unary`, `client-stream`, `server-stream` or `bidi`, where the method must be of that kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """How a client speaks TLS. A private key is only ever named by its path."""

    ca_pem: str = ""
    """Certificates that the server's chain must end in; empty, and no `ca`: those of the system."""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    """SNI and the name to verify; None: the URL's host."""
    server_identity: str | None = None
    """SPIFFE id that the server's certificate must carry instead."""
    verify: bool = True
    minimum_version: str = "1.2"
    maximum_version: str = "1.3"
    cipher_suites: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()
    resumption: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of the counted time with a rate of its own, which changes linearly where `rate_end` is given."""

    duration_s: float
    rate: float
    rate_end: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPoint:
    """One offered load."""

    protocol: str = "http1"
    """`http1.0`, `http1`, `http2`, `grpc`, `tcp` or `udp`."""
    rate: float | None = None
    """Offered requests per second; None in a closed loop and for a trace."""
    rate_end: float | None = None
    """The rate changes linearly to this over the counted time."""
    arrivals: str = "poisson"
    """`closed`, `constant`, `poisson` or `trace`."""
    trace_s: tuple[float, ...] = ()
    """Of `trace` arrivals: intended starts in rising order, seconds from the beginning of the counted time."""
    quantum_s: float = 0.0
    """Due times are put off to the next multiple of this; 0: not at all."""
    in_flight: int | None = None
    """Closed loop: requests under way at a time; None: connections x streams."""
    think_s: float = 0.0
    """Closed loop: from a reply to the next request in its place."""
    connections: int = 1
    max_connections: int | None = None
    """Up to so many are opened when due requests find none idle; None: never more than `connections`."""
    streams: int = 1
    """Requests under way at a time on one connection."""
    pooling: str = "pooled"
    """`pooled` or `pinned`."""
    selection: str = "fifo"
    """`fifo`, `lifo` or `random`: which idle connection of a pool is next."""
    requests_per_connection: int | None = None
    connection_age_s: float | None = None
    follow_redirects: bool = False
    warmup_s: float = 1.0
    duration_s: float = 5.0
    """Counted time per arm and round."""
    cooldown_s: float = 0.0
    """Load that goes on after the counted time, not counted."""
    stages: tuple[Stage, ...] = ()
    """Parts of the counted time with rates of their own; `duration_s` is their sum."""
    timeout_s: float = 10.0
    generator: str = "meshperf"
    method: str = "GET"
    path: str = "/"
    """Path on the workload; the URL decides for a target that is named by its URL."""
    headers: tuple[tuple[str, str], ...] = ()
    """Of gRPC: metadata."""
    body: bytes = b""
    """Of TCP and UDP: the message."""
    reply_bytes: int | None = None
    """TCP and UDP: size of an answer; None: as long as the message, 0: none is awaited."""
    grpc: GrpcRequest | None = None
    tls: ClientTls | None = None
    """Of targets named by URL; the arm decides for a workload of an experiment."""
    receive_clock: str = "auto"
    """`auto`, `kernel` or `user`: when a reply counts as received."""
    workers: int = 1
    """Generator threads, for targets named by URL."""
    wait: str = "auto"
    """`auto`, `sleep`, `hybrid` or `spin`: how a worker waits for due times, for targets named by URL."""
    cpus: tuple[int, ...] = ()
    """Cores the workers are pinned to, for targets named by URL."""
    kind: str | None = None
    """A test kind with a shape and a statistic of its own; None: one level of load, and its figures."""
    kind_options: Mapping[str, object] = field(default_factory=dict)
    """Parameters of the kind, by their names there."""

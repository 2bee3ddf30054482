"""What a load generator is asked to do: targets with their connections, and phases of load on them.

A plan is data: the native engine and every adapter take the same plan, and the plan is part of the result. A warm-up is
a phase that is not counted; an interleaved round is a list of short phases that switch between targets whose
connections stay warm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Arrivals", "Phase", "SessionPlan", "Target", "TlsSettings", "WaitMode"]


class Arrivals(StrEnum):
    CLOSED = "closed"
    CONSTANT = "constant"
    POISSON = "poisson"


class WaitMode(StrEnum):
    """How a worker waits for the next due request: sleeping, sleeping then spinning the last stretch, or spinning."""

    AUTO = "auto"
    SLEEP = "sleep"
    HYBRID = "hybrid"
    SPIN = "spin"


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
    cipher_suites: tuple[str, ...] = ()
    """Names such as TLS13_AES_128_GCM_SHA256; empty: the library's default order."""
    groups: tuple[str, ...] = ()
    """Names such as X25519; empty: the library's default order."""
    resumption: bool = False
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where requests go, over how many connections. Each target's connections are opened once and stay warm."""

    name: str
    address: str
    """Numeric `ip:port`; names are resolved before a plan is made."""
    host: str
    """The Host header."""
    path: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    connections: int = 1
    tls: TlsSettings | None = None
    timeout_s: float = 10.0
    source_address: str | None = None
    """Local address to bind, for identities by address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Load on one target for a while.

    Time line: guard (idle) → lead-in (sent, recorded apart) → counted window of `duration_s` → drain (nothing new
    becomes due; requests already due are still sent and answered, for at most `drain_s`).
    """

    target: int
    duration_s: float
    arrivals: Arrivals
    rate: float | None = None
    """Offered requests per second over all workers; None in a closed loop."""
    lead_in_s: float = 0.0
    guard_s: float = 0.0
    drain_s: float = 2.0
    seed: int = 0
    """Of the Poisson arrivals."""
    label: str = ""


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

"""What a service of the workload can be told beside its graph, and where it then answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Endpoint", "TcpEcho", "UdpEcho", "WorkloadTls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadTls:
    """TLS of the service itself, as files that it reads once. Without `client_ca` any client may come in."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    client_identities: Sequence[str] = ()
    """URI names (SPIFFE ids) of the clients that may come in; empty: all whose chain holds."""
    cipher: str | None = None
    """The only cipher suite, as rustls names it, such as TLS13_AES_128_GCM_SHA256."""
    group: str | None = None
    """The only key exchange group, such as X25519."""
    minimum_version: str = "1.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpEcho:
    """A listener for bytes without a protocol. With TLS for the service, this speaks TLS too."""

    port: int
    mode: str = "echo"
    """`echo` (every byte as it came), `sink` (nothing), or `fixed:IN:OUT` (OUT bytes for every IN bytes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpEcho:
    """A listener for datagrams, each sent back as it came, with faults that are counted out; None: none of them."""

    port: int
    drop: int | None = None
    """Every how many datagrams one is left unanswered, at least 1."""
    duplicate: int | None = None
    """Every how many answers one is sent twice, at least 1."""
    reorder: int | None = None
    """Every how many answers one is sent after the next one to the same client, at least 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a started service answers: requests at `address` (`ip:port`), questions about itself at `admin`."""

    address: str
    admin: str
    """As `Site.reach` writes it: `ip:port`, in namespaces `ip:port@namespace`."""
    tcp: str | None = None
    """Bytes without a protocol; None: not asked for."""
    udp: str | None = None
    """Datagrams; None: not asked for."""

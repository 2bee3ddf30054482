"""Start one echo service: from the experiment's `Workload` record to a process that answers.

The command line is the whole configuration, so the process list of a machine shows what was measured. Every option is
in `docs/reference/workload.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshperf.environments.probes import http_ready
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.workloads.executable import executable

if TYPE_CHECKING:
    from meshperf.spec.experiment import Workload

__all__ = ["Endpoint", "TcpEcho", "UdpEcho", "WorkloadTls", "start_echo"]

IDENTITY_HEADER = "x-forwarded-client-cert"
READY_WITHIN_S = 10.0


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
    """Where a started service answers: requests at `address`, questions about itself at `admin`; all `ip:port`."""

    address: str
    admin: str
    tcp: str | None = None
    """Bytes without a protocol; None: not asked for."""
    udp: str | None = None
    """Datagrams; None: not asked for."""


def start_echo(
    site: Site,
    workload: Workload,
    *,
    name: str,
    host: str,
    port: int = 8080,
    tls: WorkloadTls | None = None,
    trusted_peer: str | None = None,
    tcp: TcpEcho | None = None,
    udp: UdpEcho | None = None,
) -> tuple[Process, Endpoint]:
    """Start the service on a host of the site and wait until it is ready.

    Args:
        name: of the process.
        host: of the experiment; the service takes its address.
        port: for requests; the next higher one answers questions.
        trusted_peer: the only IP address whose `x-forwarded-client-cert` header tells the caller's identity: that of
            the service's own sidecar.
        tcp, udp: further listeners on the same host, each on a port of its own.

    Raises:
        PrerequisiteError: the executable is not installed (MP3002).
        DeploymentError: it did not become ready, or its address is taken.
    """
    at = site.address(host)
    endpoint = Endpoint(
        address=f"{at}:{port}",
        admin=f"{at}:{port + 1}",
        tcp=None if tcp is None else f"{at}:{tcp.port}",
        udp=None if udp is None else f"{at}:{udp.port}",
    )
    line = arguments(workload, endpoint, tls=tls, trusted_peer=trusted_peer)
    process = site.start(
        ProcessSpec(
            name=name,
            role="app",
            argv=[str(executable()), *line, *_listeners(endpoint, tcp, udp)],
            ready=http_ready(endpoint.admin, "/ready"),
            deadline_s=READY_WITHIN_S,
            listens=tuple(filter(None, (endpoint.address, endpoint.admin, endpoint.tcp))),
        )
    )
    return process, endpoint


def arguments(
    workload: Workload, endpoint: Endpoint, *, tls: WorkloadTls | None, trusted_peer: str | None
) -> list[str]:
    """The command line after the program's name."""
    line = ["--listen", endpoint.address, "--admin", endpoint.admin]
    line += ["--response-bytes", str(workload.response_bytes)]
    if workload.service_time is not None:
        line += ["--service-time", workload.service_time]
    if workload.busy:
        line += ["--busy"]
    for status, share in sorted(workload.status.items()):
        line += ["--status", f"{status}:{share!r}"]
    if workload.stall is not None:
        stall_s, period_s = workload.stall
        line += ["--stall", f"{round(stall_s * 1e9)}ns/{round(period_s * 1e9)}ns"]
    if trusted_peer is not None:
        line += ["--identity-header", IDENTITY_HEADER, "--trusted-peer", trusted_peer]
    return line + (_tls_arguments(tls) if tls is not None else [])


def _listeners(endpoint: Endpoint, tcp: TcpEcho | None, udp: UdpEcho | None) -> list[str]:
    line = []
    if tcp is not None and endpoint.tcp is not None:
        line += ["--tcp", endpoint.tcp, "--tcp-mode", tcp.mode]
    if udp is not None and endpoint.udp is not None:
        line += ["--udp", endpoint.udp]
        faults = {"drop": udp.drop, "duplicate": udp.duplicate, "reorder": udp.reorder}
        for name, every in faults.items():
            line += [] if every is None else [f"--udp-{name}", str(every)]
    return line


def _tls_arguments(tls: WorkloadTls) -> list[str]:
    line = ["--tls-cert", str(tls.certificate), "--tls-key", str(tls.key), "--tls-min", tls.minimum_version]
    if tls.client_ca is not None:
        line += ["--tls-client-ca", str(tls.client_ca)]
    for identity in tls.client_identities:
        line += ["--tls-client-identity", identity]
    if tls.cipher is not None:
        line += ["--tls-cipher", tls.cipher]
    if tls.group is not None:
        line += ["--tls-group", tls.group]
    return line

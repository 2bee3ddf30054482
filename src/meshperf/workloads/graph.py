"""Start one service of a workload graph: from its record to a process that answers, and that calls others for it.

The command line is the whole configuration, so the process list of a machine shows what was measured. Every option is
in `docs/reference/workload.md`. A service knows its callees by the addresses that the mesh gave for them: its sidecar,
a virtual address, or the callee itself. Nothing else of a mesh reaches the application.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING

from meshperf.environments.probes import http_ready
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.workloads.executable import executable
from meshperf.workloads.service import Endpoint, TcpEcho, UdpEcho, WorkloadTls

if TYPE_CHECKING:
    from meshperf.spec.graph import Call, Graph, GraphService

__all__ = ["arguments", "start_service"]

IDENTITY_HEADER = "x-forwarded-client-cert"
READY_WITHIN_S = 10.0


def start_service(
    site: Site,
    graph: Graph,
    service: str,
    *,
    name: str,
    host: str,
    upstreams: Mapping[str, str],
    port: int = 8080,
    tls: WorkloadTls | None = None,
    callee_identities: Mapping[str, str] | None = None,
    trusted_peer: str | None = None,
    tcp: TcpEcho | None = None,
    udp: UdpEcho | None = None,
) -> tuple[Process, Endpoint]:
    """Start a service on a host of the site and wait until it is ready, whether or not its callees are.

    Args:
        service: of the graph.
        name: of the process.
        host: of the experiment; the service takes its address.
        upstreams: where it dials each of its callees (`ip:port`).
        port: for requests; the next higher one answers questions.
        callee_identities: with `tls`, the URI name that each callee must show when it is called over mutual TLS, with
            the service's own certificate; None or empty: calls are plain.
        trusted_peer: the only IP address whose `x-forwarded-client-cert` header tells the caller's identity: that of
            the service's own sidecar.
        tcp, udp: further listeners on the same host, each on a port of its own.

    Raises:
        PrerequisiteError: the executable is not installed (MP3002).
        DeploymentError: it did not become ready, or its address is taken.
    """
    at = site.address(host)
    asked = f"{at}:{port + 1}"
    endpoint = Endpoint(
        address=f"{at}:{port}",
        admin=site.reach(host, port + 1),
        tcp=None if tcp is None else f"{at}:{tcp.port}",
        udp=None if udp is None else f"{at}:{udp.port}",
    )
    line = ["--listen", endpoint.address, "--admin", asked]
    line += arguments(
        graph,
        service,
        upstreams=upstreams,
        tls=tls,
        callee_identities=callee_identities or {},
        trusted_peer=trusted_peer,
    )
    if not ip_address(at).is_loopback:  # a pod's network, which is attached to nothing
        line.append("--allow-any-address")
    process = site.start(
        ProcessSpec(
            name=name,
            role="app",
            host=host,
            argv=[str(executable()), *line, *_listeners(endpoint, tcp, udp)],
            ready=http_ready(endpoint.admin, "/ready"),
            deadline_s=READY_WITHIN_S,
            listens=tuple(filter(None, (endpoint.address, asked, endpoint.tcp))),
        )
    )
    return process, endpoint


def arguments(
    graph: Graph,
    service: str,
    *,
    upstreams: Mapping[str, str],
    tls: WorkloadTls | None = None,
    callee_identities: Mapping[str, str] | None = None,
    trusted_peer: str | None = None,
) -> list[str]:
    """What the command line says of the service itself, of its callees and of whom it believes."""
    wanted = graph.service(service)
    line = ["--response-bytes", str(wanted.response_bytes)]
    if wanted.service_time is not None:
        line += ["--service-time", wanted.service_time]
    if wanted.busy:
        line += ["--busy"]
    for status, share in sorted(wanted.status.items()):
        line += ["--status", f"{status}:{share!r}"]
    if wanted.stall is not None:
        line += ["--stall", "/".join(map(_nanoseconds, wanted.stall))]
    for call in wanted.calls:
        line += ["--call", _call(call, graph.service(call.to), upstreams[call.to])]
    if wanted.calls and wanted.retries:
        line += ["--call-retries", str(wanted.retries)]
    if wanted.calls and wanted.timeout_s is not None:
        line += ["--call-timeout", _nanoseconds(wanted.timeout_s)]
    if len(graph.services) > 1:  # or all of them would draw the same chances in the same order
        line += ["--seed", str(zlib.crc32(service.encode()))]
    if trusted_peer is not None:
        line += ["--identity-header", IDENTITY_HEADER, "--trusted-peer", trusted_peer]
    if tls is None:
        return line
    return line + _tls_arguments(tls) + _call_tls_arguments(tls, callee_identities or {})


def _call(call: Call, callee: GraphService, address: str) -> str:
    parts = [f"{call.to}={address}", f"protocol={callee.protocol}"]
    if call.times != 1:
        parts.append(f"times={call.times}")
    if call.share != 1.0:
        parts.append(f"share={call.share!r}")
    if call.stage:
        parts.append(f"stage={call.stage}")
    if call.request_bytes:
        parts.append(f"bytes={call.request_bytes}")
    if callee.protocol == "grpc":
        parts.append(f"reply={callee.response_bytes}")  # a reply of gRPC is as large as its request says
    return ",".join(parts)


def _nanoseconds(seconds: float) -> str:
    return f"{round(seconds * 1e9)}ns"


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


def _call_tls_arguments(tls: WorkloadTls, identities: Mapping[str, str]) -> list[str]:
    if not identities or tls.client_ca is None:
        return []
    line = [
        "--call-tls-ca",
        str(tls.client_ca),
        "--call-tls-cert",
        str(tls.certificate),
        "--call-tls-key",
        str(tls.key),
    ]
    for name, identity in sorted(identities.items()):
        line += ["--call-tls-identity", f"{name}={identity}"]
    return line

"""Start one echo service: the graph of a single service that calls nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshperf.environments.site import Process, Site
from meshperf.workloads.graph import start_service
from meshperf.workloads.service import Endpoint, TcpEcho, UdpEcho, WorkloadTls

if TYPE_CHECKING:
    from meshperf.spec.experiment import Workload

__all__ = ["start_echo"]


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
    """Start the service on a host of the site and wait until it is ready; the rest as in `start_service`.

    Raises:
        PrerequisiteError: the executable is not installed (MP3002).
        DeploymentError: it did not become ready, or its address is taken.
    """
    graph = workload.as_graph()
    return start_service(
        site,
        graph,
        graph.entry,
        name=name,
        host=host,
        upstreams={},
        port=port,
        tls=tls,
        trusted_peer=trusted_peer,
        tcp=tcp,
        udp=udp,
    )

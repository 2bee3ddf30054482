"""Start the measured services in an environment, and ask them what they saw and did."""

from meshperf.workloads.echo import start_echo
from meshperf.workloads.executable import executable
from meshperf.workloads.graph import start_service
from meshperf.workloads.questions import counters
from meshperf.workloads.service import Endpoint, TcpEcho, UdpEcho, WorkloadTls

__all__ = [
    "Endpoint",
    "TcpEcho",
    "UdpEcho",
    "WorkloadTls",
    "counters",
    "executable",
    "start_echo",
    "start_service",
]

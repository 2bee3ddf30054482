"""Start the measured service in an environment, and ask it what it saw and did."""

from meshperf.workloads.echo import Endpoint, TcpEcho, UdpEcho, WorkloadTls, start_echo
from meshperf.workloads.executable import executable
from meshperf.workloads.questions import counters

__all__ = ["Endpoint", "TcpEcho", "UdpEcho", "WorkloadTls", "counters", "executable", "start_echo"]

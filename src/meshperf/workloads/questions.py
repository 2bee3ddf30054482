"""Ask a running service what it counted since its start."""

from __future__ import annotations

from collections.abc import Mapping

from meshperf.environments.asking import ask
from meshperf.errors import TargetError
from meshperf.workloads.service import Endpoint

__all__ = ["counters"]


def counters(endpoint: Endpoint) -> Mapping[str, int]:
    """What the service did since its start.

    Returns:
        requests, bytes_in and bytes_out (on the sockets: heads, bodies, TLS records), connections, connections_open,
        tls_handshakes, tls_failures, http2_connections, `status.200` and so on for every status that was answered,
        `grpc_status.0` and so on for every status that a gRPC call ended with, tcp_connections,
        tcp_connections_open, tcp_messages, tcp_bytes_in, tcp_bytes_out, udp_in and udp_out (datagrams), udp_bytes_in
        and udp_bytes_out (payloads), udp_dropped, udp_duplicated, udp_reordered, udp_unsent, udp_overrun, and
        started_monotonic_ns, the origin of its stalls on CLOCK_MONOTONIC. Of its own calls to other services: calls
        (each once however often it was repeated), call_failures, call_retries, call_resends, call_timeouts,
        call_connections, call_bytes_in, call_bytes_out, and `sent.NAME`, `ok.NAME` and `failed.NAME` of every callee.

    Raises:
        TargetError: it does not answer (MP5301) or answers something else (MP5302).
    """
    reply = ask(endpoint.admin, "/counters")
    if not reply.reached:
        raise TargetError("MP5301", f"no answer from the workload at {endpoint.admin}: {reply.failure}")
    answer = reply.json()
    if reply.status != 200 or not answer:
        told = reply.failure or f"status {reply.status} and no JSON object"
        raise TargetError("MP5302", f"the workload at {endpoint.admin} does not tell its counters: {told}")
    found = {name: value for name, value in answer.items() if isinstance(value, int)}
    for status, count in answer.get("by_status", {}).items():
        found[f"status.{status}"] = count
    for status, count in answer.get("by_grpc_status", {}).items():
        found[f"grpc_status.{status}"] = count
    for name, counts in answer.get("by_call", {}).items():
        found |= {f"{what}.{name}": count for what, count in counts.items()}
    return found

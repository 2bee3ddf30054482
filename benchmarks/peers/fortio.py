"""fortio: a goroutine a connection (a stream, for gRPC) that sleeps to its next slot; also TCP and UDP echo."""

from __future__ import annotations

import json

from benchmarks.peers.peer import Load, Peer, Report
from meshperf.load.plan import Protocol


def command(load: Load) -> list[str]:
    """Its HTTP/2 client shares connections among goroutines as it pleases: streams are only more goroutines."""
    together = load.connections * (load.streams if load.protocol is Protocol.HTTP2 else 1)
    line = ["load", "-quiet", "-qps", f"{load.rate or 0:g}", "-c", str(together), "-t", f"{load.seconds:g}s"]
    line += ["-p", "50,90,99,99.9", "-json", "-"]
    if load.protocol in (Protocol.TCP, Protocol.UDP):
        payload = ["-payload", "m" * load.message_bytes]
        return [*line, *payload, f"{load.protocol.value}://{load.address}"]
    if load.ca is not None:
        line += ["-k"]  # what wrk does too: neither verifies the server
    if load.protocol is Protocol.GRPC:
        return [*line, "-grpc", "-health", "-s", str(load.streams), load.address]
    if load.protocol is Protocol.HTTP2:
        line += ["-h2"]
    return [*line, load.url]


def read(printed: str, load: Load) -> Report:
    document = json.loads(printed)
    durations = document["DurationHistogram"]
    quantile = {entry["Percentile"]: entry["Value"] for entry in durations.get("Percentiles") or ()}
    good = {"200", "SERVING", "OK"}
    codes = document.get("RetCodes") or {}
    failed = sum(count for code, count in codes.items() if code not in good)
    return Report(
        requests=int(durations["Count"]) - failed,
        rate=float(document["ActualQPS"]),
        p50=quantile.get(50),
        p90=quantile.get(90),
        p99=quantile.get(99),
        p999=quantile.get(99.9),
        mean=float(durations["Avg"]),
        note=f"{failed} failed" if failed else "",
    )


PEER = Peer(
    name="fortio",
    program="fortio",
    command=command,
    read=read,
    speaks=frozenset({Protocol.HTTP1, Protocol.HTTP2, Protocol.GRPC, Protocol.TCP, Protocol.UDP}),
    tls=True,
    idle=("version",),
)

"""oha: tokio and hyper; at a constant rate with or without counting from when a request was due."""

from __future__ import annotations

import json
from dataclasses import replace

from benchmarks.peers.peer import Load, Peer, Report
from meshperf.load.plan import Protocol


def command(load: Load) -> list[str]:
    line = ["--no-tui", "--output-format", "json", "-z", f"{load.seconds:g}s", "-c", str(load.connections)]
    if load.protocol is Protocol.HTTP2:
        line += ["--http2", "-p", str(load.streams)]
    if load.rate is not None:
        line += ["-q", f"{load.rate:.0f}"]
    if load.ca is not None:
        line += ["--cacert", str(load.ca)]
    return [*line, load.url]


def corrected(load: Load) -> list[str]:
    return ["--latency-correction", *command(load)]


def read(printed: str, load: Load) -> Report:
    document = json.loads(printed)
    summary, quantile = document["summary"], document["latencyPercentiles"]
    requests = sum(count for code, count in document["statusCodeDistribution"].items() if code.startswith("2"))
    errors = {
        reason: count for reason, count in document["errorDistribution"].items() if reason != "aborted due to deadline"
    }
    return Report(
        requests=requests,
        rate=requests / summary["total"],
        p50=quantile["p50"],
        p90=quantile["p90"],
        p99=quantile["p99"],
        p999=quantile["p99.9"],
        mean=summary["average"],
        note=", ".join(f"{count} {reason}" for reason, count in errors.items()),
    )


PEER = Peer(
    name="oha",
    program="oha",
    command=command,
    read=read,
    speaks=frozenset({Protocol.HTTP1, Protocol.HTTP2}),
    tls=True,
)
CORRECTED = replace(
    PEER,
    name="oha -lc",
    command=corrected,
    speaks=frozenset({Protocol.HTTP1}),
    closed=False,
    latency_from="schedule",
)

"""Ours, run as a process of its own like every other tool: interpreter, imports and conversion of results included."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

from benchmarks.peers.peer import Load, Peer, Report
from meshperf.load.plan import Protocol


def command(load: Load) -> list[str]:
    return _line(load, "pooled")


def pinned(load: Load) -> list[str]:
    return _line(load, "pinned")


def _line(load: Load, pooling: str) -> list[str]:
    asked = {
        "protocol": load.protocol.value,
        "address": load.address,
        "connections": load.connections,
        "streams": load.streams,
        "seconds": load.seconds,
        "rate": load.rate,
        "poisson": load.poisson,
        "ca": str(load.ca) if load.ca else None,
        "message_bytes": load.message_bytes,
        "pooling": pooling,
    }
    return ["-m", "benchmarks.generate", json.dumps(asked)]


def read(printed: str, load: Load) -> Report:
    return Report(**json.loads(printed))


PEER = Peer(
    name="meshperf",
    program=sys.executable,
    command=command,
    read=read,
    speaks=frozenset({Protocol.HTTP1, Protocol.HTTP2, Protocol.GRPC, Protocol.TCP, Protocol.UDP}),
    tls=True,
    poisson=True,
    idle=("-m", "benchmarks.generate"),
    latency_from="schedule",
)
PINNED = replace(PEER, name="meshperf pinned", command=pinned)

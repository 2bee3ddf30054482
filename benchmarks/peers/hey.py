"""hey: closed loop, or a ticker for each connection that loses the ticks it misses; quantiles in 0.1 ms."""

from __future__ import annotations

import re

from benchmarks.peers.peer import Load, Peer, Report, matched
from meshperf.load.plan import Protocol


def command(load: Load) -> list[str]:
    pace = [] if load.rate is None else ["-q", f"{load.rate / load.connections:g}"]
    return ["-z", f"{load.seconds:g}s", "-c", str(load.connections), *pace, load.url]


def read(printed: str, load: Load) -> Report:
    quantiles = {number: float(value) for number, value in re.findall(r"^\s+(\d+)% in ([\d.]+) secs", printed, re.M)}
    requests = sum(int(count) for count in re.findall(r"^\s+\[2\d\d\]\s+(\d+) responses", printed, re.M))
    total = float(matched(r"Total:\s+([\d.]+) secs", printed, "hey")[1])
    errors = re.search(r"^Error distribution:\n\s+\[(\d+)\]\s*(.{0,60})", printed, re.M)
    return Report(
        requests=requests,
        rate=requests / total,
        p50=quantiles.get("50"),
        p90=quantiles.get("90"),
        p99=quantiles.get("99"),
        mean=float(matched(r"Average:\s+([\d.]+) secs", printed, "hey")[1]),
        note=f"{errors[1]} errors: {errors[2]}" if errors else "",
    )


# Not over TLS: it sends its target's port within the server name, which a strict server refuses.
PEER = Peer(name="hey", program="hey", command=command, read=read, speaks=frozenset({Protocol.HTTP1}), package="hey")

"""wrk: closed loop only, an event loop in C."""

from __future__ import annotations

import re

from benchmarks.peers.peer import Load, Peer, Report, in_seconds, matched
from meshperf.load.plan import Protocol


def command(load: Load) -> list[str]:
    return ["-t1", f"-c{load.connections}", f"-d{max(1, round(load.seconds))}s", "--latency", load.url]


def read(printed: str, load: Load) -> Report:
    requests = int(matched(r"(\d+) requests in", printed, "wrk")[1])
    quantiles = {number: in_seconds(value) for number, value in re.findall(r"^\s+(\d+)%\s+(\S+)\s*$", printed, re.M)}
    errors = re.search(r"(Socket errors.*|Non-2xx.*)", printed)
    return Report(
        requests=requests,
        rate=float(matched(r"Requests/sec:\s+([\d.]+)", printed, "wrk")[1]),
        p50=quantiles.get("50"),
        p90=quantiles.get("90"),
        p99=quantiles.get("99"),
        mean=in_seconds(matched(r"Latency\s+(\S+)", printed, "wrk")[1]),
        note=errors[1] if errors else "",
    )


PEER = Peer(
    name="wrk", program="wrk", command=command, read=read, speaks=frozenset({Protocol.HTTP1}), paced=False, tls=True
)

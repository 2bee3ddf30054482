"""h2load: HTTP/1.1 and HTTP/2 in C, closed loop, or at most so many new requests per timer tick of each client.

This version prints no quantiles. They are read from its log of requests, which is written only at a constant rate, so
that a closed loop pays nothing for it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.peers.peer import Load, Peer, Report, in_seconds, matched
from meshperf.load.plan import Protocol


def command(load: Load) -> list[str]:
    line = ["-t1", f"-c{load.connections}", f"-m{load.streams}", "-D", f"{load.seconds:g}"]
    if load.protocol is Protocol.HTTP1:
        line.append("--h1")
    if load.rate is not None:
        _log(load).unlink(missing_ok=True)
        line += [f"--rps={load.rate / load.connections:g}", f"--log-file={_log(load)}"]
    return [*line, load.url]


def read(printed: str, load: Load) -> Report:
    done = matched(r"finished in ([\d.]+m?s), ([\d.]+) req/s", printed, "h2load")
    counts = matched(r"(\d+) succeeded, (\d+) failed", printed, "h2load")
    mean = matched(r"time for request:\s+\S+\s+\S+\s+(\S+)", printed, "h2load")[1]
    p50 = p90 = p99 = p999 = None
    if load.rate is not None:
        p50, p90, p99, p999 = quantiles(_log(load))
    return Report(
        requests=int(counts[1]),
        rate=float(done[2]),
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        mean=in_seconds(mean),
        note=f"{counts[2]} failed" if counts[2] != "0" else "",
    )


def quantiles(log: Path) -> list[float]:
    """p50, p90, p99 and p99.9 [s] of a log of `start in us, status, duration in us` a line."""
    durations = np.loadtxt(log, usecols=2, dtype=np.int64, ndmin=1)
    return [float(value) * 1e-6 for value in np.quantile(durations, [0.5, 0.9, 0.99, 0.999])]


def _log(load: Load) -> Path:
    return load.folder / "h2load.log"


PEER = Peer(
    name="h2load",
    program="h2load",
    command=command,
    read=read,
    speaks=frozenset({Protocol.HTTP1, Protocol.HTTP2}),
    tls=True,
)

"""ab: closed loop only, prints whole milliseconds."""

from __future__ import annotations

import re

from benchmarks.peers.peer import Load, Peer, Report, matched
from meshperf.load.plan import Protocol

MANY = 50_000_000
"""More requests than any run makes: the time limit ends it. ab wants both, the limit first."""


def command(load: Load) -> list[str]:
    limit = max(1, round(load.seconds))
    return ["-q", "-k", "-t", str(limit), "-n", str(MANY), "-c", str(load.connections), load.url]


def read(printed: str, load: Load) -> Report:
    complete = int(matched(r"Complete requests:\s+(\d+)", printed, "ab")[1])
    failed = int(matched(r"Failed requests:\s+(\d+)", printed, "ab")[1])
    quantiles = {number: int(value) * 1e-3 for number, value in re.findall(r"^\s+(\d+)%\s+(\d+)", printed, re.M)}
    total = re.search(r"^Total:\s+\d+\s+(\d+)", printed, re.M)
    return Report(
        requests=complete - failed,
        rate=float(matched(r"Requests per second:\s+([\d.]+)", printed, "ab")[1]),
        p50=quantiles.get("50"),
        p90=quantiles.get("90"),
        p99=quantiles.get("99"),
        mean=int(total[1]) * 1e-3 if total else None,
        note=f"{failed} failed" if failed else "",
    )


PEER = Peer(
    name="ab",
    program="ab",
    command=command,
    read=read,
    speaks=frozenset({Protocol.HTTP1}),
    paced=False,
    idle=("-V",),
    package="apache2-utils",
)

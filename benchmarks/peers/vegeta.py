"""vegeta: one pacing goroutine and as many workers as it takes; results go to a file that a second call reads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from benchmarks.peers.peer import Load, Peer, Report
from meshperf.load.plan import Protocol


def command(load: Load) -> list[str]:
    targets = load.folder / "vegeta.targets"
    targets.write_text(f"GET {load.url}\n")
    workers = ["-workers", str(load.connections)]
    if load.rate is None:
        workers += ["-max-workers", str(load.connections)]
    rate = "0" if load.rate is None else f"{load.rate:.0f}"
    line = ["attack", "-rate", rate, *workers, "-connections", str(load.connections), "-duration", f"{load.seconds:g}s"]
    if load.ca is not None:
        line += ["-root-certs", str(load.ca)]
    return [*line, "-targets", str(targets), "-output", str(_results(load))]


def read(printed: str, load: Load) -> Report:
    path = PEER.path()
    if path is None:
        raise ValueError("vegeta is gone")
    told = subprocess.run([path, "report", "-type=json", str(_results(load))], capture_output=True, text=True)
    return report(told.stdout)


def report(text: str) -> Report:
    """From `vegeta report -type=json`: durations in ns."""
    document = json.loads(text)
    latencies = document["latencies"]
    good = sum(count for code, count in document["status_codes"].items() if code.startswith("2"))
    failed = document["requests"] - good
    return Report(
        requests=good,
        rate=document["throughput"],
        p50=latencies["50th"] * 1e-9,
        p90=latencies["90th"] * 1e-9,
        p99=latencies["99th"] * 1e-9,
        mean=latencies["mean"] * 1e-9,
        note=f"{failed} failed" if failed else "",
    )


def _results(load: Load) -> Path:
    return load.folder / "vegeta.bin"


PEER = Peer(
    name="vegeta",
    program="vegeta",
    command=command,
    read=read,
    speaks=frozenset({Protocol.HTTP1}),
    tls=True,
    idle=("-version",),
)

"""oha: tokio and hyper. With a rate it is run with `--latency-correction`, which counts from its pacer's wake-up.

Its report has a few percentiles, so it is told to keep every reply in a small database, which is written at its end.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from meshperf.histograms import Histogram
from meshperf.load.adapters.base import Abilities, Adapter, Asked, Command
from meshperf.load.adapters.request import authority, host_and_port, seconds, tls_files, url, wants_host
from meshperf.load.plan import Protocol
from meshperf.spec.imported import LatencyOrigin, LoopModel

__all__ = ["ADAPTER", "command", "read_samples"]


def command(asked: Asked) -> Command:
    """Arguments for one run; every reply goes to `replies.db`."""
    target = asked.target
    line = ["--no-tui", "--no-color", "--output-format", "json", "--output", str(asked.folder / "result.json"),
            "--db-url", str(asked.folder / "replies.db"), "-z", seconds(asked.phase.duration_s), "-w",
            "-c", str(target.connections), "-t", seconds(target.timeout_s), "--disable-compression",
            "-r", "10" if target.follow_redirects else "0", "-m", target.method,
            "--worker-threads", str(asked.threads)]  # fmt: skip
    notes = []
    if asked.rate is not None:
        line += ["--latency-correction", "-q", f"{asked.rate:g}"]
    version = {Protocol.HTTP1_0: "1.0", Protocol.HTTP1: "1.1", Protocol.HTTP2: "2"}[target.protocol]
    line += ["--http-version", version]
    if target.protocol is Protocol.HTTP2:
        line += ["-p", str(target.streams)]
    if target.requests_per_connection == 1:
        line += ["--disable-keepalive"]
    named = authority(target)
    if wants_host(target, named):
        line += ["--host", target.host]
    if named != target.address:
        host, port = host_and_port(target)
        line += ["--connect-to", f"{named}:{host}:{port}"]
    for name, value in target.headers:
        line += ["-H", f"{name}: {value}"]
    files = tls_files(asked)
    line += [part for name, flag in (("ca.pem", "--cacert"), ("cert.pem", "--cert"), ("key.pem", "--key"))
             if name in files for part in (flag, str(asked.folder / name))]  # fmt: skip
    if target.tls is not None and not target.tls.verify:
        line += ["--insecure"]
    if "ca.pem" in files:
        notes.append("it trusts the system's certificates beside the CA that was named")
    if target.body:
        files["body"] = target.body
        line += ["-D", str(asked.folder / "body")]
    return Command(arguments=[*line, url(target)], files=files, result="result.json", samples="replies.db", notes=notes)


def read_samples(path: Path) -> Histogram:
    """Durations [s] of the replies that were successes.

    Raises:
        ValueError: it is no such database.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as kept:
            rows = kept.execute("SELECT duration FROM oha WHERE status >= 200 AND status < 300").fetchall()
    except sqlite3.Error as broken:
        raise ValueError(f"the database of replies cannot be read: {broken}") from broken
    return Histogram.from_values(np.array([row[0] for row in rows], dtype=np.float64))


ADAPTER = Adapter(
    name="oha",
    program="oha",
    variable="OHA_BIN",
    abilities=Abilities(
        protocols=frozenset({Protocol.HTTP1_0, Protocol.HTTP1, Protocol.HTTP2}),
        tls=True,
        verifies=True,
        client_certificate=True,
        server_name=True,
        streams=True,
        redirects=True,
        new_connections=True,
        hidden_headers=False,
    ),
    form="oha",
    command=command,
    origin=lambda asked: LatencyOrigin.ACTUAL if asked.rate is None else LatencyOrigin.INTENDED,
    loop=lambda asked: LoopModel.CLOSED if asked.rate is None else LoopModel.OPEN,
    model="a due request waits in a queue for any of its workers, each with a connection",
    install="cargo install oha, or a release from its project page",
    samples=read_samples,
)

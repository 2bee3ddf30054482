"""h2load: nghttp2's event loop, HTTP/2 and HTTP/1.1; `--rps` is for each client, and sends in bursts.

Its summary has no percentiles in most versions, so it is told to log every request: start, status, microseconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from meshperf.histograms import EMPTY, Histogram
from meshperf.load.adapters.base import Abilities, Adapter, Asked, Command, always, closed_or
from meshperf.load.adapters.request import authority, host_and_port, named_headers, seconds, url
from meshperf.load.plan import Protocol
from meshperf.spec.imported import LatencyOrigin, LoopModel

__all__ = ["ADAPTER", "command", "read_samples"]


def command(asked: Asked) -> Command:
    """Arguments for one run; every request is logged to `requests.log`."""
    target = asked.target
    line = ["-c", str(target.connections), "-t", str(min(asked.threads, target.connections)), "-m",
            str(target.streams), "-D", seconds(asked.phase.duration_s),
            "--log-file", str(asked.folder / "requests.log")]  # fmt: skip
    if asked.rate is not None:
        line += ["--rps", f"{asked.rate / target.connections:.6f}"]
    if target.protocol is Protocol.HTTP1:
        line += ["--h1"]
    if authority(target) != target.address:
        host, port = host_and_port(target)
        line += [f"--connect-to={host}:{port}"]
    for name, value in named_headers(target, authority(target)):
        line += ["-H", f"{':authority' if name == 'Host' else name}: {value}"]
    if target.method != ("POST" if target.body else "GET"):
        line += ["-H", f":method: {target.method}"]
    files = {}
    if target.body:
        files["body"] = target.body
        line += ["-d", str(asked.folder / "body")]
    return Command(arguments=[*line, url(target)], files=files, samples="requests.log")


def read_samples(path: Path) -> Histogram:
    """Successful replies of a log: the third column is us from the request to the end of its response.

    Raises:
        ValueError: it is no such log.
    """
    if path.stat().st_size == 0:
        return EMPTY
    table = np.loadtxt(path, dtype=np.int64, usecols=(1, 2), ndmin=2)
    good = (table[:, 0] >= 200) & (table[:, 0] < 300)
    return Histogram.from_values(table[good, 1] * 1e-6)


ADAPTER = Adapter(
    name="h2load",
    program="h2load",
    variable="H2LOAD_BIN",
    abilities=Abilities(
        protocols=frozenset({Protocol.HTTP1, Protocol.HTTP2}),
        tls=True,
        streams=True,
        timeout=False,
        hidden_headers=False,
    ),
    form="h2load",
    command=command,
    origin=always(LatencyOrigin.ACTUAL),
    loop=closed_or(LoopModel.SCHEDULED_CLOSED),
    model="each client has one, and its own rate",
    install="your distribution's package `nghttp2-client`",
    samples=read_samples,
)

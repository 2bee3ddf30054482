"""vegeta: a pacing goroutine and as many workers as it takes; its results are encoded by a second call.

The clock starts when a worker takes the tick, which is when the request was due as long as workers can be started; it
then includes waiting for one of the connections. Connections are bounded here by the plan's number, workers are not.
"""

from __future__ import annotations

import base64
import json

from meshperf.load.adapters.base import Abilities, Adapter, Asked, Command
from meshperf.load.adapters.request import authority, named_headers, seconds, tls_files, url
from meshperf.load.plan import Protocol
from meshperf.spec.imported import LatencyOrigin, LoopModel

__all__ = ["ADAPTER", "command"]


def command(asked: Asked) -> Command:
    """Arguments for one run, and a file of targets that carries everything about the request."""
    target = asked.target
    count = str(target.connections)
    named = authority(target)
    headers: dict[str, list[str]] = {}
    for name, value in named_headers(target, named):
        headers.setdefault(name, []).append(value)
    line = {"method": target.method, "url": url(target), "header": headers}
    if target.body:
        line["body"] = base64.b64encode(target.body).decode()
    results = str(asked.folder / "results.bin")
    arguments = ["attack", "-format", "json", "-targets", str(asked.folder / "targets.json"), "-output", results,
                 "-duration", seconds(asked.phase.duration_s), "-timeout", seconds(target.timeout_s),
                 "-rate", "0" if asked.rate is None else _rate(asked.rate), "-workers", count,
                 "-connections", count, "-max-connections", count, "-max-body", "0",
                 "-redirects", "10" if target.follow_redirects else "-1",
                 f"-http2={'true' if target.protocol is Protocol.HTTP2 else 'false'}"]  # fmt: skip
    if asked.rate is None:
        arguments += ["-max-workers", count]
    if target.requests_per_connection == 1:
        arguments += ["-keepalive=false"]
    if target.source_address is not None:
        arguments += ["-laddr", target.source_address]
    if named != target.address:
        arguments += ["-connect-to", f"{named}:{target.address}"]
    files = tls_files(asked)
    arguments += [part for name, flag in (("ca.pem", "-root-certs"), ("cert.pem", "-cert"), ("key.pem", "-key"))
                  if name in files for part in (flag, str(asked.folder / name))]  # fmt: skip
    if target.tls is not None and not target.tls.verify:
        arguments += ["-insecure"]
    return Command(
        arguments=arguments,
        files={"targets.json": json.dumps(line).encode() + b"\n", **files},
        environment={"GOMAXPROCS": str(asked.threads)},
        then=["encode", "-to", "json", results],
    )


def _rate(rate: float) -> str:
    """Requests per time unit, which are whole numbers: 2.5/s are 2500 in 1000 s."""
    return f"{rate:.0f}/1s" if rate.is_integer() else f"{round(rate * 1000)}/1000s"


ADAPTER = Adapter(
    name="vegeta",
    program="vegeta",
    variable="VEGETA_BIN",
    abilities=Abilities(
        protocols=frozenset({Protocol.HTTP1}),
        tls=True,
        verifies=True,
        client_certificate=True,
        server_name=True,
        redirects=True,
        new_connections=True,
        source_address=True,
    ),
    form="vegeta-results",
    command=command,
    origin=lambda asked: LatencyOrigin.ACTUAL,
    loop=lambda asked: LoopModel.CLOSED if asked.rate is None else LoopModel.OPEN,
    model="each due request gets a worker of its own, which waits for any of them",
    install="go install github.com/tsenart/vegeta/v12@latest, or a release from its project page",
    version_arguments=("-version",),
    version_pattern=r"Version:\s+v?(\d+\.\d+\S*)",
)

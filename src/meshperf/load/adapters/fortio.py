"""fortio: a goroutine a connection that sleeps to its next slot; HTTP, gRPC health, TCP and UDP echo.

Run with `-uniform`, so that its connections do not fire together, and with a histogram whose unit is 10 us: 10 us to
1 s in steps of at most a quarter. It catches up after a stall and times from the actual send, so a stall is one slow
request a connection.
"""

from __future__ import annotations

from meshperf.load.adapters.base import Abilities, Adapter, Asked, Command, always, closed_or
from meshperf.load.adapters.request import authority, host_and_port, named_headers, seconds, tls_files, url
from meshperf.load.plan import Protocol
from meshperf.spec.imported import Bucket, Imported, LatencyOrigin, LoopModel

__all__ = ["ADAPTER", "command"]

RESOLUTION_S = 1e-5
_HEALTH = "/grpc.health.v1.Health/Check"


def command(asked: Asked) -> Command:
    """Arguments for one run."""
    target = asked.target
    notes: list[str] = []
    line = ["load", "-quiet", "-qps", f"{asked.rate or 0:g}", "-c", str(_goroutines(asked)), "-t",
            seconds(asked.phase.duration_s), "-r", f"{RESOLUTION_S:f}", "-p", "50,75,90,95,99,99.9", "-uniform",
            "-allow-initial-errors",
            "-gomaxprocs", str(asked.threads), "-json", str(asked.folder / "result.json")]  # fmt: skip
    files = tls_files(asked)
    line += [part for name, flag in (("ca.pem", "-cacert"), ("cert.pem", "-cert"), ("key.pem", "-key"))
             if name in files for part in (flag, str(asked.folder / name))]  # fmt: skip
    if target.tls is not None and not target.tls.verify:
        line += ["-k"]
    if target.body:
        files["body"] = target.body
        line += ["-payload-file", str(asked.folder / "body")]
    if target.protocol in (Protocol.TCP, Protocol.UDP):
        line += ["-timeout" if target.protocol is Protocol.TCP else "-udp-timeout", seconds(target.timeout_s)]
        return Command(
            arguments=[*line, f"{target.protocol}://{target.address}"], files=files, result="result.json", notes=notes
        )
    named = authority(target)
    for name, value in named_headers(target, named):
        line += ["-H", f"{name}: {value}"]
    if named != target.address:
        line += ["-resolve", host_and_port(target)[0].strip("[]")]
    line += ["-timeout", seconds(target.timeout_s)]
    if target.protocol is Protocol.GRPC:
        if target.path != _HEALTH:
            notes.append(f"it calls the health service only, instead of {target.path}")
        line += ["-grpc", "-health", "-s", str(target.streams)]
        return Command(
            arguments=[*line, f"https://{named}" if target.tls is not None else named],
            files=files,
            result="result.json",
            notes=notes,
        )
    line += {Protocol.HTTP2: ["-h2"], Protocol.HTTP1_0: ["-http1.0"]}.get(target.protocol, [])
    if target.requests_per_connection == 1:
        line += ["-keepalive=false"]
    if target.method != ("POST" if target.body else "GET"):
        line += ["-X", target.method]
    return Command(arguments=[*line, url(target)], files=files, result="result.json", notes=notes)


def _goroutines(asked: Asked) -> int:
    """Its HTTP/2 client shares connections among goroutines as it pleases: streams are only more goroutines."""
    return asked.concurrency if asked.target.protocol is Protocol.HTTP2 else asked.target.connections


def failures(imported: Imported) -> tuple[Bucket, ...] | None:
    """The times of failed requests: fortio has them among the others, and again by themselves in newer versions."""
    apart = imported.extra.get("ErrorsDurationHistogram")
    if not isinstance(apart, dict):
        return None
    try:
        return tuple(
            Bucket(low_s=float(one["Start"]), high_s=float(one["End"]), count=int(one["Count"]))
            for one in apart.get("Data") or ()
        )
    except (KeyError, TypeError, ValueError):
        return None


ADAPTER = Adapter(
    name="fortio",
    program="fortio",
    variable="FORTIO_BIN",
    abilities=Abilities(
        protocols=frozenset(
            {Protocol.HTTP1_0, Protocol.HTTP1, Protocol.HTTP2, Protocol.GRPC, Protocol.TCP, Protocol.UDP}
        ),
        tls=True,
        verifies=True,
        client_certificate=True,
        server_name=True,
        streams=True,
        new_connections=True,
        hidden_headers=False,
    ),
    form="fortio",
    command=command,
    origin=always(LatencyOrigin.ACTUAL),
    loop=closed_or(LoopModel.SCHEDULED_CLOSED),
    model="each goroutine has one, and sends in its own slots",
    install="go install fortio.org/fortio@latest, or a release from its project page",
    version_arguments=("version",),
    failures=failures,
)

"""ghz: unary calls of the standard health service, closed loop or paced.

The summary is read, not its JSON: that lists every call, and writing it would be charged to the calls.
"""

from __future__ import annotations

import re

from benchmarks.peers.peer import Load, Peer, Report, in_seconds, matched
from meshperf.load.plan import Protocol

METHOD = "/grpc.health.v1.Health/Check"
SERVICE = """syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
"""


def command(load: Load) -> list[str]:
    service = load.folder / "health.proto"
    service.write_text(SERVICE)
    line = ["--proto", str(service), "--call", METHOD.lstrip("/"), "-d", "{}"]
    line += ["-c", str(load.connections * load.streams), "--connections", str(load.connections)]
    line += ["-z", f"{load.seconds:g}s", "--duration-stop", "wait"]
    if load.rate is not None:
        line += ["-r", f"{load.rate:.0f}"]
    line += ["--insecure"] if load.ca is None else ["--cacert", str(load.ca)]
    return [*line, load.address]


def read(printed: str, load: Load) -> Report:
    pairs = re.findall(r"^\s+(\d+) % in ([\d.]+) (\S+)", printed, re.M)
    quantile = {number: in_seconds(value + unit) for number, value, unit in pairs}
    count = int(matched(r"Count:\s+(\d+)", printed, "ghz")[1])
    good = re.search(r"\[OK\]\s+(\d+) responses", printed)
    failed = count - (int(good[1]) if good else 0)
    return Report(
        requests=count - failed,
        rate=float(matched(r"Requests/sec:\s+([\d.]+)", printed, "ghz")[1]),
        p50=quantile.get("50"),
        p90=quantile.get("90"),
        p99=quantile.get("99"),
        mean=in_seconds("".join(matched(r"Average:\s+([\d.]+) (\S+)", printed, "ghz").groups())),
        note=f"{failed} failed" if failed else "",
    )


PEER = Peer(
    name="ghz",
    program="ghz",
    command=command,
    read=read,
    speaks=frozenset({Protocol.GRPC}),
    tls=True,
)

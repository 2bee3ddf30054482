"""Nighthawk: Envoy as a load generator. Made from its documented options; there is no released program to run.

Rate and connections are for each worker, so it gets one. In its open loop, requests over the limit are dropped and in
no histogram, and its clock starts at the actual send, so the closed default with a rate is used: it blocks and catches
up.
"""

from __future__ import annotations

from meshperf.load.adapters.base import Abilities, Adapter, Asked, Command, always, closed_or
from meshperf.load.adapters.fitting import whole_seconds
from meshperf.load.adapters.request import named_headers, url
from meshperf.load.plan import Protocol
from meshperf.spec.imported import LatencyOrigin, LoopModel

__all__ = ["ADAPTER", "command"]

_FASTEST_RPS = 1_000_000


def command(asked: Asked) -> Command:
    """Arguments for one run; its JSON is printed."""
    target = asked.target
    rate = asked.rate
    line = ["--output-format", "json", "--concurrency", "1", "--connections", str(target.connections),
            "--duration", str(whole_seconds(asked.phase.duration_s)),
            "--rps", str(_FASTEST_RPS if rate is None else max(1, round(rate))),
            "--timeout", str(max(1, round(target.timeout_s))), "--verbosity", "error",
            "--request-method", target.method,
            # Any error would end the run by default: they are counted instead.
            "--failure-predicate", "benchmark.http_4xx:4294967295",
            "--failure-predicate", "benchmark.http_5xx:4294967295",
            "--protocol", "http2" if target.protocol is Protocol.HTTP2 else "http1"]  # fmt: skip
    if target.protocol is Protocol.HTTP2:
        line += ["--max-concurrent-streams", str(target.streams), "--max-active-requests", str(asked.concurrency)]
    for name, value in named_headers(target, target.address):
        line += ["--request-header", f"{name}: {value}"]
    notes = []
    if rate is not None and not rate.is_integer():
        notes.append(f"its rate is whole: {max(1, round(rate))} instead of {rate:g}")
    return Command(arguments=[*line, url(target, numeric=True)], notes=notes)


ADAPTER = Adapter(
    name="nighthawk",
    program="nighthawk_client",
    variable="NIGHTHAWK_BIN",
    abilities=Abilities(
        protocols=frozenset({Protocol.HTTP1, Protocol.HTTP2}),
        streams=True,
        body=False,
        whole_seconds=True,
        hidden_headers=False,
    ),
    form="nighthawk",
    command=command,
    origin=always(LatencyOrigin.ACTUAL),
    loop=closed_or(LoopModel.SCHEDULED_CLOSED),
    model="a pool of Envoy's, which takes the last used one first",
    install="build nighthawk_client from its source, or copy it out of its container image",
    proven=False,
)

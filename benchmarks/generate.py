"""One run of our engine in a process of its own: a load as JSON in, a report as JSON out; without a load, only a start.

What it refuses: to report a run that was not of the protocol that was asked for.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.peers.ghz import METHOD
from benchmarks.peers.peer import Report
from meshperf import __version__
from meshperf.load.native import NativeSession, build_profile
from meshperf.load.plan import Arrivals, GrpcCall, Phase, Pooling, Protocol, SessionPlan, Target, TlsSettings
from meshperf.load.recording import SessionRecording
from meshperf.load.validity import judge

MULTIPLEXED = (Protocol.HTTP2, Protocol.GRPC)


def target(asked: dict[str, Any]) -> Target:
    """Not verifying the server, as wrk and fortio do not: the rows compare records of bytes, not checks of names."""
    protocol = Protocol(asked["protocol"])
    message = b"m" * asked["message_bytes"] if protocol in (Protocol.TCP, Protocol.UDP) else b""
    tls = None
    if asked["ca"]:
        tls = TlsSettings(ca_pem=Path(asked["ca"]).read_text(), server_name="localhost", verify=False)
    return Target(
        name="server",
        address=asked["address"],
        host="localhost",
        protocol=protocol,
        path=METHOD if protocol is Protocol.GRPC else "/",
        body=message,
        grpc=GrpcCall() if protocol is Protocol.GRPC else None,
        connections=asked["connections"],
        streams=asked["streams"],
        pooling=Pooling(asked["pooling"]),
        tls=tls,
    )


def report(recording: SessionRecording, rate: float | None, arrivals: Arrivals) -> Report:
    """Figures of the only phase, from the response time, with the engine's verdict on itself as the note."""
    (phase,) = recording.phases
    duration_s = phase.end_s - phase.begin_s
    durations = phase.response
    p50, p90, p99, p999 = (float(value) for value in durations.quantile([0.5, 0.9, 0.99, 0.999]))
    validity, _, _ = judge(
        counts=phase.counts,
        offered_rps=rate,
        measured_s=duration_s,
        response=durations,
        client_delay=phase.client_delay,
        busy_share=phase.busy_s / duration_s,
        arrivals=arrivals,
        build=recording.build,
    )
    # A closed loop is busy all the time by design; there the verdict says nothing about the figures that are compared.
    told = rate is not None and (validity.state.value, *validity.reasons[:1])
    notes = [": ".join(told)] if told and told != ("valid",) else []
    if recording.build != "release":
        notes.append(f"{recording.build} build")
    return Report(
        requests=phase.counts.ok,
        rate=phase.counts.ok / duration_s,
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        mean=durations.mean(),
        note=", ".join(notes),
    )


def main() -> None:
    if len(sys.argv) < 2:
        print(f"meshperf {__version__} {build_profile()}")
        return
    asked = json.loads(sys.argv[1])
    rate = asked["rate"]
    chosen = target(asked)
    open_loop = Arrivals.POISSON if asked["poisson"] else Arrivals.CONSTANT
    arrivals = Arrivals.CLOSED if rate is None else open_loop
    with NativeSession.open(SessionPlan(targets=(chosen,))) as session:
        recording = session.run([Phase(target=0, duration_s=asked["seconds"], arrivals=arrivals, rate=rate)])
    if recording.phases[0].counts.ok == 0:
        sys.exit(f"no request succeeded: {dict(recording.phases[0].errors_by_reason)}")
    print(json.dumps(asdict(report(recording, rate, arrivals))))


if __name__ == "__main__":
    main()

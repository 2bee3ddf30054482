"""How runs end: in the middle of a stall, with the server killed or not there, and by Ctrl-C. Nothing may be lost.

Asked for: what is due and unanswered at the end is counted as censored, as many as theory says within 5 %; a dead or
absent server is counted and does not hold a run longer than its drain; Ctrl-C gives a partial recording within 200 ms.
In all of them every offered request is accounted for once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from benchmarks import servers
from benchmarks.findings import Finding, Outcome, bounded, show_findings
from benchmarks.pinned import Cores, RunFailed, start
from benchmarks.sessions import adds_up, constant, run_phases, until
from meshperf.errors import TargetError

STALL_S, PERIOD_S = 0.2, 1.0
RATE = 1000.0


def censored(cores: Cores) -> list[Finding]:
    """Acceptance test 7: the run ends half-way through a stall, and the drain before the stall does."""
    with servers.workload(cores.server, "--response-bytes", "16", "--stall", "200ms/1000ms") as server:
        phase = constant(RATE, 0.8, guard_s=until(server, 0.1, PERIOD_S), drain_s=0.05)
        recording = run_phases(server, [phase], cores)
    recorded = recording.phases[0]
    counts = recorded.counts
    left = counts.unanswered + counts.not_sent
    # Opening the session took its time too: where in the period the window really ended is told by the recording.
    wall_to_monotonic_s = time.monotonic() - time.time()
    ended_s = recording.origin_unix_s + recorded.end_s + wall_to_monotonic_s - server.started_monotonic_ns * 1e-9
    expected = RATE * (ended_s % PERIOD_S - (PERIOD_S - STALL_S))
    exact = adds_up(recorded) and recorded.censored.total == left and counts.offered == round(RATE * 0.8)
    return [
        bounded("stall across the end: censored off", abs(left / expected - 1) * 100, 5.0, unit=" %", test=7, digits=1),
        Finding(
            what="stall across the end: due = answered + censored",
            figure=f"{counts.offered} = {counts.ok} + {left}, {recorded.censored.total} in the histogram",
            limit="exactly",
            met=exact,
            test=7,
        ),
    ]


def killed(cores: Cores) -> Finding:
    """Acceptance test 9, at its bluntest: the server is killed half-way."""
    phase = constant(2000.0, 1.0, drain_s=0.5)
    with servers.workload(cores.server, "--response-bytes", "16") as server:
        kill = threading.Timer(0.5, os.kill, (server.pid, signal.SIGKILL))
        kill.start()
        began = time.monotonic()
        recorded = run_phases(server, [phase], cores).phases[0]
        took_s = time.monotonic() - began
        kill.join()
    counts = recorded.counts
    failed = counts.offered - counts.ok
    return Finding(
        what="server killed half-way: counted, and over in time",
        figure=f"{counts.ok} ok, {failed} not, {took_s:.1f} s",
        note=", ".join(f"{count} {reason}" for reason, count in recorded.errors_by_reason.items()),
        limit="adds up, < 2.5 s",
        met=adds_up(recorded) and 0 < failed < counts.offered and took_s < 2.5,
        test=9,
    )


def refused(cores: Cores) -> Finding:
    """Acceptance test 9: nobody listens. A session says so when it is opened."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    try:
        run_phases(servers.Server(name="nobody", address=address, pid=0), [constant(100.0, 0.5)], cores)
        said, met = "a recording", False
    except TargetError as failure:
        said, met = failure.code, failure.code == "MP5301"
    took_s = time.monotonic() - began
    figure = f"{said} after {took_s * 1e3:.0f} ms"
    return Finding(what="nobody listens", figure=figure, limit="MP5301, < 1 s", met=met and took_s < 1, test=9)


def interrupted(cores: Cores) -> list[Finding]:
    """Acceptance test 10: SIGINT to a process that would load for another ten seconds."""
    with servers.workload(cores.server, "--response-bytes", "16") as server:
        command = [sys.executable, "-m", "benchmarks.endings", "--child", server.address]
        process = start(command, cores.generator, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise RunFailed("the interrupted run did not begin")
            time.sleep(0.7)  # a run that is well under way is what is interrupted
            sent_ns = time.monotonic_ns()
            process.send_signal(signal.SIGINT)
            told = json.loads(process.stdout.readline() or "{}")
        finally:
            process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
    if not told:
        return [Finding(what="Ctrl-C", figure="no recording", limit="a recording", met=False, test=10)]
    took_ms = (told["returned_ns"] - sent_ns) * 1e-6
    consistent = told["interrupted"] and told["adds_up"] and 0 < told["ok"] <= told["offered"]
    return [
        bounded("Ctrl-C: until the recording is there", took_ms, 200.0, unit=" ms", test=10, digits=0),
        Finding(
            what="Ctrl-C: the partial recording is consistent",
            figure=f"{told['ok']} of {told['offered']} ok",
            limit="adds up, marked",
            met=bool(consistent),
            test=10,
        ),
    ]


def child(address: str) -> None:
    """The run to interrupt: says that it begins, and what came back and when."""
    server = servers.Server(name="server", address=address, pid=0)
    print("begins", flush=True)
    recording = run_phases(server, [constant(RATE, 10.0)], Cores.allowed())
    phase = recording.phases[0]
    told = {
        "returned_ns": time.monotonic_ns(),
        "interrupted": recording.interrupted,
        "adds_up": adds_up(phase),
        "ok": phase.counts.ok,
        "offered": phase.counts.offered,
    }
    print(json.dumps(told), flush=True)


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(options.child)
        return Outcome()
    cores = Cores.allowed()
    findings = (*censored(cores), killed(cores), refused(cores), *interrupted(cores))
    show_findings(findings)
    return Outcome(findings=findings)


if __name__ == "__main__":
    main()

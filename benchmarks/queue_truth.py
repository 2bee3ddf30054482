"""Known truth: a single server that computes for 1 ms a request, under Poisson arrivals that follow from a seed.

The waits are those of Lindley's recursion over the very arrivals that the seed gives, so no tolerance for randomness is
needed: w(n+1) = max(0, w(n) + service - gap(n)). What a request costs the server in all is read from its CPU clock,
which knows nothing of queues; even arrivals at the same rate never queue and show the response at rest.

Asked for: mean wait within 10 % of the recursion. Means are taken over all but the slowest twentieth, of theory and of
measurement alike: one preemption would decide the plain mean. The median of the runs counts; one in which the server
waited for its core for more than 2 % of the time, or the client was late by its own verdict, is repeated. The figure
under test never decides that.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import servers
from benchmarks.findings import Outcome, bounded, show_findings
from benchmarks.pinned import Cores, RunFailed
from benchmarks.sessions import constant, run_phases, verdict
from meshperf.load.plan import Arrivals, Phase
from meshperf.spec.records import ValidityState
from meshperf.telemetry.run_queue import read_run_queue
from tests.load.test_truth import lindley_waits_s, poisson_arrivals

RATE, SEED = 500.0, 5
GRID = np.arange(0.0025, 0.95, 0.005)
DISTURBED_SHARE = 0.02


def waited_s(pid: int) -> float:
    """Seconds that the threads of a process were ready to run and had no core."""
    tids = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(read_run_queue(pid, tids).wait_s.values())


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args(arguments)
    cores, ratios = Cores.allowed(), []
    due = poisson_arrivals(seed=SEED, rate=RATE, duration_s=options.seconds)
    phases = [
        Phase(target=0, duration_s=options.seconds, arrivals=Arrivals.POISSON, rate=RATE, seed=SEED),
        constant(RATE, 1.0),
    ]
    with servers.workload(cores.server, "--response-bytes", "16", "--busy", "--service-time", "1ms") as server:
        for _ in range(3 * options.repeat):
            waited, began = waited_s(server.pid), time.monotonic()
            recording = run_phases(server, phases, cores, clocks={"server": server.pid})
            disturbed = (waited_s(server.pid) - waited) / (time.monotonic() - began)
            queued, at_rest = recording.phases
            states = {
                verdict(recording, recorded, asked).state
                for recorded, asked in zip(recording.phases, phases, strict=True)
            }
            if queued.counts.offered != len(due):
                raise RunFailed(f"the seed gives {len(due)} arrivals, the engine {queued.counts.offered}")
            if not (queued.counts.ok and at_rest.counts.ok):
                print(f"repeated: nothing was answered, the server waited {disturbed:.1%} of the time", flush=True)
                continue
            service_s = (queued.cpu_drained_s["server"] - queued.cpu_begin_s["server"]) / queued.counts.ok
            wait_s = float(np.mean(queued.response.quantile(GRID)) - at_rest.response.quantile(0.5))
            theory_s = float(np.mean(np.quantile(lindley_waits_s(due, service_s), GRID)))
            sound = states == {ValidityState.VALID} and disturbed <= DISTURBED_SHARE
            print(
                f"{len(due)} arrivals, service {service_s * 1e3:.3f} ms: mean wait {wait_s * 1e6:.0f} us,"
                f" recursion {theory_s * 1e6:.0f} us ({wait_s / theory_s - 1:+.1%})"
                + ("" if sound else f"; repeated: {', '.join(states)}, the server waited {disturbed:.1%} of the time"),
                flush=True,
            )
            if sound:
                ratios.append(wait_s / theory_s)
            if len(ratios) == options.repeat:
                break
    off = abs(statistics.median(ratios) - 1) * 100 if ratios else None
    findings = (bounded("M/D/1: mean wait off Lindley's recursion", off, 10.0, unit=" %", test=5, digits=1),)
    show_findings(findings)
    return Outcome(findings=findings, data={"wait_by_theory": ratios})


if __name__ == "__main__":
    main()

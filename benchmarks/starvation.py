"""A client without enough CPU: it has to say so, and what the kernel timed has to stay near the truth.

The truth is a workload that waits 300 us, on a core of its own. The generator's worker shares its core with four busy
loops of the same priority. Asked for: the verdict `client-limited`, and a median service time, from the actual send to
the kernel's receiving the reply, at most 0.2 ms above the delay.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from benchmarks import servers
from benchmarks.findings import Finding, Outcome, bounded, show_findings
from benchmarks.pinned import Cores, RunFailed, start
from benchmarks.sessions import constant, run_phases, verdict
from meshperf.load.plan import ReceiveClock
from meshperf.spec.records import ValidityState

DELAY_S = 300e-6
LOOPS = 4
LOOP = "import time\nend = time.monotonic() + 20\nprint(flush=True)\nwhile time.monotonic() < end: pass"


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args(arguments)
    cores, loops = Cores.allowed(), []
    asked = constant(2000.0, options.seconds)
    with servers.workload(cores.server, "--response-bytes", "16", "--service-time", "300us") as server:
        try:
            for _ in range(LOOPS):
                loops.append(start([sys.executable, "-c", LOOP], cores.generator, stdout=subprocess.PIPE))
            for loop in loops:
                if loop.stdout is None or not loop.stdout.readline():
                    raise RunFailed("a busy loop ended at once")
            recording = run_phases(server, [asked], cores, connections=16, receive_clock=ReceiveClock.AUTO)
        finally:
            for loop in loops:
                loop.kill()
                loop.wait(10)
                if loop.stdout is not None:
                    loop.stdout.close()
    phase = recording.phases[0]
    state = verdict(recording, phase, asked).state
    what = "starved client: kernel-timed service p50 above the truth"
    above_ms = (float(phase.service.quantile(0.5)) - DELAY_S) * 1e3
    findings = (
        Finding(
            what="starved client: verdict",
            figure=state.value,
            limit=ValidityState.CLIENT_LIMITED.value,
            met=state is ValidityState.CLIENT_LIMITED,
            test=8,
        ),
        bounded(what, above_ms, 0.2, unit=" ms", test=8)
        if recording.receive_clock == "kernel"
        else Finding(
            what=what, figure="-", limit="<= 0.2 ms", test=8, note=f"no kernel times; user-timed {above_ms:.3f} ms"
        ),
    )
    print(
        f"response p50 {float(phase.response.quantile(0.5)) * 1e3:.2f} ms, p99"
        f" {float(phase.response.quantile(0.99)) * 1e3:.2f} ms, client delay p99"
        f" {float(phase.client_delay.quantile(0.99)) * 1e3:.2f} ms"
    )
    show_findings(findings)
    return Outcome(findings=findings)


if __name__ == "__main__":
    main()

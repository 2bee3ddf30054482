"""A client without enough CPU: it has to say so, and what the kernel timed has to stay near the truth.

The truth is a workload that waits 300 us, on a core of its own. The generator's worker shares its core with four busy
loops of the same priority. Asked for: the verdict `client-limited`, and a median service time, from the actual send to
the kernel's receiving the reply, at most 0.2 ms above that of the same load just before, without the loops.
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
        quiet = run_phases(server, [asked], cores, connections=16, receive_clock=ReceiveClock.AUTO).phases[0]
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
    what = "starved client: kernel-timed service p50 above before"
    above_ms = float(phase.service.quantile(0.5) - quiet.service.quantile(0.5)) * 1e3
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
    before, during = (float(one.service.quantile(0.5)) * 1e3 for one in (quiet, phase))
    p50, p99 = (float(value) * 1e3 for value in phase.response.quantile([0.5, 0.99]))
    late_p99 = float(phase.client_delay.quantile(0.99)) * 1e3
    print(f"service p50 {before:.3f} ms before, {DELAY_S * 1e3:g} ms of it the delay; {during:.3f} ms starved")
    print(f"starved: response p50 {p50:.2f} ms, p99 {p99:.2f} ms, client delay p99 {late_p99:.2f} ms")
    show_findings(findings)
    return Outcome(findings=findings)


if __name__ == "__main__":
    main()

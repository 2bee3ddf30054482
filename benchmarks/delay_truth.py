"""Known truth: a workload that waits exactly 300 us. The generator's p50 may be at most 0.15 ms above it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.served import open_loop, run, served
from meshperf.spec.experiment import Workload

DELAY_S = 300e-6


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args(arguments)
    with served(Workload(response_bytes=16, service_time="300us")) as (site, addresses):
        print("p50 above the delay us   p99 us   pacing error p99 us   achieved/s")
        for _ in range(options.repeat):
            recording = run(site, addresses, [open_loop(1000, 1.0), open_loop(1000, 5.0)], connections=16)
            phase = recording.phases[1]
            p50, p99 = (float(value) for value in phase.response.quantile([0.5, 0.99]))
            pacing = float(phase.pacing_error.quantile(0.99))
            achieved = phase.counts.ok / (phase.end_s - phase.begin_s)
            print(f"{(p50 - DELAY_S) * 1e6:20.1f} {p99 * 1e6:10.1f} {pacing * 1e6:15.1f} {achieved:15.1f}", flush=True)


if __name__ == "__main__":
    main()

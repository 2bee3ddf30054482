"""Known truth: a workload that stops for 200 ms in every 1000 ms, at 1k, 10k and 30k requests per second.

Theory, for a server of capacity C at offered rate R with rho = R/C and a stall of S in every P: requests due in the
stall and while the backlog drains wait; the q-th quantile of the response time is

    S - (1 - q) · P · (1 - rho)        and the mean     S² / (2 P (1 - rho))

C is measured by a closed loop just before, against the same workload without stalls, and printed; nothing is fitted.
Asked for: p99 within 2 %, mean within 5 %, achieved rate within 0.1 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.served import closed_loop, open_loop, run, served
from meshperf.load.plan import Arrivals
from meshperf.load.validity import judge
from meshperf.spec.experiment import Workload

STALL_S, PERIOD_S = 0.2, 1.0
CONNECTIONS = 50


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="whole periods per rate")
    parser.add_argument("--rates", type=float, nargs="+", default=[1000.0, 10000.0, 30000.0])
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args(arguments)
    with served(Workload(response_bytes=16), Workload(response_bytes=16, stall=(STALL_S, PERIOD_S))) as (
        site,
        addresses,
    ):
        print("rate      capacity   achieved        p99 ms (theory)  error    mean ms (theory)  error   verdict")
        for _ in range(options.repeat):
            for rate in options.rates:
                recording = run(
                    site,
                    addresses,
                    [closed_loop(2.0), open_loop(rate, 2.0, target=1), open_loop(rate, options.seconds, target=1)],
                    connections=CONNECTIONS,
                )
                free, _, phase = recording.phases
                capacity = free.counts.ok / (free.end_s - free.begin_s)
                rho = rate / capacity
                p99 = STALL_S - 0.01 * PERIOD_S * (1 - rho)
                mean = STALL_S**2 / (2 * PERIOD_S * (1 - rho))
                duration = phase.end_s - phase.begin_s
                achieved = phase.counts.ok / duration
                got99, got_mean = float(phase.response.quantile(0.99)), phase.response.mean()
                validity, _, _ = judge(
                    counts=phase.counts,
                    offered_rps=rate,
                    measured_s=duration,
                    response=phase.response,
                    client_delay=phase.client_delay,
                    busy_share=phase.busy_s / duration,
                    arrivals=Arrivals.CONSTANT,
                    build=recording.build,
                )
                print(
                    f"{rate:7.0f} {capacity:10.0f} {achieved:10.2f} ({achieved / rate - 1:+.3%})"
                    f" {got99 * 1e3:8.2f} ({p99 * 1e3:6.2f}) {got99 / p99 - 1:+6.2%}"
                    f" {got_mean * 1e3:8.2f} ({mean * 1e3:6.2f}) {got_mean / mean - 1:+6.2%}   {validity.state.value}",
                    flush=True,
                )


if __name__ == "__main__":
    main()

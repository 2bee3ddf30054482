"""What 60 s per pair resolve: interleaved slices against one long stretch an arm, and a known +20 us.

Three workloads that wait 300, 300 and 320 us are deployed afresh in every round; `interleaved` and `continuous`
rounds alternate and cost the same wall time. Printed: half-widths of the 95 % interval of the ratio, within a
deployment and over rounds, for p50, p90 and CPU per request; and what each design finds of the true +20 us and of the
true difference of none. Everything is judged by the product's own `analysis.compare`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from meshperf import analysis
from meshperf.environments.local import LocalSite
from meshperf.experiment.conditions import round_facts
from meshperf.experiment.plan import RoundPlan, make_plan
from meshperf.experiment.residents import Deployed, deploy_resident
from meshperf.experiment.rounds import RoundTask, measure_round
from meshperf.spec.experiment import Arm, ClientLibrary, Experiment, LoadPoint, Workload
from meshperf.spec.records import RunResult

DELAYS = {"300us": "300us", "300us-again": "300us", "320us": "320us"}
METRICS = ("p50", "p90", "cpu_per_request")


def experiment(design: str, rounds: int, duration_s: float, seed: int) -> Experiment:
    """The arms are plain deployments; the library marker only tells them from the baseline for the judgement."""
    arms = {
        name: Arm(name=name, mesh="none", client_library=None if name == "300us" else ClientLibrary())
        for name in DELAYS
    }
    point = LoadPoint(rate=500.0, connections=16, arrivals="poisson", warmup_s=0.5, duration_s=duration_s)
    return Experiment(
        name=f"resolution-{design}",
        subject=("workload", "client_library"),
        load=(point,),
        design=design,
        slice_s=0.1 if design == "interleaved" else None,
        rounds=rounds,
        seed=seed,
        arms=arms,
    )


def deploy(site: LocalSite, round_plan: RoundPlan) -> tuple[Deployed, ...]:
    up = {}
    for index in round_plan.start_order:
        resident = round_plan.group.residents[index]
        workload = Workload(response_bytes=1024, service_time=DELAYS[resident.name])
        up[index] = deploy_resident(site, resident, workload.as_graph())
    return tuple(up[index] for index in sorted(up))


def one_round(wanted: Experiment, number: int) -> tuple[list[RunResult], float]:
    round_plan = make_plan(wanted).rounds[number]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as state, LocalSite.open(wanted.name, None, Path(state)) as site:
        task = RoundTask(
            experiment=wanted,
            experiment_id=wanted.name,
            plan=round_plan,
            slice_s=wanted.slice_s,
            facts=round_facts(site, wanted),
        )
        runs = list(measure_round(site, deploy(site, round_plan), task))
    return runs, time.monotonic() - began


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60.0, help="wall time per pair and design, over all rounds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    # A pair's minute is shared by its two arms; slices pay 15 ms of lead-in and guard for every 100 ms counted.
    each = options.seconds / options.rounds / 2
    designs = {"interleaved": each / 1.15, "continuous": each}
    wanted = {
        design: experiment(design, options.rounds, duration, options.seed) for design, duration in designs.items()
    }
    runs: dict[str, list[RunResult]] = {design: [] for design in designs}
    spent = dict.fromkeys(designs, 0.0)
    for number in range(options.rounds):
        for design in designs if number % 2 == 0 else reversed(designs):
            got, took = one_round(wanted[design], number)
            runs[design] += got
            spent[design] += took
            print(f"round {number + 1}/{options.rounds} {design}: {took:.1f} s", flush=True)
    print(
        "\ndesign       pair                  metric            ratio [95 % over rounds]  half-width  within  added us"
    )
    for design in designs:
        for comparison in analysis.compare(
            runs[design],
            baseline="300us",
            subject=wanted[design].subject,
            margins=wanted[design].margins,
        ):
            for metric in comparison.metrics:
                if metric.against != "300us" or metric.metric not in METRICS:
                    continue
                ratio, within = metric.ratio, metric.within
                inside = (within.high - within.low) / 2 if within is not None else float("nan")
                unit = 1e6
                print(
                    f"{design:12} {metric.arm:>12}/{metric.against:8} {metric.metric:16}"
                    f" x{ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}] {(ratio.high - ratio.low) / 2:10.2%}"
                    f" {inside:8.2%}   {metric.added.value * unit:+7.2f} [{metric.added.low * unit:+.2f},"
                    f" {metric.added.high * unit:+.2f}]"
                )
        print(f"{design}: {spent[design]:.0f} s of wall time for three arms", flush=True)


if __name__ == "__main__":
    main()

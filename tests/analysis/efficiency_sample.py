"""Runs of a ladder with bytes, control stretches, the machine's CPU and energy, all of which are known.

Test modules put this folder on `sys.path` to import it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ladder_sample import BEGIN, TRUTHS, ladder
from meshperf.spec.records import ComponentUsage, Counts, Fact, NoiseReading, RunResult

CORES = 4
NODE = {"baseline": 0.5, "envoy": 0.9}
"""Cores that the whole machine is busy with in the control stretch."""
BEYOND = {"baseline": 0.05, "envoy": 0.08}
WATTS = {"baseline": 20.0, "envoy": 26.0}
SOCKET = {"baseline": (90, 1150), "envoy": (320, 1190)}
"""Bytes a request that the service reads and writes."""
INTERFACE = {"baseline": (160, 1300), "envoy": (430, 1420)}
GENERATOR = {"baseline": (80, 1140), "envoy": (80, 1250)}


def ladder_with_use(
    *, control: str = "every-round", pods: bool = True, noise: float = 0.0, seed: int = 1, rounds: int = 6
) -> list[RunResult]:
    """A ladder whose every figure beside CPU time of processes is known; `noise` on the log scale, by round."""
    rng = np.random.default_rng(seed)
    made = []
    for run in ladder(TRUTHS, rounds=rounds):
        luck = float(np.exp(rng.normal() * noise))
        made.append(_with_use(run, luck, pods=pods, with_control=control == "every-round" or run.round == 0))
    return made


def _with_use(run: RunResult, luck: float, *, pods: bool, with_control: bool) -> RunResult:
    served = run.counts.sent + 100  # lead-ins reach the service too
    towards, back = SOCKET[run.arm]
    resources = []
    for use in run.resources:
        if use.component == "app":
            use = _served(use, served, towards, back, INTERFACE[run.arm] if pods else None)
        resources.append(use)
    out, back_in = GENERATOR[run.arm]
    counts = replace(run.counts, bytes_out=out * run.counts.sent, bytes_in=back_in * run.counts.sent)
    residents = ("baseline", "envoy")
    rate = float(run.offered_rps or 0.0)
    control = {"duration_s": 2.0, "requests": 2 * rate, "p50_s": 0.001, "p90_s": 0.002}
    control |= {"energy_j": WATTS[run.arm] * luck * 2.1, "energy_s": 2.1}
    noise = (_reading(1.0, 0.01, luck), *(_reading(NODE[name], BEYOND[name], luck) for name in residents))
    return replace(
        run,
        counts=counts,
        resources=tuple(resources),
        facts={**run.facts, "host.cores": Fact(value=CORES, source="/sys")},
        design=replace(run.design, design="interleaved", residents=residents),
        control=control if with_control else {},
        noise=noise if with_control else noise[:1],
    )


def _served(
    use: ComponentUsage, served: int, towards: int, back: int, interface: tuple[int, int] | None
) -> ComponentUsage:
    use = replace(use, served=served, bytes_in=towards * served, bytes_out=back * served)
    if interface is None:
        return replace(use, unavailable={"interface_bytes_in": "it has no pod", "interface_bytes_out": "it has no pod"})
    return replace(use, interface_bytes_in=interface[0] * served, interface_bytes_out=interface[1] * served)


def _reading(busy: float, beyond: float, luck: float) -> NoiseReading:
    """Busy and foreign cores of a machine of four."""
    share = busy * luck / CORES
    modes = {"user": share * 0.6, "system": share * 0.3, "softirq": share * 0.1, "nice": 0.0, "irq": 0.0}
    modes |= {"idle": 1 - share, "iowait": 0.0, "steal": 0.0}
    return NoiseReading(
        begin=BEGIN, duration_s=2.1, cpu_by_mode=modes, foreign_cpu_share=beyond * luck / CORES, steal_share=0.0
    )


def no_counts(runs: list[RunResult]) -> list[RunResult]:
    """The same from a generator and services that count no bytes."""
    return [
        replace(
            run,
            counts=Counts(offered=run.counts.offered, sent=run.counts.sent, ok=run.counts.ok),
            resources=tuple(replace(use, served=None, bytes_in=None, bytes_out=None) for use in run.resources),
        )
        for run in runs
    ]

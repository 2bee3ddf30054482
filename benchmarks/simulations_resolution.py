"""Whole experiments that are asked for a resolution: pilot, plan, looks, end. By the very code of `meshperf run`.

A pilot of three rounds is simulated (requests, slices, storms longer than one, luck of deployments); the plan is
`make_run_plan`'s; the rounds that it asks for are simulated with the length that it chose, and judged after each look
by `judge_runs`, as the run and `verify` do, until a look ends the experiment. Promised is 80 % for each resolution, and
at most 5 % of identical arms called different, although the experiment is looked at up to five times. Slower by far
than the other tables, so a tenth of the experiments is made. At most 200 rounds; an experiment planned to need more is
counted apart, since nothing was promised of it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from simulated import BASELINE, SimulatedArm, Simulation

from benchmarks.tally import Table, at_least, at_most, percent
from meshperf.analysis import Comparison, Verdict
from meshperf.experiment.judgement import judge_runs
from meshperf.experiment.planned import make_run_plan
from meshperf.spec.experiment import Arm, Experiment, LoadPoint
from meshperf.spec.records import RunResult
from meshperf.spec.run_plan import RunPlan

__all__ = ["resolution"]

FEWER = 10
SLICES = 8
EACH = 40
"""Requests of a slice."""
CASES: Sequence[tuple[float, float, float, dict[str, float]]] = (
    # true ratio, luck of a deployment, storms, asked for
    (1.0, 0.03, 0.1, {"p50": 0.05}),
    (1.0, 0.01, 0.3, {"p50": 0.05}),
    (1.0, 0.03, 0.1, {"p50": 0.05, "cpu_per_request": 0.03}),
    (1.1, 0.03, 0.1, {"p50": 0.05}),
)


def resolution(seed: int, experiments: int) -> Table:
    """How often a planned experiment is as sharp as asked for, and wrong; rounds planned and made."""
    made = max(experiments // FEWER, 1)
    head = ("asked for", "true ratio", "luck", "storms", "experiments", "planned", "as sharp as asked for", "promised")
    table = Table(rows=[(*head, "called different", "p50 covered", "ended early", "median rounds", "mean made")])
    for place, (ratio, luck, storms, asked) in enumerate(CASES):
        counts: Counter[str] = Counter()
        rounds: list[tuple[int, int]] = []
        for number in range(made):
            arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=ratio, cpu_ratio=ratio)}
            world = Simulation(arms=arms, run_sd=luck, storm_sd=storms, sigma=0.3, cpu_sd=0.02)
            ended, plan = _run(world, asked, seed * 1_000_003 + place * 100_003 + number)
            counts["wrong"] += any(_different(ended)) and ratio == 1.0
            (p50,) = (metric for metric in ended.metrics if metric.metric == "p50")
            counts["covered"] += p50.ratio.low <= ratio <= p50.ratio.high
            if plan.needed is None or plan.needed > plan.most or ended.planned is None:
                continue
            rounds.append((plan.rounds, ended.planned.made))
            counts["reached"] += ended.planned.reached
            counts["early"] += ended.planned.early
        wanted = ", ".join(f"{metric} {share:.0%}" for metric, share in asked.items())
        of = len(rounds)
        table.rows.append(
            (
                wanted,
                f"x{ratio:.2f}",
                f"{luck:.0%}",
                f"{storms:.0%}",
                str(made),
                str(of),
                percent(counts["reached"], of),
                "80 %",
                percent(counts["wrong"], made) if ratio == 1.0 else "-",
                percent(counts["covered"], made),
                percent(counts["early"], of),
                f"{np.median([planned for planned, _ in rounds]):.0f}",
                f"{np.mean([done for _, done in rounds]):.1f}",
            )
        )
        name = f"resolution {wanted}, x{ratio:g}, luck {luck:.0%}, storms {storms:.0%}"
        table.findings.append(at_least(f"{name}: reached", counts["reached"], of, 0.80, errors=2.0))
        table.findings.append(at_least(f"{name}: p50 covered at the end", counts["covered"], made, 0.93, errors=2.0))
        if ratio == 1.0:
            table.findings.append(at_most(f"{name}: called different", counts["wrong"], made, 0.05))
    return table


def _run(world: Simulation, asked: dict[str, float], seed: int) -> tuple[Comparison, RunPlan]:
    """One experiment from its pilot to the look that ended it."""
    experiment = Experiment(
        name="simulated",
        subject=("mesh",),
        load=(LoadPoint(rate=500.0, connections=16, arrivals="poisson", warmup_s=1.0, duration_s=5.0),),
        rounds=200,
        resolution=asked,
        arms={"baseline": Arm(name="baseline", mesh="none"), "envoy": Arm(name="envoy", mesh="envoy")},
    )
    pilot = replace(world, rounds=3, slices=SLICES, requests=SLICES * EACH, pilot=True)
    plan = make_run_plan(experiment, [_labelled(run, SLICES) for run in pilot.run(2 * seed)])
    slices = round(SLICES * plan.scale)
    real = replace(world, rounds=plan.rounds, slices=slices, requests=slices * EACH)
    runs = [_labelled(run, slices) for run in real.run(2 * seed + 1)]
    for look in plan.looks:
        (ended,) = judge_runs(experiment, [run for run in runs if run.round <= look], plan=plan)
        if ended.planned is not None and ended.planned.early:
            break
    return ended, plan


def _labelled(run: RunResult, slices: int) -> RunResult:
    return replace(run, design=replace(run.design, blocks=slices, slice_s=0.1))


def _different(ended: Comparison) -> list[bool]:
    return [metric.verdict in (Verdict.BETTER, Verdict.WORSE) for metric in ended.metrics if metric.primary]

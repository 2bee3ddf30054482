"""Plans and early endings: is a planned experiment as sharp as asked for, and does looking early cost error?

Beside the product's rule stands what it replaces: a verdict after every round from the third on, at 5 % each, ending at
the first decision.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.simulated_documents import Noise, documents, paired
from benchmarks.tally import Table, at_least, at_most, percent, rng_of
from meshperf.analysis import (
    MetricComparison,
    StoppingPlan,
    Terms,
    Verdict,
    judge_paired,
    pilot_of,
    plan_stopping,
    rounds_for,
)
from meshperf.spec.records import RunResult

__all__ = ["planning", "stopping"]

SD = 0.05
DECIDED = (Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT)


def stopping(seed: int, experiments: int) -> Table:
    """Errors, coverage at the end and rounds made, for plans of 10 and 20 rounds. CV 5 %, margin 5 %."""
    head = ("at most", "true ratio", "called different", "equivalent", "covered at the end", "mean rounds")
    table = Table(rows=[(*head, "one look at the end: different", "a look every round: different", "covered")])
    for place, rounds in enumerate((10, 20)):
        plan = plan_stopping(rounds)
        # Not a plan that the product makes: its levels add up to more.
        every = StoppingPlan(looks=tuple(range(3, rounds + 1)), alphas=(0.05,) * (rounds - 2), alpha=0.05)
        once = StoppingPlan(looks=(rounds,), alphas=(0.05,), alpha=0.05)
        for at, ratio in enumerate((1.0, 1.05, 1.10, 1.30)):
            rng, noise = rng_of(seed, 8, place, at), Noise(sd=SD)
            ended: dict[str, list[MetricComparison]] = {"plan": [], "once": [], "every": []}
            for _ in range(experiments):
                arms = documents(noise.draw(rng, rounds), noise.draw(rng, rounds) + math.log(ratio))
                for name, looks in (("plan", plan), ("once", once), ("every", every)):
                    ended[name].append(_until(arms, looks))
            different = {name: sum(map(_different, found)) for name, found in ended.items()}
            covered = {
                name: sum(one.ratio.low <= ratio <= one.ratio.high for one in found) for name, found in ended.items()
            }
            same = sum(one.verdict is Verdict.EQUIVALENT for one in ended["plan"])
            made = float(np.mean([one.ratio.n for one in ended["plan"]]))
            shown = [percent(count, experiments) for count in (different["plan"], same, covered["plan"])]
            beside = [
                percent(count, experiments) for count in (different["once"], different["every"], covered["every"])
            ]
            table.rows.append((str(rounds), f"x{ratio:.2f}", *shown, f"{made:.1f}", *beside))
            name = f"up to {rounds} rounds, x{ratio:g}"
            table.findings.append(at_least(f"{name}: covered at the end", covered["plan"], experiments, 0.93))
            if ratio == 1.0:
                table.findings.append(at_most(f"{name}: called different", different["plan"], experiments, 0.05))
            if ratio == 1.05:
                table.findings.append(at_most(f"{name}: called equivalent", same, experiments, 0.05))
    return table


def planning(seed: int, experiments: int) -> Table:
    """Whether the planned rounds give the wanted half-width, 80 % promised, over pilots and experiments together."""
    table = Table(rows=[("pilot rounds", "wanted", "as sharp as wanted", "promised", "median rounds", "no plan")])
    for place, pilot_rounds in enumerate((3, 6, 10)):
        for at, wanted in enumerate((0.05, 0.10)):
            rng, noise = rng_of(seed, 9, place, at), Noise(sd=0.03)
            reached, planned = 0, []
            for _ in range(experiments):
                pilot = _judged(documents(noise.draw(rng, pilot_rounds), noise.draw(rng, pilot_rounds)), 0.05)
                plan = rounds_for(pilot_of(pilot, slices=0), wanted)
                if plan is None:
                    continue
                planned.append(plan.rounds)
                made = _judged(documents(noise.draw(rng, plan.rounds), noise.draw(rng, plan.rounds)), 0.05)
                reached += math.sqrt(made.ratio.high / made.ratio.low) - 1 <= wanted
            of = len(planned)
            row = (str(pilot_rounds), f"{wanted:.0%}", percent(reached, of), "80 %", f"{np.median(planned):.0f}")
            table.rows.append((*row, percent(experiments - of, experiments)))
            table.findings.append(
                at_least(f"pilot of {pilot_rounds} rounds, {wanted:.0%} wanted: reached", reached, of, 0.78)
            )
    return table


def _until(arms: tuple[list[RunResult], list[RunResult]], plan: StoppingPlan) -> MetricComparison:
    """The look at which it ended."""
    for look, alpha in zip(plan.looks, plan.alphas, strict=True):
        found = _judged((arms[0][:look], arms[1][:look]), alpha)
        if found.verdict in DECIDED:
            break
    return found


def _judged(arms: tuple[list[RunResult], list[RunResult]], alpha: float) -> MetricComparison:
    terms = Terms(
        arm="envoy",
        against="baseline",
        grade="A",
        family=("p50",),
        metrics=("p50",),
        margins={"p50": 0.05},
        alpha=alpha,
    )
    (judged,) = judge_paired(paired(*arms), terms)
    return judged.comparison


def _different(metric: MetricComparison) -> bool:
    return metric.verdict in (Verdict.BETTER, Verdict.WORSE)

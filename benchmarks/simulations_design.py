"""False and true differences while the machine drifts: arms in random order inside a round, or one after the other.

Reference: table 2.3 of the study, 2500 experiments a cell: scatter of a slot 3 %, no true difference or + 5 %. The
verdict asks more than the t interval (Hodges-Lehmann too), so it finds a little less. Arms one after the other are
judged twice: as two sets (Welch), and as rounds that only share their numbers, which gives no verdict.

The study does not say how it drew the slot of its step. Drawn evenly over all slots, as here, a sequential design sees
it less often than the study did; when the first and last two slots are left out, more often.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.simulated_documents import Logs, documents, paired
from benchmarks.tally import Table, agrees, at_most, percent, rng_of
from meshperf.analysis import MetricComparison, Terms, Verdict, judge_paired, judge_unpaired

__all__ = ["drift"]

SLOT_SD = 0.03
TERMS = Terms(arm="envoy", against="baseline", grade="A", family=("p50",), metrics=("p50",))
CASES = {
    ("none", 10): (0.05, 0.90, 0.05),
    ("linear, 15 %", 5): (0.05, 0.46, 0.85),
    ("linear, 15 %", 10): (0.05, 0.88, 1.00),
    ("AR(1), sd 8 %", 10): (0.05, 0.63, 0.44),
    ("step, 20 %", 10): (0.04, 0.66, 0.76),
}


def drift(seed: int, experiments: int) -> Table:
    """Share of experiments whose interval excludes 1, and of those called better or worse."""
    head = (
        "drift",
        "n",
        "t excludes 1",
        "reference",
        "agrees",
        "called different",
        "one after the other: Welch excludes",
    )
    table = Table(
        rows=[
            (
                *head,
                "reference",
                "agrees",
                "called different",
                "true +5 %: t excludes",
                "reference",
                "agrees",
                "called different",
            )
        ]
    )
    for place, ((name, rounds), (false, power, after)) in enumerate(CASES.items()):
        counts = np.zeros(6, dtype=int)
        rng = rng_of(seed, 2, place)
        for _ in range(experiments):
            level = _environment(name, 2 * rounds, rng)
            noise = rng.normal(size=(2, rounds)) * SLOT_SD
            first = rng.permuted(np.tile([0, 1], (rounds, 1)), axis=1)  # which place each arm has in its round
            slots = 2 * np.arange(rounds)[:, None] + first
            a, b = noise[0] + level[slots[:, 0]], noise[1] + level[slots[:, 1]]
            for column, effect in ((0, 0.0), (4, math.log(1.05))):
                counts[column : column + 2] += _outcome(_judged(a, b + effect))
            first_half, second_half = noise + level.reshape(2, rounds)
            runs = documents(first_half, second_half, sequential=True)
            (apart,) = judge_unpaired(*runs, TERMS)
            (together,) = judge_paired(paired(*runs), TERMS)
            counts[2] += _outcome(apart.comparison)[0]
            counts[3] += _outcome(together.comparison)[1]
        shown = [percent(int(count), experiments) for count in counts]
        known = ((0, false), (2, after), (4, power))
        agree = [(f"{theirs:.0%}", agrees(int(counts[at]), experiments, theirs, 2500)) for at, theirs in known]
        row = (name, str(rounds), shown[0], *agree[0], shown[1], shown[2], *agree[1], shown[3], shown[4], *agree[2])
        table.rows.append((*row, shown[5]))
        table.findings += [
            at_most(f"drift {name}, n = {rounds}: falsely different", int(counts[1]), experiments, 0.05),
            at_most(f"drift {name}, n = {rounds}, one arm after the other: decided", int(counts[3]), experiments, 0.0),
        ]
    return table


def _environment(name: str, slots: int, rng: np.random.Generator) -> Logs:
    """Log level of the machine in every slot of the session."""
    sign = rng.choice([-1.0, 1.0])
    if name.startswith("linear"):
        return np.asarray(sign * 0.15 * np.arange(slots) / (slots - 1))
    if name.startswith("step"):
        return np.where(np.arange(slots) < rng.integers(1, slots), 0.0, sign * 0.2)
    level = np.zeros(slots)
    if name.startswith("AR"):
        level[0] = rng.normal() * 0.08
        for slot in range(1, slots):
            level[slot] = 0.85 * level[slot - 1] + rng.normal() * 0.08 * math.sqrt(1 - 0.85**2)
    return level


def _judged(baseline: Logs, candidate: Logs) -> MetricComparison:
    (judged,) = judge_paired(paired(*documents(baseline, candidate)), TERMS)
    return judged.comparison


def _outcome(metric: MetricComparison) -> tuple[int, int]:
    excludes = metric.ratio.low > 1 or metric.ratio.high < 1
    return int(excludes), int(metric.verdict in (Verdict.BETTER, Verdict.WORSE))

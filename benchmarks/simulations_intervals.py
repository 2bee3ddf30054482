"""Coverage of all the other intervals that are published: amounts, floors, price lists, money, scores, one deployment.

Three kinds of noise of a run, all with an sd of 3 %: normal; heavy, where one run in ten of every arm is bad, 25 %
slower on average; long, Laplace's, whose tails are long on both sides. Fewer experiments are made than for the other
tables: every one is judged from its documents to the figure that a reader sees.

Where bad runs may be all on one side they skew what is averaged: a figure of one arm by itself, and an amount that an
arm adds when it is several times what it is added to. Such an interval is asked to hold the typical round's figure.
The mean over all rounds to come, bad ones too, it holds less often: half of all sets of six rounds hold no bad run of
an arm, and no interval knows of what it has not seen. Both are shown, and the second is marked. Ratios of arms are not
concerned, for either arm may have the bad run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.findings import Finding
from benchmarks.simulated_deployments import TAIL_SLICES, slices_of_one, slope, tails_of_one
from benchmarks.simulated_documents import noise_of
from benchmarks.simulated_prices import marks, money, prediction, prices
from benchmarks.simulated_rates import CONFIRMATIONS, bracketed, capacity, law
from benchmarks.simulated_sessions import apart, coarse, convergence, over_rounds, through_baselines
from benchmarks.simulated_truth import Case, Known
from benchmarks.tally import Table, at_least, rng_of

__all__ = ["intervals"]

SD = 0.03
KINDS = ("normal", "heavy", "long")
ROUNDS = (6, 10, 20)
CASES: Mapping[Case, int] = {
    over_rounds: 4,
    apart: 4,
    through_baselines: 8,
    coarse: 4,
    convergence: 4,
    prices: 6,
    prediction: 8,
    money: 6,
    marks: 8,
    slices_of_one: 4,
    slope: 6,
    law: 8,
    bracketed: 4,
}
"""Cases, and of so many experiments one is made: the dear ones less often."""
SINGLE: Sequence[tuple[Case, int, Sequence[str]]] = (
    (tails_of_one, TAIL_SLICES, ("normal", "long")),
    (capacity, CONFIRMATIONS, KINDS),
)
"""Cases with one `n`: super-blocks, or confirming steps; and the noise that they are tried with."""
DEAR = 8
"""Cases from this on are made without the long tails."""
SLACK = 0.02
"""By how much a share may be below the nominal one, and by one sampling error of the experiments made."""


def intervals(seed: int, experiments: int) -> Table:
    """Share of intervals that hold the truth, and their mean width as a share of the figure."""
    table = Table(rows=[("interval", "noise", "n", "experiments", "nominal", "coverage", "width", "")])
    for place, (case, divisor) in enumerate(CASES.items()):
        for kind in KINDS if divisor < DEAR else KINDS[:2]:
            for rounds in ROUNDS:
                made = max(experiments // divisor, 1)
                _show(table, kind, str(rounds), _drawn(case, kind, rounds, made, rng_of(seed, 10, place, rounds)))
    for place, (case, n, kinds) in enumerate(SINGLE, start=len(CASES)):
        for kind in kinds:
            made = max(experiments // DEAR, 1)
            _show(table, kind, str(n), _drawn(case, kind, n, made, rng_of(seed, 10, place)))
    return table


def _drawn(case: Case, kind: str, rounds: int, experiments: int, rng: np.random.Generator) -> dict[str, list[Known]]:
    found: dict[str, list[Known]] = {}
    for _ in range(experiments):
        for one in case(rng, noise_of(kind, SD), rounds):
            found.setdefault(one.what, []).append(one)
    return found


def _show(table: Table, kind: str, rounds: str, found: Mapping[str, list[Known]]) -> None:
    for what, every in found.items():
        hits = sum(one.holds for one in every)
        unseen = kind == "heavy" and every[0].typical is not None
        _row(table, what, kind, rounds, every, hits, "bad runs it has not seen" if unseen else "")
        if unseen:
            _row(table, f"{what}, typical round", kind, rounds, every, sum(one.holds_typical for one in every), "")


def _row(table: Table, what: str, kind: str, rounds: str, every: Sequence[Known], hits: int, mark: str) -> None:
    of, nominal = len(every), every[0].confidence
    width = float(np.mean([one.width for one in every]))
    table.rows.append((what, kind, rounds, str(of), f"{nominal:.2f}", f"{hits / of:.3f}", f"{width:.1%}", mark))
    name = f"{what}, {kind}, n = {rounds}: coverage"
    asked = at_least(name, hits, of, nominal - SLACK, errors=1.0)
    table.findings.append(Finding(what=name, figure=asked.figure, value=asked.value, note=mark) if mark else asked)

"""Coverage of every interval over rounds: paired t, Hodges-Lehmann, Welch, and Hodges-Lehmann of unpaired sets.

Reference: table 2.2 of the study, 1000 experiments a cell. It took p99s of 2000 requests a run; here the figure itself
scatters as such a p99 does: 5 % by run and 4.2 % by its sample, 6.5 % in all. Paired: 3 % by run.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.simulated_documents import documents, noise_of, paired
from benchmarks.tally import Table, agrees, at_least, rng_of
from meshperf.analysis import Estimate, Terms, judge_paired, judge_unpaired

__all__ = ["coverage"]

TRUTH = 1.1
PAIRED_SD, UNPAIRED_SD = 0.03, math.hypot(0.05, 0.0417)
TERMS = Terms(arm="envoy", against="baseline", grade="A", family=("p50",), metrics=("p50",))
ROUNDS = (5, 6, 7, 10, 20)
REFERENCE = {
    ("Welch", "normal", 5): (0.955, 0.21),
    ("Welch", "normal", 7): (0.944, 0.16),
    ("Welch", "normal", 10): (0.954, 0.13),
    ("Welch", "heavy", 5): (0.967, 0.41),
    ("Welch", "heavy", 10): (0.965, 0.25),
    ("rank-sum HL", "normal", 5): (0.966, 0.24),
    ("rank-sum HL", "normal", 7): (0.954, 0.18),
    ("rank-sum HL", "normal", 10): (0.959, 0.14),
    ("rank-sum HL", "heavy", 5): (0.966, 0.45),
    ("rank-sum HL", "heavy", 10): (0.953, 0.17),
}


def coverage(seed: int, experiments: int) -> Table:
    """Share of 95 % intervals that hold the true ratio, and their mean width, high over low less 1."""
    table = Table(rows=[("interval", "noise", "n", "coverage", "width", "reference (width)", "agrees")])
    for place, kind in enumerate(("normal", "heavy")):
        for rounds in ROUNDS:
            found: dict[str, list[Estimate]] = {"paired t": [], "signed-rank HL": [], "Welch": [], "rank-sum HL": []}
            rng = rng_of(seed, 1, place, rounds)
            for _ in range(experiments):
                noise = noise_of(kind, PAIRED_SD)
                a, b = documents(noise.draw(rng, rounds), noise.draw(rng, rounds) + math.log(TRUTH))
                (judged,) = judge_paired(paired(a, b), TERMS)
                _keep(found, "paired t", "signed-rank HL", judged.comparison.ratio, judged.comparison.companion)
                noise = noise_of(kind, UNPAIRED_SD)
                a, b = documents(noise.draw(rng, rounds), noise.draw(rng, rounds) + math.log(TRUTH))
                (judged,) = judge_unpaired(a, b, TERMS)
                _keep(found, "Welch", "rank-sum HL", judged.comparison.ratio, judged.comparison.companion)
            for name, intervals in found.items():
                if intervals:
                    _tell(table, name, kind, rounds, intervals)
    return table


def _keep(
    found: dict[str, list[Estimate]], first: str, second: str, ratio: Estimate, companion: Estimate | None
) -> None:
    found[first].append(ratio)
    if companion is not None:
        found[second].append(companion)


def _tell(table: Table, name: str, kind: str, rounds: int, intervals: list[Estimate]) -> None:
    hits = sum(one.low <= TRUTH <= one.high for one in intervals)
    width = float(np.mean([one.high / one.low - 1 for one in intervals]))
    known = REFERENCE.get((name, kind, rounds))
    reference = f"{known[0]:.3f} ({known[1]:.0%})" if known else "-"
    agree = agrees(hits, len(intervals), known[0], 1000) if known else "-"
    share = f"{hits / len(intervals):.3f}"
    table.rows.append((name, kind, str(rounds), share, f"{width:.1%}", reference, agree))
    if rounds in (6, 10, 20):
        table.findings.append(at_least(f"{name}, {kind}, n = {rounds}: coverage", hits, len(intervals), 0.93))

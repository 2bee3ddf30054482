"""Verdicts by true difference and scatter; what the printed minimum and plans promise; equality at the margin.

Reference: section 2.4 of the study (6000 draws a row for verdicts, 4000 for plans). A coefficient of variation (CV) is
of one run of either arm, on the log scale.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from benchmarks.findings import Finding
from benchmarks.simulated_documents import Noise, documents, paired, side
from benchmarks.tally import SURE, Table, agrees, at_most, percent, rng_of, share
from meshperf.analysis import (
    MetricComparison,
    Terms,
    Verdict,
    detectable_difference,
    judge_paired,
    judge_unpaired,
    non_inferiority,
)

__all__ = ["ORDER", "RULE", "equality", "minimum", "power", "whole"]

ORDER = (Verdict.WORSE, Verdict.EQUIVALENT, Verdict.INCONCLUSIVE, Verdict.BETTER)
DIFFERENT = (Verdict.WORSE, Verdict.BETTER)
REFERENCE = {(0.10, 1.30): 1.00, (0.10, 1.10): 0.47, (0.10, 1.0): 0.04}
"""Called worse; for a ratio of 1 called better or worse."""
RULE = {
    (0.02, 1.00): (0.0002, 0.9979, 0.0017, 0.0002),
    (0.02, 1.03): (0.3389, 0.5701, 0.0910, 0.0),
    (0.02, 1.10): (1.0, 0.0, 0.0, 0.0),
    (0.02, 1.30): (1.0, 0.0, 0.0, 0.0),
    (0.05, 1.00): (0.0202, 0.2396, 0.7201, 0.0202),
    (0.05, 1.03): (0.1924, 0.1152, 0.6919, 0.0005),
    (0.05, 1.10): (0.9533, 0.0001, 0.0466, 0.0),
    (0.05, 1.30): (1.0, 0.0, 0.0, 0.0),
    (0.10, 1.00): (0.0213, 0.0026, 0.9547, 0.0214),
    (0.10, 1.03): (0.0753, 0.0021, 0.9182, 0.0044),
    (0.10, 1.10): (0.4400, 0.0003, 0.5597, 0.0),
    (0.10, 1.30): (0.9987, 0.0, 0.0013, 0.0),
}
"""Worse, equivalent, inconclusive, better, by CV and true ratio: the study's conditions, by the t interval and by
Hodges-Lehmann, inconclusive where the two disagree; ten pairs of runs, margin 5 %. A million draws a cell with numpy
and scipy, seed 20251123, none of the product's code. By the t interval alone 47.7 % of true 10 % at a CV of 10 % are
called worse, and 5.0 % of identical arms different (the study printed 47 % and 4 %)."""
POINTS = 0.03
"""A verdict may come so much more or less often than by the rule."""
PROVEN = ((0.02, 0.05, 4), (0.03, 0.05, 8), (0.03, 0.10, 3), (0.05, 0.05, 20), (0.05, 0.10, 6), (0.10, 0.10, 20))
"""CV, margin and runs an arm that the reference plans for showing equality with 80 % power."""
HOLDS = ((0.03, 0.05, 6), (0.05, 0.05, 15), (0.05, 0.10, 5), (0.10, 0.10, 15))
"""The same for non-inferiority."""


def power(seed: int, experiments: int) -> Table:
    """Verdicts over ten paired rounds, margin 5 %."""
    table = Table(
        rows=[
            (
                "CV",
                "true ratio",
                "worse",
                "equivalent",
                "inconclusive",
                "better",
                "t excludes 1",
                "reference",
                "",
                "off the rule",
            )
        ]
    )
    for place, cv in enumerate((0.02, 0.05, 0.10)):
        for at, ratio in enumerate((1.0, 1.03, 1.10, 1.30)):
            rng, noise = rng_of(seed, 3, place, at), Noise(sd=cv)
            found = [_paired(rng, noise, 10, ratio, margin=0.05) for _ in range(experiments)]
            verdicts = Counter(one.verdict for one in found)
            excludes = sum(one.ratio.low > 1 or one.ratio.high < 1 for one in found)
            known = REFERENCE.get((cv, ratio))
            agree = agrees(excludes, experiments, known, 6000) if known is not None else "-"
            shown = [percent(verdicts[verdict], experiments) for verdict in ORDER]
            reference = "-" if known is None else f"{known:.0%}"
            off, at_most_off = _off(verdicts, RULE[cv, ratio], experiments)
            row = (f"{cv:.0%}", f"x{ratio:.2f}", *shown, percent(excludes, experiments), reference, agree)
            table.rows.append((*row, f"{100 * off:.1f} points"))
            table.findings.append(
                Finding(
                    what=f"CV {cv:.0%}, x{ratio:.2f}: verdicts off the rule's frequencies",
                    figure=f"{100 * off:.1f} points",
                    value=off,
                    limit=f"<= {100 * at_most_off:.1f} points",
                    met=off <= at_most_off,
                )
            )
            if ratio == 1.0:
                wrong = sum(verdicts[verdict] for verdict in DIFFERENT)
                table.findings.append(
                    at_most(f"CV {cv:.0%}, no difference: called different", wrong, experiments, 0.05)
                )
    return table


def minimum(seed: int, experiments: int) -> Table:
    """Power at the printed minimum detectable difference, and of the plans for equality and non-inferiority."""
    table = Table(rows=[("question", "CV", "margin", "runs an arm", "true ratio", "t alone", "shown", "promised")])
    terms = Terms(arm="envoy", against="baseline", grade="A", family=("p50",), metrics=("p50",))
    for place, (cv, runs) in enumerate(((0.02, 5), (0.05, 5), (0.05, 10), (0.10, 10), (0.10, 20))):
        least = detectable_difference(cv, runs, paired=False)
        assert least is not None
        rng, noise, hits, alone = rng_of(seed, 4, place), Noise(sd=cv), 0, 0
        for _ in range(experiments):
            a, b = documents(noise.draw(rng, runs), noise.draw(rng, runs) + math.log1p(least))
            (judged,) = judge_unpaired(a, b, terms)
            hits += judged.comparison.verdict is Verdict.WORSE
            alone += judged.comparison.ratio.low > 1
        row = ("difference", f"{cv:.0%}", "-", str(runs), f"x{1 + least:.3f}", percent(alone, experiments))
        table.rows.append((*row, percent(hits, experiments), "80 %"))
    for question, cells in (("equivalent", PROVEN), ("not inferior", HOLDS)):
        for place, (cv, margin, runs) in enumerate(cells):
            rng, noise, hits, alone = rng_of(seed, 5, place, len(question)), Noise(sd=cv), 0, 0
            told = Terms(
                arm="envoy", against="baseline", grade="A", family=("p50",), metrics=("p50",), margins={"p50": margin}
            )
            for _ in range(experiments):
                (judged,) = judge_unpaired(*documents(noise.draw(rng, runs), noise.draw(rng, runs)), told)
                shown = non_inferiority(judged.comparison, margin).outcome == "held"
                narrow = judged.comparison.narrow
                assert narrow is not None
                alone += narrow.high < 1 + margin and (question == "not inferior" or narrow.low > 1 / (1 + margin))
                hits += shown if question == "not inferior" else judged.comparison.verdict is Verdict.EQUIVALENT
            row = (question, f"{cv:.0%}", f"{margin:.0%}", str(runs), "x1.000", percent(alone, experiments))
            table.rows.append((*row, percent(hits, experiments), "80 %"))
    return table


def equality(seed: int, experiments: int) -> Table:
    """Called equivalent (margin 5 %) or not inferior though the truth is at the margin, or twice as far."""
    table = Table(rows=[("CV", "rounds", "x1.05", "x1/1.05", "x1.05: not inferior", "x1.10", "x1/1.10", "x1.00")])
    for place, cv in enumerate((0.01, 0.03)):
        for rounds in (6, 10, 20):
            counts = []
            for at, ratio in enumerate((1.05, 1 / 1.05, 1.10, 1 / 1.10, 1.0)):
                rng, noise = rng_of(seed, 6, place, rounds, at), Noise(sd=cv)
                found = [_paired(rng, noise, rounds, ratio, margin=0.05) for _ in range(experiments)]
                counts.append(sum(one.verdict is Verdict.EQUIVALENT for one in found))
                if ratio == 1.05:
                    held = sum(non_inferiority(one, 0.05).outcome == "held" for one in found)
            shown = [percent(count, experiments) for count in counts]
            row = (f"{cv:.0%}", str(rounds), *shown[:2], percent(held, experiments), *shown[2:])
            table.rows.append(row)
            name = f"CV {cv:.0%}, {rounds} rounds"
            table.findings += [
                at_most(f"{name}: equivalent at +margin", counts[0], experiments, 0.05),
                at_most(f"{name}: equivalent at -margin", counts[1], experiments, 0.05),
                at_most(f"{name}: not inferior at the margin", held, experiments, 0.05),
                at_most(f"{name}: equivalent at twice the margin", counts[2] + counts[3], 2 * experiments, 0.0),
            ]
    return table


def whole(seed: int, experiments: int) -> Table:
    """Identical arms, three primary metrics whose noise is shared in part: any of them called different."""
    table = Table(rows=[("rounds", "noise", "any primary metric", "p50", "p90", "cpu_per_request", "without Holm")])
    terms = Terms(arm="envoy", against="baseline", grade="A", metrics=("p50", "p90", "cpu_per_request"))
    for place, kind in enumerate(("normal", "heavy")):
        for rounds in (6, 10):
            rng, noise = rng_of(seed, 7, place, rounds), Noise(sd=0.05, heavy=kind == "heavy")
            counts: Counter[str] = Counter()
            for _ in range(experiments):
                arms = [
                    side(arm, noise.draw(rng, rounds), first_slot=at, slots=2, cpu=noise.draw(rng, rounds))
                    for at, arm in enumerate(("baseline", "envoy"))
                ]
                judged = [one.comparison for one in judge_paired(paired(*arms), terms)]
                wrong = [one.metric for one in judged if one.verdict in DIFFERENT]
                counts.update(wrong)
                counts["any"] += bool(wrong)
                counts["plain"] += any(one.ratio.low > 1 or one.ratio.high < 1 for one in judged)
            keys = ("any", *terms.metrics, "plain")
            table.rows.append((str(rounds), kind, *(percent(counts[key], experiments) for key in keys)))
            table.findings.append(
                at_most(
                    f"identical arms, {kind}, {rounds} rounds: any called different", counts["any"], experiments, 0.05
                )
            )
    return table


def _off(verdicts: Counter[Verdict], rule: Sequence[float], experiments: int) -> tuple[float, float]:
    """Largest distance of a verdict's frequency from the rule's; and what it may be, three sampling errors included."""
    off = {verdict: abs(verdicts[verdict] / experiments - wanted) for verdict, wanted in zip(ORDER, rule, strict=True)}
    worst = max(off, key=off.__getitem__)
    return off[worst], POINTS + SURE * share(verdicts[worst], experiments)[1]


def _paired(rng: np.random.Generator, noise: Noise, rounds: int, ratio: float, *, margin: float) -> MetricComparison:
    terms = Terms(
        arm="envoy", against="baseline", grade="A", family=("p50",), metrics=("p50",), margins={"p50": margin}
    )
    runs = documents(noise.draw(rng, rounds), noise.draw(rng, rounds) + math.log(ratio))
    (judged,) = judge_paired(paired(*runs), terms)
    return judged.comparison

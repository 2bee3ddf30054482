"""Whole experiments through `compare`: requests, slices, storms longer than a slice, drift over the session.

Slower by far than the other tables, so a tenth of the experiments is made. Storms are autocorrelated from block to
block (0.6) and common to both arms, as measured on a shared machine; every deployment has luck of its own (3 %).
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation

from benchmarks.tally import Table, at_most, percent
from meshperf.analysis import Verdict, compare

__all__ = ["slices"]

FEWER = 10


def slices(seed: int, experiments: int) -> Table:
    """Identical arms: any primary metric called different; and coverage of a true x1.1, centred p50 and p90."""
    made = max(experiments // FEWER, 1)
    table = Table(
        rows=[("rounds", "storms", "drift", "experiments", "x1.00: any called different", "x1.10: p50 covered")]
    )
    table.rows[0] += ("p90 covered", "p50 called worse")
    arms = {ratio: {"baseline": BASELINE, "envoy": SimulatedArm(ratio=ratio)} for ratio in (1.0, 1.1)}
    for place, (rounds, storm_sd, drift) in enumerate(((6, 0.3, 0.0), (6, 0.3, 0.3), (10, 0.6, 0.3))):
        counts: Counter[str] = Counter()
        for number in range(made):
            for ratio in (1.0, 1.1):
                simulation = Simulation(
                    arms=arms[ratio], rounds=rounds, slices=12, requests=480, storm_sd=storm_sd, drift=drift
                )
                runs = simulation.run(seed * 1_000_003 + place * 100_003 + number)
                (comparison,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
                by = {metric.metric: metric for metric in comparison.metrics}
                if ratio == 1.0:
                    counts["wrong"] += any(
                        m.verdict in (Verdict.BETTER, Verdict.WORSE) for m in comparison.metrics if m.primary
                    )
                    continue
                counts["worse"] += by["p50"].verdict is Verdict.WORSE
                for metric in ("p50", "p90"):
                    counts[metric] += by[metric].ratio.low <= ratio <= by[metric].ratio.high
        shown = [percent(counts[key], made) for key in ("wrong", "p50", "p90", "worse")]
        table.rows.append((str(rounds), f"{storm_sd:.0%}", f"{drift:.0%}", str(made), *shown))
        what = f"storms {storm_sd:.0%}, drift {drift:.0%}, {rounds} rounds: any called different"
        table.findings.append(at_most(what, counts["wrong"], made, 0.05))
    return table

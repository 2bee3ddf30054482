"""How often are the verdicts right? Many simulated experiments through the product's own `compare`.

    PYTHONPATH=src python benchmarks/simulate_verdicts.py --seed 1 --experiments 400

Every experiment is a set of result documents with a known truth (tests/analysis/simulated.py); nothing here computes
an interval or a verdict. Tables go to stdout. `--only` picks one: coverage, false, equality, power, within.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation

from meshperf.analysis import Comparison, MetricComparison, Verdict, compare, within_round

Table = Iterator[tuple[str, ...]]


def main() -> None:
    """Print the tables that were asked for."""
    tables: dict[str, Callable[[int, int], Table]] = {
        "coverage": coverage,
        "false": false_differences,
        "equality": equality_at_the_margin,
        "power": verdict_frequencies,
        "within": within_deployment,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--experiments", type=int, default=200, help="per row")
    parser.add_argument("--only", choices=sorted(tables), action="append")
    options = parser.parse_args()
    for name in options.only or tables:
        started = time.monotonic()
        print(f"\n{name}  (seed {options.seed}, {options.experiments} experiments a row)")
        for row in tables[name](options.seed, options.experiments):
            print("| " + " | ".join(row) + " |", flush=True)
        print(f"  {time.monotonic() - started:.0f} s")


def coverage(seed: int, experiments: int) -> Table:
    """Share of published 95 % intervals that contain the true ratio, and their mean half-width; companion beside."""
    yield ("case", "rounds", "t interval", "half-width", "Hodges-Lehmann", "half-width")
    cases = {
        "quiet, p50": ("p50", {}),
        "bad runs (0.1), p90": ("p90", {"heavy": 0.1}),
        "drift 15 %, p50": ("p50", {"drift": 0.15}),
        "storms in slices, p50": ("p50", {"slices": 12, "requests": 480, "storm_sd": 0.3}),
        "storms in slices, p90": ("p90", {"slices": 12, "requests": 480, "storm_sd": 0.3}),
        "CPU per request": ("cpu_per_request", {"cpu_sd": 0.05}),
    }
    for name, (metric, settings) in cases.items():
        for rounds in (6, 10):
            simulation = _simulation(1.1, **{"rounds": rounds, "run_sd": 0.05, "requests": 500, **settings})
            truth = 1.0 if metric == "cpu_per_request" else 1.1
            found = [_metric(c, metric) for c in _comparisons(simulation, seed, experiments)]
            t = [m.ratio for m in found]
            hl = [m.companion for m in found if m.companion is not None]
            yield (name, str(rounds), *_covered(t, truth), *_covered(hl, truth))


def false_differences(seed: int, experiments: int) -> Table:
    """A/A: share of experiments that call any primary metric better or worse."""
    yield ("case", "any primary metric", "p50", "p90", "cpu_per_request", "called equivalent (p50)")
    cases = {
        "run sd 5 %": {"run_sd": 0.05, "cpu_sd": 0.05},
        "run sd 2 %": {"run_sd": 0.02, "cpu_sd": 0.02},
        "drift 30 %": {"run_sd": 0.03, "drift": 0.3, "cpu_sd": 0.03},
        "with twins": {"run_sd": 0.05, "cpu_sd": 0.05, "twins": ("baseline", "envoy")},
        "slices, storms": {"run_sd": 0.03, "slices": 12, "requests": 480, "storm_sd": 0.3},
    }
    for name, settings in cases.items():
        counts: Counter[str] = Counter()
        for comparison in _comparisons(_simulation(1.0, **{"requests": 400, **settings}), seed, experiments):
            wrong = [m.metric for m in comparison.metrics if m.primary and _different(m)]
            counts.update(wrong)
            counts["any"] += bool(wrong)
            counts["equivalent"] += _metric(comparison, "p50").verdict is Verdict.EQUIVALENT
        keys = ("any", "p50", "p90", "cpu_per_request", "equivalent")
        yield (name, *(_percent(counts[key], experiments) for key in keys))


def equality_at_the_margin(seed: int, experiments: int) -> Table:
    """A true difference exactly as large as the margin must be called equivalent in at most 5 %."""
    yield ("run sd", "rounds", "called equivalent at x1.05", "at x1/1.05", "at x1.00")
    for run_sd in (0.01, 0.03):
        for rounds in (6, 10):
            row = []
            for ratio in (1.05, 1 / 1.05, 1.0):
                found = _comparisons(
                    _simulation(ratio, rounds=rounds, run_sd=run_sd, requests=2000, sigma=0.3), seed, experiments
                )
                row.append(sum(_metric(c, "p50").verdict is Verdict.EQUIVALENT for c in found))
            yield (f"{run_sd:.0%}", str(rounds), *(_percent(count, experiments) for count in row))


def verdict_frequencies(seed: int, experiments: int) -> Table:
    """Verdicts on p50 by true ratio and scatter, six rounds, margin 5 %."""
    yield ("run sd", "true ratio", "worse", "equivalent", "inconclusive", "better", "median rounds asked for")
    for run_sd in (0.01, 0.03, 0.07):
        for ratio in (1.0, 1.03, 1.10, 1.30):
            found = [
                _metric(c, "p50")
                for c in _comparisons(_simulation(ratio, run_sd=run_sd, requests=2000, sigma=0.3), seed, experiments)
            ]
            verdicts = Counter(m.verdict for m in found)
            asked = [m.rounds_needed for m in found if m.rounds_needed is not None]
            order = (Verdict.WORSE, Verdict.EQUIVALENT, Verdict.INCONCLUSIVE, Verdict.BETTER)
            yield (
                f"{run_sd:.0%}",
                f"x{ratio:.2f}",
                *(_percent(verdicts[verdict], experiments) for verdict in order),
                f"{np.median(asked):.0f}" if asked else "-",
            )


def within_deployment(seed: int, experiments: int) -> Table:
    """Intervals of one deployment: coverage of the ratio, and half-width, centred and pooled."""
    yield ("storm sd", "metric", "centred or super-blocks", "half-width", "pooled", "half-width")
    for storm_sd in (0.0, 0.3, 0.6):
        simulation = Simulation(
            arms=_arms(1.3), rounds=1, slices=60, requests=3000, storm_sd=storm_sd, run_sd=0.0, cpu_sd=0.0
        )
        rounds = [simulation.run(seed + n) for n in range(experiments)]
        for metric in ("p50", "p90", "mean"):
            pairs = [within_round(baseline, candidate, metric) for baseline, candidate in rounds]
            first = [centred for centred, _ in pairs if centred is not None]
            second = [pooled for _, pooled in pairs if pooled is not None]
            yield (f"{storm_sd:g}", metric, *_covered(first, 1.3), *_covered(second, 1.3))


def _arms(ratio: float) -> dict[str, SimulatedArm]:
    return {"baseline": BASELINE, "envoy": SimulatedArm(ratio=ratio)}


def _simulation(ratio: float, **settings: object) -> Simulation:
    return Simulation(arms=_arms(ratio), **settings)  # type: ignore[arg-type]


def _comparisons(simulation: Simulation, seed: int, experiments: int) -> Iterator[Comparison]:
    for number in range(experiments):
        runs = simulation.run(seed * 1_000_003 + number)
        (comparison,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
        yield comparison


def _metric(comparison: Comparison, metric: str) -> MetricComparison:
    return next(m for m in comparison.metrics if m.metric == metric)


def _different(metric: MetricComparison) -> bool:
    return metric.verdict in (Verdict.BETTER, Verdict.WORSE)


def _covered(estimates: list, truth: float) -> tuple[str, str]:
    if not estimates:
        return ("-", "-")
    inside = np.mean([estimate.low <= truth <= estimate.high for estimate in estimates])
    half = np.mean([math.log(estimate.high / estimate.low) / 2 for estimate in estimates])
    return (f"{inside:.3f}", f"{half:.1%}")


def _percent(count: int, of: int) -> str:
    return f"{count / of:.1%}"


if __name__ == "__main__":
    main()

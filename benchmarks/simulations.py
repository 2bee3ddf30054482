"""How often are the intervals and verdicts right? Many simulated experiments, judged by the product itself.

    python -m benchmarks simulations --seed 1 --runs 4000

Every experiment is a set of result documents with a known truth (`simulated_documents`). They are judged by
`analysis.judge_paired` and `analysis.judge_unpaired`: pairing, series, intervals, Holm, verdicts, all that `compare`
does but the facts (the grade is given); those of the table with requests and slices by `compare` itself, and all other
intervals by what publishes them. Nothing here computes an interval or a verdict. Where the reference study of this
project printed a figure for the same setting, it stands beside, and a column says whether the two agree within three
standard errors of both. Below each table stands what was assumed in it.
"""

from __future__ import annotations

import argparse
import inspect
import math
import textwrap
import time
from collections.abc import Callable, Sequence

from benchmarks.findings import Finding, Outcome, show_findings, show_table
from benchmarks.simulations_coverage import coverage
from benchmarks.simulations_design import drift
from benchmarks.simulations_intervals import intervals
from benchmarks.simulations_planning import planning, stopping
from benchmarks.simulations_resolution import resolution
from benchmarks.simulations_slices import slices
from benchmarks.simulations_verdicts import equality, minimum, power, whole
from benchmarks.tally import Table

TABLES: dict[str, Callable[[int, int], Table]] = {
    "coverage": coverage,
    "drift": drift,
    "power": power,
    "minimum": minimum,
    "equality": equality,
    "stopping": stopping,
    "planning": planning,
    "resolution": resolution,
    "whole": whole,
    "slices": slices,
    "intervals": intervals,
}


def main(arguments: Sequence[str] | None = None) -> Outcome:
    """Print the tables that were asked for, and hold each figure against what it must be."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks simulations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=4000, help="experiments a row (4000)")
    parser.add_argument("--only", choices=sorted(TABLES), action="append", help="repeatable; all without it")
    options = parser.parse_args(arguments)
    findings: list[Finding] = []
    told: list[object] = []
    data: dict[str, object] = {"seed": options.seed, "runs": options.runs}
    for name in options.only or TABLES:
        began = time.process_time()
        error = math.sqrt(0.05 * 0.95 / options.runs)
        print(f"\n{name}: seed {options.seed}, {options.runs} experiments a row, sampling error of 5 % is {error:.2%}")
        table = TABLES[name](options.seed, options.runs)
        show_table(table.rows)
        if (module := inspect.getmodule(TABLES[name])) not in told:
            told.append(module)
            print(textwrap.indent(inspect.getdoc(module) or "", "  "))
        print(f"  {time.process_time() - began:.0f} s of CPU", flush=True)
        findings += table.findings
        data[name] = [list(row) for row in table.rows]
    print()
    show_findings(findings)
    return Outcome(findings=tuple(findings), data=data)

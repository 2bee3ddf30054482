"""The ten acceptance tests of the engine in one table: what was asked, the figure, and whether it was met.

Whatever was measured before in the same call is not measured again; the rest runs here, in a short form. The faults
that need a misbehaving server are those of the test suite, which is run for it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import delay_truth, dispersion, endings, queue_truth, speed, stall_truth, starvation
from benchmarks.findings import Finding, Outcome, failed, show_notes, show_table
from benchmarks.pinned import ROOT, RunFailed
from meshperf.errors import MeshperfError

TITLES = {
    1: "200 of 1000 ms stalled, 50 connections",
    2: "half of the connections stalled",
    3: "a constant delay of 300 us",
    4: "evenness of arrivals at the server",
    5: "M/D/1 against Lindley's recursion",
    6: "CPU per request, closed loop",
    7: "a stall across the end of the run",
    8: "a starved client",
    9: "faults: counted, bounded, no hang, no panic",
    10: "Ctrl-C",
}
SHORT: dict[Callable[..., Outcome], tuple[tuple[int, ...], Sequence[str]]] = {
    stall_truth.main: ((1, 2), ("--seconds", "5", "--repeat", "1", "--alone")),
    delay_truth.main: ((3,), ("--repeat", "2", "--seconds", "1")),
    dispersion.main: ((4,), ("--alone", "--repeat", "2", "--seconds", "3")),
    queue_truth.main: ((5,), ()),
    speed.main: ((6,), ("--others", "0", "--seconds", "1")),
    endings.main: ((7, 10), ()),
    starvation.main: ((8,), ()),
}
"""The tests that a benchmark is about, and what it is told when it runs only for them."""
FAULTS = ("failures", "faults", "hostile", "malformed")
"""What files of tests about faults have in their names."""


def faults() -> Finding:
    """Acceptance test 9: the suite's servers that truncate, reset, close half, send nonsense or nothing."""
    files = sorted(path for path in (ROOT / "tests" / "load").glob("test_*.py") if any(w in path.stem for w in FAULTS))
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files)]
    told = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)
    summary = re.findall(r"\d+ (?:passed|failed|error|skipped)", told.stdout)
    names = re.findall(r"^FAILED \S+::(\S+)", told.stdout, re.M)
    return Finding(
        what="faults of the test suite",
        figure=", ".join(summary) or f"ended with {told.returncode}",
        limit="all pass",
        met=not told.returncode,
        test=9,
        note=", ".join(path.stem for path in files) + "".join(f"; failed: {name}" for name in names),
    )


def main(arguments: Sequence[str] | None = None, *, earlier: Sequence[Finding] = ()) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    found: list[Finding] = list(earlier)
    data: dict[str, Any] = {}
    tools: dict[str, str] = {}
    for measure, (tests, told) in SHORT.items():
        if {finding.test for finding in found} >= set(tests):
            continue
        name = measure.__module__.rpartition(".")[2]
        print(f"\n-- {name}", flush=True)
        try:
            outcome = measure(list(told))
        except (RunFailed, MeshperfError, OSError) as failure:
            outcome = Outcome(findings=tuple(failed(name, failure, test=test) for test in tests))
        found += outcome.findings
        data[name] = outcome.document()
        tools |= outcome.tools
    found.append(faults())
    print("\nthe ten acceptance tests")
    rows = [("", "", "figure", "limit", "")]
    for number, title in TITLES.items():
        mine = [finding for finding in found if finding.test == number]
        rows += [
            (f"{number:2} {title}" if first else "", finding.what, finding.figure, finding.limit, finding.verdict)
            for first, finding in zip([True] + [False] * len(mine), mine, strict=False)
        ]
    show_table(rows, left=2)
    show_notes([finding for finding in found if finding.test])
    fresh = tuple(finding for finding in found if finding not in earlier)
    return Outcome(findings=fresh, data=data, tools=tools)


if __name__ == "__main__":
    main()

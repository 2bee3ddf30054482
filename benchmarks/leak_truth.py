"""Known truth: a process that leaks at a chosen rate beside the workload while a soak runs, and one that does not.

Both are watched in the same soak, peaks included. Asked for: the interval of the leaking one's slope contains its rate,
and its verdict is "leak"; that of the workload is never "leak". Whether a soak of this length can say "no leak" of it
is told by the slope that it could have detected.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.capacity_truth import Known, single_server
from benchmarks.findings import Finding, Outcome, show_findings, show_table
from benchmarks.pinned import RunFailed
from meshperf.experiment.kinds import run_kind
from meshperf.load.kinds import SoakShape
from meshperf.spec.kinds import SlopeOutcome, SoakOutcome

LEAKING = Path(__file__).with_name("leaking.py")


@contextmanager
def leaking_process(bytes_per_s: float) -> Iterator[int]:
    """The pid of a process that leaks at this rate."""
    command = [sys.executable, "-S", "-E", str(LEAKING), str(bytes_per_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RunFailed("the leaking process did not start")
            yield process.pid
        finally:
            process.kill()


def soak(known: Known, shape: SoakShape, *, bytes_per_s: float) -> SoakOutcome:
    """A soak of the workload that watches it and a leaking process."""
    with leaking_process(bytes_per_s) as pid:
        run, _ = run_kind(
            known.target(),
            shape,
            name="leak",
            point=known.point(),
            host_facts={},
            watch={"workload": known.server.pid, "leaking": pid},
        )
    assert run.kind is not None
    assert run.kind.soak is not None
    return run.kind.soak


def memory_of(found: SoakOutcome, component: str) -> SlopeOutcome:
    """The slope of one process's memory."""
    return next(one for one in found.slopes if one.component == component and one.quantity == "private_bytes")


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[10_000.0, 100_000.0], help="bytes per second")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args(arguments)
    period_s = options.seconds / 4
    shape = SoakShape(
        rate=100, duration_s=options.seconds, peak_period_s=period_s, peak_s=period_s / 10, sample_s=0.25
    )  # fmt: skip
    rows = [("process", "leaks B/s", "slope B/s", "low", "high", "verdict", "could have seen B/s")]
    findings: list[Finding] = []
    data: list[dict[str, object]] = []
    with single_server() as known:
        for rate in options.rates:
            found = soak(known, shape, bytes_per_s=rate)
            for name, truth in (("leaking", rate), ("workload", 0.0)):
                one = memory_of(found, name)
                rows.append((name, f"{truth:.0f}", *_numbers(one)))
                data.append({"process": name, "truth": truth, "low": one.slope.low, "high": one.slope.high})
                findings.append(_finding(one, truth))
    show_table(rows)
    show_findings(findings)
    return Outcome(findings=tuple(findings), data={"soaks": data})


def _numbers(one: SlopeOutcome) -> tuple[str, ...]:
    low, high, seen = ("-" if x is None else f"{x:.0f}" for x in (one.slope.low, one.slope.high, one.detectable))
    return f"{one.slope.value:.0f}", low, high, one.verdict, seen


def _finding(one: SlopeOutcome, truth: float) -> Finding:
    holds = one.slope.low is not None and one.slope.high is not None and one.slope.low <= truth <= one.slope.high
    right = one.verdict == "leak" if truth else one.verdict != "leak"
    return Finding(
        what=f"{one.component}, {truth:.0f} B/s",
        figure=f"{one.slope.value:.0f} B/s, {one.verdict}",
        value=one.slope.value,
        limit="interval holds it, " + ("leak" if truth else "not a leak"),
        met=holds and right,
    )


if __name__ == "__main__":
    main()

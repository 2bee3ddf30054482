"""How fast are ten thousand stored runs judged from the statistics that the store keeps of each?

An experiment of 30 load points, 10 arms in groups of three, and 24 rounds is simulated from a seed: 10,080 runs, whose
documents and judgement are put into a store as `meshperf run` puts them. Then `meshperf compare ID --statistics` is one
cold process, start-up included: it opens the store, reads the rows, pairs them and judges p50, p90, p99 and mean of 390
pairs of arms, by other margins than those that were stored. The store's file is written out and dropped from the page
cache before each call, where the system lets it be. Peak memory is the kernel's own figure of the process.

Asked for: less than 2 s and 1 GB. Both clocks are told, because a machine that does other things stretches the first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.findings import Finding, Outcome, bounded, show_findings
from benchmarks.pinned import RunFailed
from benchmarks.simulated_documents import side
from meshperf.analysis import compare, comparison_to_document
from meshperf.spec.experiment import Arm, Experiment, LoadPoint
from meshperf.spec.records import Fact, Facts, RunResult
from meshperf.store import Store

LIMIT_S, LIMIT_BYTES = 2.0, 1e9
BASELINE, CANDIDATES = "baseline", tuple(f"candidate-{number}" for number in range(9))
GROUP = 2
SD = 0.03
MARGINS = {"p50": 0.05, "p90": 0.10, "p99": 0.10, "mean": 0.05}
OTHER_MARGINS = ("p50=3%", "p90=3%")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One cold process."""

    took_s: float
    cpu_s: float
    """User and system time."""
    peak_bytes: int
    runs: int
    verdicts: dict[str, int]


def _facts(arm: str) -> Facts:
    known = {
        "mesh.type": "none" if arm == BASELINE else "envoy",
        "load.protocol": "http1",
        "load.arrivals": "poisson",
        "load.rate": 500.0,
        "load.connections": 16,
        "load.generator": "meshperf",
        "host.kernel": "6.1.0",
    }
    return {path: Fact(value=value, source="simulation") for path, value in known.items()}


def simulated(load_points: int, rounds: int, seed: int) -> list[RunResult]:
    """All runs. A third of the candidates is 0, 4 and 20 % slower than the baseline."""
    rng = np.random.default_rng(seed)
    groups = [CANDIDATES[first : first + GROUP] for first in range(0, len(CANDIDATES), GROUP)]
    runs = []
    for point in range(load_points):
        for group, residents in enumerate(groups):
            weather = rng.normal(size=rounds) * 0.1
            for place, arm in enumerate((BASELINE, *residents)):
                ratio = 1.0 if arm == BASELINE else (1.0, 1.04, 1.2)[CANDIDATES.index(arm) % 3]
                logs = weather + rng.normal(size=rounds) * SD + np.log(ratio)
                labels = {"group": group, "load_point": point, "facts": _facts(arm)}
                runs += side(arm, logs, first_slot=3 * group + place, slots=3 * len(groups), **labels)
    return runs


def keep(store: Path, load_points: int, rounds: int, seed: int) -> tuple[str, int]:
    """Put a simulated experiment into a new store; its id, and how many runs it has."""
    runs = simulated(load_points, rounds, seed)
    arms = {name: Arm(name=name, mesh="none" if name == BASELINE else "envoy") for name in (BASELINE, *CANDIDATES)}
    point = LoadPoint(rate=500.0, connections=16, duration_s=20.0)
    experiment = Experiment(
        name="judging", subject=("mesh",), load=(point,) * load_points, rounds=rounds, arms=arms, digest="0" * 64
    )
    judged = compare(runs, baseline=BASELINE, subject=("mesh",), margins=MARGINS)
    with Store.open(store) as opened:
        identity = opened.save(
            store.parent, experiment, runs, [comparison_to_document(one) for one in judged], command="meshperf run x"
        )
    return identity, len(runs)


def call(store: Path, identity: str) -> Call:
    """Judge what is stored in a process of its own."""
    _drop_from_cache(store)
    margins = [word for margin in OTHER_MARGINS for word in ("--margin", margin)]
    command = [sys.executable, "-m", "meshperf", "compare", identity, "--statistics", *margins, "--json"]
    environment = {**os.environ, "MESHPERF_STORE": str(store)}
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=out, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        took_s = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RunFailed(f"{' '.join(command)} exited with {process.returncode}")
        out.seek(0)
        document = json.loads(out.read())
    verdicts = Counter(metric["verdict"] for point in document["comparisons"] for metric in point["metrics"])
    return Call(
        took_s=took_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
        runs=document["runs"],
        verdicts=dict(verdicts),
    )


def _drop_from_cache(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def main(arguments: Sequence[str] = ()) -> Outcome:
    parser = argparse.ArgumentParser(prog="python -m benchmarks judging", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--load-points", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--calls", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.sqlite"
        identity, kept = keep(store, options.load_points, options.rounds, options.seed)
        size = store.stat().st_size
        calls = [call(store, identity) for _ in range(options.calls)]
    if any(one.runs != kept for one in calls):
        raise RunFailed(f"{kept} runs are stored, judged were {[one.runs for one in calls]}")
    print(f"{kept} runs of {options.load_points} load points in a store of {size / 1e6:.0f} MB, seed {options.seed}")
    print("verdicts: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(calls[0].verdicts.items())))
    for one in calls:
        print(f"{one.took_s:.2f} s by the clock, {one.cpu_s:.2f} s of CPU, peak {one.peak_bytes / 1e6:.0f} MB")
    middle = sorted(calls, key=lambda one: one.took_s)[len(calls) // 2]
    what = f"judging {kept} stored runs, cold, the median of {len(calls)}"
    findings = (
        bounded(what, middle.took_s, LIMIT_S, unit=" s", digits=2),
        bounded(f"{what}: peak", max(one.peak_bytes for one in calls) / 1e6, LIMIT_BYTES / 1e6, unit=" MB", digits=0),
        Finding(what=f"{what}: CPU time", figure=f"{middle.cpu_s:.2f} s", value=middle.cpu_s),
    )
    show_findings(findings)
    return Outcome(
        findings=findings, data={"calls": [asdict(one) for one in calls], "seed": options.seed, "store_bytes": size}
    )

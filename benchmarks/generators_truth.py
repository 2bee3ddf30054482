"""One experiment, three load generators: what each reports of a stall, and why they cannot be compared.

`examples/generators.yaml` is run as it stands: our engine, fortio, and oha with `--latency-correction`, one after the
other on a service that stops for 200 ms in every second. Asked for: ours and oha within 10 % of the theory at p99;
fortio below a tenth of it, because it waits for its replies; and the comparison of ours with either refuses, and names
the facts that differ. A generator that is not installed is told and not judged.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks import servers
from benchmarks.findings import Finding, Outcome, show_findings, show_table
from benchmarks.pinned import Cores
from meshperf.analysis.comparability import compare_runs
from meshperf.errors import PrerequisiteError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.generator_trial import p99_theory_s
from meshperf.experiment.runner import execute
from meshperf.experiment.single import run_single
from meshperf.load.adapters.finding import installed
from meshperf.load.adapters.registry import adapter
from meshperf.load.plan import Target
from meshperf.load.targets import requested
from meshperf.spec import read_experiment
from meshperf.spec.experiment import Experiment, LoadPoint
from meshperf.spec.generators import OWN
from meshperf.spec.records import RunResult

FILE = Path(__file__).parents[1] / "examples" / "generators.yaml"
NEAR, BLIND = 0.10, 0.10
EXPECTED = {OWN: "right", "oha": "right", "fortio": "blind"}
REFUSING = {
    "fortio": {"load.generator", "load.latency_origin", "load.loop"},
    "oha": {"load.generator", "load.generator_version"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What one generator reports; times in seconds."""

    generator: str
    version: str
    origin: str
    loop: str
    rate: float
    offered: float
    p50: float
    p90: float
    p99: float
    validity: str
    resolution: str


def reported(run: RunResult) -> Reported:
    facts = {name: fact.value for name, fact in run.facts.items()}
    p50, p90, p99 = (float(value) for value in run.response.quantile([0.5, 0.9, 0.99]))
    return Reported(
        generator=str(facts["load.generator"]),
        version=str(facts["load.generator_version"]),
        origin=str(facts["load.latency_origin"]),
        loop=str(facts["load.loop"]),
        rate=run.achieved_rps,
        offered=run.offered_rps or 0.0,
        p50=p50,
        p90=p90,
        p99=p99,
        validity=run.validity.state.value,
        resolution=str(facts["load.histogram"]),
    )


def capacity(cores: Cores) -> float:
    """Requests per second of a closed loop on the same service without stalls."""
    with servers.workload(cores.server, "--response-bytes", "16") as server:
        point = LoadPoint(arrivals="closed", connections=50, warmup_s=0.0, duration_s=1.0)
        target = requested(Target(name="workload", address=server.address, host=server.address), point, name="w")
        run, _ = run_single(target, point, name="capacity", host_facts={})
    return run.achieved_rps


def there(experiment: Experiment) -> tuple[Experiment, list[str]]:
    """The experiment with the load points whose generator is installed, and what is said of the others."""
    kept, missing = [], []
    for point in experiment.load:
        try:
            if point.generator != OWN:
                installed(adapter(point.generator))
            kept.append(point)
        except PrerequisiteError as absent:
            missing.append(f"{absent.message}; {absent.hint}")
    return replace(experiment, load=tuple(kept)), missing


def why_not(ours: RunResult, other: RunResult) -> dict[str, str]:
    """Facts that stand in the way of comparing two runs, with both values and the reason."""
    found = compare_runs([ours], [other], subject=("time",), against_baseline=False)
    return {one.path: f"{one.a} against {one.b}: {one.why}" for one in found.violations if one.path.startswith("load.")}


def judged(one: Reported, theory_s: float) -> Finding:
    share = one.p99 / theory_s
    if EXPECTED[one.generator] == "right":
        held, limit = abs(share - 1) <= NEAR, f"within {NEAR:.0%} of the theory"
    else:
        held, limit = share < BLIND, f"below {BLIND:.0%} of the theory: it waits for replies"
    return Finding(
        what=f"{one.generator}: p99 of the stall",
        figure=f"{one.p99 * 1e3:.1f} ms",
        value=one.p99 * 1e3,
        limit=limit,
        met=held,
    )


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, help="counted time of each generator (default: that of the file)")
    options = parser.parse_args(arguments)
    cores = Cores.allowed()
    experiment, missing = there(read_experiment(FILE))
    if options.seconds is not None:
        experiment = replace(
            experiment, load=tuple(replace(point, duration_s=options.seconds) for point in experiment.load)
        )
    for absent in missing:
        print(f"left out: {absent}")
    able_to = capacity(cores)
    theory_s = p99_theory_s(experiment.load[0].rate or 0.0, able_to)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with Bundle.create(folder / "bundle", experiment, command="python -m benchmarks generators") as bundle:
            runs = execute(experiment, bundle, state_dir=folder / "state", listener=lambda event: None)
    told = [reported(run) for run in runs]
    print(f"capacity {able_to:.0f}/s, so that the theory says p99 {theory_s * 1e3:.1f} ms")
    rows: list[Sequence[str]] = [("", "version", "counted from", "loop", "rate/s", "p50 ms", "p90", "p99", "run")]
    for one in told:
        ms = [f"{value * 1e3:.2f}" for value in (one.p50, one.p90, one.p99)]
        rows.append((one.generator, one.version, one.origin, one.loop, f"{one.rate:.0f}", *ms, one.validity))
    show_table(rows)
    findings = [judged(one, theory_s) for one in told]
    ours = next(run for run in runs if run.facts["load.generator"].value == OWN)
    reasons: dict[str, dict[str, str]] = {}
    for run in runs:
        name = str(run.facts["load.generator"].value)
        if name == OWN:
            continue
        reasons[name] = why_not(ours, run)
        print(f"\nmeshperf and {name} are not apples to apples:")
        for path, why in reasons[name].items():
            print(f"  {path}: {why}")
        findings.append(
            Finding(
                what=f"{name}: the comparison with ours names why not",
                figure=f"{len(reasons[name])} facts",
                value=float(len(reasons[name])),
                limit=", ".join(sorted(REFUSING[name])),
                met=REFUSING[name] <= reasons[name].keys(),
            )
        )
    show_findings(findings)
    return Outcome(
        findings=tuple(findings),
        data={"runs": [asdict(one) for one in told], "reasons": reasons, "missing": missing, "theory_s": theory_s},
        tools={one.generator: one.version for one in told},
    )


if __name__ == "__main__":
    main()

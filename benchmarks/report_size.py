"""How large is the report of many arms, and where do its bytes go?

The runs are simulated, everything after them is the product's own: judgement, charts, tables, page. They are as
talkative as measured ones: some 150 facts, a dozen claims with evidence, guards, four components, sixty slices a run.
Asked for: 20 arms at one load point, six rounds each, in less than 3 MB, all data inside the page included.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.findings import Finding, Outcome, bounded, show_findings, show_table
from meshperf.analysis import compare
from meshperf.analysis.records import Comparison
from meshperf.histograms import Histogram, merge
from meshperf.report.assembly import assemble
from meshperf.spec.records import (
    Claim,
    ComponentUsage,
    Counts,
    DesignLabels,
    Fact,
    Facts,
    GeneratorHealth,
    GuardReading,
    RunResult,
    SliceRecord,
)

LIMIT_MB = 3.0
BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SLICES, EACH = 60, 50
SLICE_S = 0.1
BASELINE = "baseline"
FUNCTIONS = ("access-log", "authorization-rules", "mtls", "retries", "routes", "tracing", "metrics", "tcp", "http")
PARTS = (("echo", "app"), ("client-sidecar", "sidecar"), ("server-sidecar", "sidecar"), ("generator", "generator"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large an experiment is."""

    arms: int = 20
    load_points: int = 1
    rounds: int = 6


def names(count: int) -> list[str]:
    """The baseline and its candidates, named as the arms of a price list are."""
    return [BASELINE, *(f"{FUNCTIONS[n % len(FUNCTIONS)]}.variant-{n}" for n in range(count - 1))]


def experiment(shape: Shape, *, seed: int) -> list[RunResult]:
    """All runs. A group is the baseline and two candidates, so the baseline has a run in each group."""
    rng = np.random.default_rng(seed)
    _, *candidates = names(shape.arms)
    runs = []
    for point in range(shape.load_points):
        for number in range(1, shape.rounds + 1):
            for group, first in enumerate(range(0, len(candidates), 2)):
                for arm in (BASELINE, *candidates[first : first + 2]):
                    runs.append(_run(arm, number, group, point, rng))
    return runs


def judged(runs: Sequence[RunResult]) -> tuple[Comparison, ...]:
    return tuple(compare(runs, baseline=BASELINE, subject=("mesh",), margins={"p50": 0.05, "p90": 0.1}))


def pages(shape: Shape, *, seed: int) -> dict[str, bytes]:
    """Every file of the report."""
    runs = experiment(shape, seed=seed)
    text = "experiment: size\n" + "".join(f"  {name}: {{mesh: envoy}}\n" for name in names(shape.arms))
    command = "meshperf run size.yaml --out size"
    return assemble(judged(runs), runs, experiment_text=text, command=command, facts=_facts(BASELINE), charts=True)


def where(page: str) -> dict[str, int]:
    """Bytes of a page by what they are for."""
    shares: Counter[str] = Counter()
    for match in re.finditer(r'<figure data-chart="([\w-]+)".*?</figure>', page, re.S):
        shares[f"chart: {match[1]}"] += len(match[0].encode())
    for match in re.finditer(r'<div class="scroll"[^>]*aria-label="Table: ([^"]*)".*?</table>', page, re.S):
        caption = "verdicts of an arm" if " against " in match[1] else match[1]
        shares[f"table: {caption}"] += len(match[0].encode())
    shares["data, compressed"] = sum(len(each) for each in re.findall(r'href="data:application/gzip[^"]*"', page))
    shares["everything else"] = len(page.encode()) - sum(shares.values())
    return dict(shares.most_common())


def measure(shape: Shape, *, seed: int) -> tuple[float, dict[str, int], float]:
    """MB of the page, its bytes by use, and how long all files took [s]."""
    began = time.monotonic()
    files = pages(shape, seed=seed)
    took_s = time.monotonic() - began
    page = files["report.html"].decode()
    return len(files["report.html"]) / 1e6, where(page), took_s


def main(arguments: Sequence[str] = ()) -> Outcome:
    parser = argparse.ArgumentParser(prog="python -m benchmarks report-size", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--arms", type=int, default=20)
    parser.add_argument("--load-points", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args(arguments)
    shape = Shape(arms=options.arms, load_points=options.load_points, rounds=options.rounds)
    size, shares, took_s = measure(shape, seed=options.seed)
    show_table([("what", "kB"), *((name, f"{count / 1e3:.0f}") for name, count in shares.items())])
    what = f"report.html of {shape.arms} arms, {shape.load_points} load points, {shape.rounds} rounds"
    asked = shape == Shape()
    found = (
        bounded(what, size, LIMIT_MB, unit=" MB", digits=2)
        if asked
        else Finding(what=what, figure=f"{size:.2f} MB", value=size),
        Finding(what="all of its files made in", figure=f"{took_s:.1f} s", value=took_s),
    )
    show_findings(found)
    return Outcome(findings=found, data={"bytes": shares, "seed": options.seed})


def _run(arm: str, number: int, group: int, point: int, rng: np.random.Generator) -> RunResult:
    mesh = arm != BASELINE
    median = 2e-4 * (1 + point / 4) * (3.0 if mesh else 1.0) * float(np.exp(rng.normal() * 0.03))
    parts = tuple((name, role) for name, role in PARTS if mesh or role != "sidecar")
    slices = tuple(_slice(median, block, parts, rng) for block in range(SLICES))
    counts = sum((each.counts for each in slices), Counts())
    begin = BEGIN + timedelta(minutes=20 * point + 3 * number, seconds=17 * group)
    pacing = Histogram.from_values(rng.exponential(9e-6, counts.sent))
    return RunResult(
        run_id=f"r{number:02d}-g{group}-p{point}-{arm}",
        experiment_id="0198a1b2",
        experiment="size",
        arm=arm,
        round=number,
        group=group,
        load_point=point,
        start_time=begin,
        end_time=begin + timedelta(seconds=30),
        measured_s=SLICES * SLICE_S,
        offered_rps=EACH / SLICE_S,
        counts=counts,
        response=merge(each.response for each in slices),
        slices=slices,
        resources=tuple(
            ComponentUsage(
                component=component,
                role=role,
                cpu_s=sum(each.cpu_s[component] for each in slices),
                requests=counts.ok,
                private_bytes=round(2e7 * float(np.exp(rng.normal() * 0.01))),
                pss_bytes=round(2.1e7 * float(np.exp(rng.normal() * 0.01))),
            )
            for component, role in parts
        ),
        generator=GeneratorHealth(version="0.1.0", pacing_error=pacing, client_delay=pacing, busy_share=0.2),
        claims=tuple(_claim(n, when) for n in range(14) for when in ("begin", "end")) if mesh else (),
        guards=tuple(_guard(n, float(rng.random())) for n in range(12)),
        facts=_facts(arm),
        design=DesignLabels(
            design="interleaved", slice_s=SLICE_S, lead_in_s=0.01, guard_s=0.005, blocks=SLICES, seed=1
        ),
    )


def _slice(median: float, block: int, parts: Sequence[tuple[str, str]], rng: np.random.Generator) -> SliceRecord:
    seconds = median * np.exp(rng.normal(size=EACH) * 0.4)
    begin = block * 0.35
    return SliceRecord(
        position=block,
        block=block,
        begin_s=begin,
        end_s=begin + SLICE_S,
        drained_s=begin + SLICE_S + 0.01,
        counts=Counts(offered=EACH, sent=EACH, ok=EACH, bytes_in=EACH * 1100, bytes_out=EACH * 100),
        response=Histogram.from_values(seconds),
        cpu_s={
            name: (90e-6 if role == "sidecar" else 20e-6) * EACH * float(np.exp(rng.normal() * 0.02))
            for name, role in parts
        },
    )


def _claim(number: int, when: str) -> Claim:
    return Claim(
        claim=f"mtls: what a caller without the {number}th identity asks is refused by the server sidecar",
        held=True,
        evidence=f"another identity of the same authority was refused (attempt {number}: closed without a reply)",
        when=when,
    )


def _guard(number: int, value: float) -> GuardReading:
    return GuardReading(
        guard=f"reading {number} of the machine", value=value / 100, unit="1", warn_above=0.02, invalid_above=0.05,
        outcome="ok",
    )  # fmt: skip


def _facts(arm: str) -> Facts:
    mesh = arm != BASELINE
    known: dict[str, str | int | float | bool] = {
        "host.kernel": "6.1.0",
        "host.cpu_model": "Example 3000",
        "host.cores": 4,
        "load.protocol": "http1",
        "load.arrivals": "poisson",
        "load.rate": 500.0,
        "load.connections": 16,
        "load.generator": "meshperf",
        "load.latency_origin": "intended",
        "workload.graph": "echo",
        "mesh.type": "envoy" if mesh else "none",
        "mesh.mode": "sidecar" if mesh else "none",
        "mesh.version": "1.38.0" if mesh else "none",
        "security.mtls": "strict" if mesh else "off",
        "proxy.version": "1.38.0" if mesh else "none",
        "proxy.concurrency": 1 if mesh else 0,
    }
    own = {
        f"mesh.setting_{n:02d}": f"{arm}: value {n} of what it was started with" if mesh else "none" for n in range(24)
    }
    more = {f"host.sysctl.setting_{n:02d}": n for n in range(100)}
    found = {path: Fact(value=value, source="simulated") for path, value in {**known, **own, **more}.items()}
    missing = ("governor", "turbo", "mhz_max", "mhz_min", "energy_counters", "machine_type", "machine_vendor")
    return {
        **found,
        **{f"host.{name}": Fact(unavailable=f"/sys/devices/{name} cannot be read here") for name in missing},
    }

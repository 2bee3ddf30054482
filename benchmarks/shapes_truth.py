"""Known shapes: what any mesh's costs must look like, whatever the machine, on loopback with a real Envoy.

    direct < one hop < two hops           median response time and CPU per request
    TCP < HTTP < HTTP + mutual TLS        CPU per request
    CPU = rest + slope · rate             over three rates, each load point within 10 % of the product's own line
    sum of the steps = whole              by CPU per request, within 15 %

The whole (parsing and encrypting) is measured, and is no sum of what was measured beside it: parsing is priced
without encryption, encryption without parsing. A step counts as more when the interval of its price lies above 0.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.findings import Finding, Outcome, bounded, show_findings
from benchmarks.price_list import residual
from benchmarks.real_experiments import Measured, measure
from meshperf.analysis import Ladder, ladder_orders, price_ladder
from meshperf.analysis.efficiency import LINEAR, CpuLine, cpu_line, own_runs, use_of
from meshperf.analysis.ladder import StepPrice

TEST = 9
RATES = (150, 300, 450)
LADDER_POINT = 1
"""The load point whose prices are judged: the middle rate."""
RESIDUAL_PERCENT = 15.0
ARMS = ("baseline", "client", "tcp", "http", "mtls")
"""Whose CPU time must be a line; the others are these again, or lead to the sum."""
SHAPES = (
    ("direct < one hop", "client", ("p50", "cpu_per_request")),
    ("one hop < two hops", "tcp", ("p50", "cpu_per_request")),
    ("TCP < HTTP", "http", ("cpu_per_request",)),
    ("HTTP < HTTP + mTLS", "mtls", ("cpu_per_request",)),
)
"""What it shows, the step whose price must be above 0, by which metrics."""
EXPERIMENT = """\
experiment: shapes
subject: [mesh, "mesh_config:proxies", "mesh_config:mode", "mesh_config:mtls"]
environment: local
workload: {{graph: echo, response_bytes: 1024}}
slice: 100ms
load:
{load}
rounds: {rounds}
seed: {seed}
arms:
  baseline:  {{mesh: none}}
  client:    {{mesh: envoy, mode: tcp, proxies: client}}
  tcp:       {{mesh: envoy, mode: tcp}}
  tcp-2:     {{mesh: envoy, mode: tcp}}
  tcp-mtls:  {{mesh: envoy, mode: tcp, mtls: strict}}
  tcp-3:     {{mesh: envoy, mode: tcp}}
  http:      {{mesh: envoy}}
  http-2:    {{mesh: envoy}}
  mtls:      {{mesh: envoy, mtls: strict}}
"""
_POINT = (
    "  - {{protocol: http1, rate: {rate}, connections: 8, arrivals: poisson, warmup: 500ms, duration: {seconds:g}s}}"
)


def experiment(*, rounds: int, seconds: float, seed: int) -> str:
    """The experiment's file."""
    load = "\n".join(_POINT.format(rate=rate, seconds=seconds) for rate in RATES)
    return EXPERIMENT.format(load=load, rounds=rounds, seed=seed)


def judged(ladder: Ladder, lines: Mapping[str, CpuLine | None]) -> list[Finding]:
    """Acceptance test 9 of the judgement, from the product's own prices and lines."""
    findings = [_more(what, ladder.price(step, metric)) for what, step, metrics in SHAPES for metric in metrics]
    for arm, line in lines.items():
        worst = None if line is None else line.worst * 100
        rates = "" if line is None else f"at {', '.join(f'{rate:.0f}' for rate in line.rates_rps)} replies/s"
        what = f"CPU of {arm} off its line, worst rate"
        findings.append(bounded(what, worst, LINEAR * 100, unit=" %", digits=1, test=TEST, note=rates))
    return [*findings, residual(ladder, RESIDUAL_PERCENT)]


def _more(what: str, price: StepPrice) -> Finding:
    found = price.price
    named = f"{what}: {price.metric}"
    if price.missing or not math.isfinite(found.low):
        why = price.missing or f"{found.n} round(s) of class {price.grade} have no interval"
        return Finding(what=named, figure="-", limit="> 0", test=TEST, note=why)
    figure = f"{found.value * 1e6:+.1f} us [{found.low * 1e6:+.1f}, {found.high * 1e6:+.1f}]"
    return Finding(what=named, figure=figure, value=found.value, limit="> 0", met=found.low > 0, test=TEST)


def found_in(measured: Measured) -> tuple[Ladder, dict[str, CpuLine | None]]:
    """Prices of the middle rate, and every arm's line over all rates."""
    (order,) = ladder_orders(measured.experiment).values()
    ladder = price_ladder(measured.of(LADDER_POINT), order, subject=measured.experiment.subject)
    return ladder, {arm: cpu_line(arm, [use_of(run) for run in own_runs(measured.runs, arm)]) for arm in ARMS}


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0, help="counted seconds of each arm, rate and round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="keep the bundle here")
    parser.add_argument("--unguarded", action="store_true", help="count disturbed rounds too: never for a figure")
    options = parser.parse_args(arguments)
    text = experiment(rounds=options.rounds, seconds=options.seconds, seed=options.seed)
    with tempfile.TemporaryDirectory(prefix="meshperf-shapes-") as folder:
        measured = measure(text, options.out or Path(folder), unguarded=options.unguarded)
    ladder, lines = found_in(measured)
    findings = judged(ladder, lines)
    print()
    show_findings(findings)
    prices = {f"{one.step} {one.metric}": [value for _, value in one.rounds] for one in ladder.prices}
    kept = {
        arm: None if line is None else {"slope": line.slope.value, "worst": line.worst} for arm, line in lines.items()
    }
    return Outcome(findings=tuple(findings), data={"prices_by_round": prices, "lines": kept, "seed": options.seed})


if __name__ == "__main__":
    main()

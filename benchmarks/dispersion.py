"""How even arrivals are at the server: index of dispersion of their counts in windows of 1 and 10 ms, and their gaps.

    index = variance of the counts / their mean          0: even, 1: Poisson, above: bursts

The times are those at which the server's kernel received each request, so no generator judges itself. A tenth of a
second at each end is left out: connections open there, and generators end in ways of their own.

Asked of ours: at most 0.3 at 1 ms for even arrivals at 1k and 10k per second, 0.9 to 1.1 for Poisson ones, and the p99
of the gaps at 10k at most twice the ideal gap. The best of the runs counts: others on the machine can only add.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.findings import Finding, Outcome, bounded, failed, show_findings, show_table
from benchmarks.peers import Load, Peer, able, engine, named
from benchmarks.pinned import Cores, RunFailed, run
from benchmarks.witness import watching
from meshperf.load.plan import Protocol

CONNECTIONS = 50
EDGE_S = 0.1
EVEN_LIMIT = 0.3
POISSON_LIMITS = (0.9, 1.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What one run looked like to the server."""

    tool: str
    rate: float
    poisson: bool
    count: int = 0
    index_1ms: float = math.nan
    index_10ms: float = math.nan
    gap_p99_s: float = math.nan
    failure: str = ""


def index_of_dispersion(times_s: npt.NDArray[np.float64], width_s: float) -> float:
    """Variance of the counts in windows over their mean; NaN for fewer than two windows."""
    windows = math.floor((times_s[-1] - times_s[0]) / width_s) if times_s.size else 0
    if windows < 2:
        return math.nan
    counts, _ = np.histogram(times_s, bins=windows, range=(times_s[0], times_s[0] + windows * width_s))
    return float(counts.var(ddof=1) / counts.mean())


def watch(peer: Peer, rate: float, *, poisson: bool, seconds: float, cores: Cores, folder: Path) -> Arrived:
    """One run of one tool against a witness."""
    try:
        with watching(cores.server) as witness:
            load = Load(
                protocol=Protocol.HTTP1,
                address=witness.address,
                connections=CONNECTIONS,
                seconds=seconds,
                rate=rate,
                poisson=poisson,
                folder=folder,
            )
            run(peer.line(load), cores.generator, within_s=seconds * 4 + 20)
            times_s = witness.arrivals_s()
    except RunFailed as failure:
        return Arrived(tool=peer.name, rate=rate, poisson=poisson, failure=str(failure))
    times_s = times_s[(times_s > times_s[0] + EDGE_S) & (times_s < times_s[-1] - EDGE_S)]
    return Arrived(
        tool=peer.name,
        rate=rate,
        poisson=poisson,
        count=len(times_s),
        index_1ms=index_of_dispersion(times_s, 0.001),
        index_10ms=index_of_dispersion(times_s, 0.010),
        gap_p99_s=float(np.quantile(np.diff(times_s), 0.99)),
    )


def judged(found: Sequence[Arrived]) -> list[Finding]:
    """Acceptance test 4."""
    findings = []
    for rate, poisson in dict.fromkeys((one.rate, one.poisson) for one in found):
        ours = [
            one
            for one in found
            if (one.tool, one.rate, one.poisson) == (engine.PEER.name, rate, poisson) and not one.failure
        ]
        at = f"arrivals, {rate:.0f}/s {'poisson' if poisson else 'constant'}"
        if not ours:
            reasons = [one.failure for one in found if one.tool == engine.PEER.name and one.failure]
            findings.append(failed(at, reasons[-1] if reasons else "not run", test=4))
            continue
        if poisson:
            index = min((one.index_1ms for one in ours), key=lambda value: abs(value - 1))
            low, high = POISSON_LIMITS
            met = low <= index <= high
            limit = f"{low:g} to {high:g}"
            what = f"{at}: dispersion at 1 ms"
            findings.append(Finding(what=what, figure=f"{index:.3f}", value=index, limit=limit, met=met, test=4))
            continue
        best = min(ours, key=lambda one: one.index_1ms)
        findings.append(bounded(f"{at}: dispersion at 1 ms", best.index_1ms, EVEN_LIMIT, test=4))
        if rate >= 10_000:
            findings.append(bounded(f"{at}: gap p99 by the ideal", best.gap_p99_s * rate, 2.0, test=4, digits=2))
    return findings


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run (3)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of ours in each case (3)")
    parser.add_argument("--alone", action="store_true", help="leave the other tools out")
    options = parser.parse_args(arguments)
    cores, found = Cores.allowed(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rate, poisson in ((1000.0, False), (10_000.0, False), (10_000.0, True)):
            asked = Load(
                protocol=Protocol.HTTP1,
                address="",
                connections=CONNECTIONS,
                seconds=1,
                rate=rate,
                poisson=poisson,
                folder=folder,
            )
            others = [] if options.alone else [peer for peer in able(asked) if peer.name not in ("meshperf", "oha -lc")]
            for peer in [*[engine.PEER] * options.repeat, *others]:
                found.append(watch(peer, rate, poisson=poisson, seconds=options.seconds, cores=cores, folder=folder))
    rows = [("", "rate/s", "arrivals", "counted", "index 1 ms", "index 10 ms", "gap p99 us", "")]
    for one in found:
        kind = "poisson" if one.poisson else "constant"
        figures = (f"{one.index_1ms:.3f}", f"{one.index_10ms:.3f}", f"{one.gap_p99_s * 1e6:.0f}")
        rows.append((one.tool, f"{one.rate:.0f}", kind, str(one.count), *figures, one.failure[:80]))
    show_table(rows)
    findings = judged(found)
    tools = {name: named(name).version() or "" for name in dict.fromkeys(one.tool for one in found)}
    print()
    show_findings(findings)
    return Outcome(findings=tuple(findings), data={"runs": [asdict(one) for one in found]}, tools=tools)


if __name__ == "__main__":
    main()

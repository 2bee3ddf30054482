"""Known truth: a workload that stops for 200 ms in every 1000 ms, and who reports what of it at a constant rate.

Theory, for a server of capacity C at offered rate R with rho = R/C and a stall of S in every P: requests due in the
stall and while the backlog drains wait; the q-th quantile of the response time is

    S - (1 - q) · P · (1 - rho)        and the mean     S² / (2 P (1 - rho))

C is measured by a closed loop just before, against the same workload without stalls, and printed; nothing is fitted.
When only half of the connections stop, a pool of connections hardly notices, as only one request waits on each of
them; connections with schedules of their own see half of all requests stopped, whose backlog R/2 drains beside the
other half: the quantiles are those of q' = 1 - 2 (1 - q) and rho' = (R/2) / (C - R/2).

Every tool is a process of its own on the generator's core and begins with a period of the server, so that a run of
whole periods begins and ends while the server answers. Asked of ours: achieved rate within 0.1 %, p99 and p99.9 within
2 %, mean within 5 %; the median of its runs counts, which are spread over the others'.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.findings import Finding, Outcome, bounded, failed, show_findings, show_table
from benchmarks.peers import Load, Peer, Report, able, engine, named
from benchmarks.pinned import Cores, RunFailed, run
from meshperf.load.plan import Protocol

STALL_S, PERIOD_S = 0.2, 1.0
CONNECTIONS = 50
OPTIONS = ("--response-bytes", "16")
STALL = (*OPTIONS, "--stall", "200ms/1000ms")
HALF_RATE = 10_000.0
CLOSED = "closed loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theory:
    """What has to come out [s]."""

    p90: float
    p99: float
    p999: float
    mean: float

    @classmethod
    def whole(cls, rate: float, capacity: float) -> Theory:
        free = 1 - rate / capacity
        p90, p99, p999 = (max(0.0, STALL_S - (1 - q) * PERIOD_S * free) for q in (0.9, 0.99, 0.999))
        return cls(p90=p90, p99=p99, p999=p999, mean=STALL_S**2 / (2 * PERIOD_S * free))

    @classmethod
    def half_pinned(cls, rate: float, capacity: float) -> Theory:
        free = 1 - (rate / 2) / (capacity - rate / 2)
        p90, p99, p999 = (max(0.0, STALL_S - 2 * (1 - q) * PERIOD_S * free) for q in (0.9, 0.99, 0.999))
        return cls(p90=p90, p99=p99, p999=p999, mean=STALL_S**2 / (2 * PERIOD_S * free) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One run: what a tool reports, or why there is nothing."""

    tool: str
    latency_from: str
    report: Report | None = None
    failure: str = ""


def capacity(cores: Cores, folder: Path, rate: float) -> float:
    """Requests per second that a closed loop gets out of the workload without stalls.

    Raises:
        RunFailed: the engine could not run, or a backlog at `rate` could never drain between two stalls.
    """
    with servers.workload(cores.server, *OPTIONS) as server:
        load = Load(
            protocol=Protocol.HTTP1, address=server.address, connections=CONNECTIONS, seconds=2.0, folder=folder
        )
        spent = run(engine.PEER.line(load), cores.generator, within_s=30)
        able_to = engine.PEER.read(spent.printed, load).rate
    if able_to * (1 - STALL_S / PERIOD_S) <= rate:
        raise RunFailed(f"a capacity of {able_to:.0f}/s is too little for {rate:.0f}/s: the machine is busy")
    return able_to


def ask(peer: Peer, load: Load, server: servers.Server, cores: Cores) -> Told:
    """One run of one tool, begun with a period of the server."""
    into_s = (time.monotonic_ns() - server.started_monotonic_ns) * 1e-9 % PERIOD_S
    time.sleep(PERIOD_S - into_s)
    counted_from = CLOSED if load.rate is None else peer.latency_from
    try:
        spent = run(peer.line(load), cores.generator, within_s=load.seconds * 4 + 20)
        report = peer.read(spent.printed, load)
    except (RunFailed, ValueError, LookupError) as failure:
        return Told(tool=peer.name, latency_from=counted_from, failure=str(failure))
    return Told(tool=peer.name, latency_from=counted_from, report=report)


def table(
    rate: float, cores: Cores, folder: Path, *, seconds: float, repeat: int, alone: bool
) -> tuple[float, list[Told]]:
    """Capacity, then every tool at this rate in turn; ours first, last and between, `repeat` times in all."""
    able_to = capacity(cores, folder, rate)
    with servers.workload(cores.server, *STALL) as server:
        load = Load(
            protocol=Protocol.HTTP1,
            address=server.address,
            connections=CONNECTIONS,
            seconds=seconds,
            rate=rate,
            folder=folder,
        )
        # wrk and ab hold no rate: their closed loop is in the table because it is what people run instead.
        paced, closed = able(load), [peer for peer in able(replace(load, rate=None)) if peer.name == "wrk"]
        others = [*[peer for peer in paced if peer.name != "meshperf"], *closed]
        order = spread([] if alone else others, repeat)
        told = [ask(peer, replace(load, rate=None) if peer in closed else load, server, cores) for peer in order]
    return able_to, told


def spread(others: Sequence[Peer], repeat: int) -> list[Peer]:
    """Ours among the others `repeat` times: first, last and evenly between; once is last."""
    places = [round(len(others) * turn / (repeat - 1)) for turn in range(repeat)] if repeat > 1 else [len(others)]
    order = list(others)
    for place in reversed(places):  # from the back, so that earlier places stay where they are
        order.insert(place, engine.PEER)
    return order


def show(rate: float, theory: Theory | None, told: Sequence[Told]) -> None:
    """Milliseconds, each tool's p99 and mean beside the truth where there is a formula for it."""
    rows: list[Sequence[str]] = [
        ("", "counted from", "rate/s", "", "p90 ms", "p99", "p99.9", "mean", "p99 off", "mean off", "")
    ]
    if theory is not None:
        ms = [f"{value * 1e3:.2f}" for value in (theory.p90, theory.p99, theory.p999, theory.mean)]
        rows.append(("theory", "", f"{rate:.0f}", "", *ms, "", "", ""))
    for one in told:
        report = one.report
        if report is None:
            rows.append((one.tool, one.latency_from, *[""] * 8, one.failure[:80]))
            continue
        figures = [
            "-" if value is None else f"{value * 1e3:.2f}"
            for value in (report.p90, report.p99, report.p999, report.mean)
        ]
        off = "" if one.latency_from == CLOSED else f"{report.rate / rate - 1:+.2%}"
        distances = ["", ""] if theory is None else [_off(report.p99, theory.p99), _off(report.mean, theory.mean)]
        rows.append((one.tool, one.latency_from, f"{report.rate:.0f}", off, *figures, *distances, report.note[:60]))
    show_table(rows)


def _off(told: float | None, truth: float) -> str:
    """In percent, or as a factor where it is far too low."""
    if not told:
        return "-"
    return f"1/{truth / told:.0f}" if told < truth / 3 else f"{told / truth - 1:+.1%}"


def judged(rate: float, theory: Theory, told: Sequence[Told]) -> list[Finding]:
    """Acceptance test 1 at one rate, by the median of our runs."""
    ours = [one.report for one in told if one.tool == engine.PEER.name and one.report is not None]
    failures = [one.failure for one in told if one.tool == engine.PEER.name and one.failure]
    at = f"stall, {rate:.0f}/s"
    if not ours:
        return [failed(at, failures[-1] if failures else "not run", test=1)]

    def distance(name: str, truth: float) -> float:
        return float(abs(statistics.median(getattr(report, name) for report in ours) / truth - 1) * 100)

    return [
        bounded(f"{at}: achieved rate off", distance("rate", rate), 0.1, unit=" %", test=1),
        bounded(f"{at}: p99 off theory", distance("p99", theory.p99), 2.0, unit=" %", test=1, digits=2),
        bounded(f"{at}: p99.9 off theory", distance("p999", theory.p999), 2.0, unit=" %", test=1, digits=2),
        bounded(f"{at}: mean off theory", distance("mean", theory.mean), 5.0, unit=" %", test=1, digits=2),
    ]


def half_stalled(cores: Cores, folder: Path, seconds: float) -> tuple[list[Finding], dict[str, Any]]:
    """Acceptance test 2: every other connection stops; the same load pooled and pinned."""
    able_to = capacity(cores, folder, HALF_RATE)
    theory = Theory.half_pinned(HALF_RATE, able_to)
    with servers.workload(cores.server, *STALL, "--stall-connections", "0.5") as server:
        load = Load(
            protocol=Protocol.HTTP1,
            address=server.address,
            connections=CONNECTIONS,
            seconds=seconds,
            rate=HALF_RATE,
            folder=folder,
        )
        told = [ask(peer, load, server, cores) for peer in (engine.PEER, engine.PINNED)]
    print(f"\nhalf of the connections stop, {HALF_RATE:.0f}/s, capacity {able_to:.0f}/s: pooled, then pinned (theory)")
    show(HALF_RATE, None, told[:1])
    show(HALF_RATE, theory, told[1:])
    pooled, pinned = (one.report for one in told)
    pooled_ms = None if pooled is None else (pooled.p99 or 0) * 1e3
    pinned_off = None if pinned is None else abs((pinned.p99 or 0) / theory.p99 - 1) * 100
    pinned_ms = None if pinned is None else abs((pinned.p90 or 0) - theory.p90) * 1e3
    why = ", ".join(one.failure for one in told if one.failure)
    findings = [
        bounded("half stalled, pooled: p99", pooled_ms, 5.0, unit=" ms", test=2, digits=2, note=why),
        bounded("half stalled, pinned: p99 off theory", pinned_off, 2.0, unit=" %", test=2, digits=2),
        # Where the quantile leaves zero, a percent of requests more or less moves it by 20 ms.
        bounded("half stalled, pinned: p90 off theory", pinned_ms, 10.0, unit=" ms", test=2, digits=2),
    ]
    return findings, {"capacity_rps": able_to, "theory": asdict(theory), "runs": [asdict(one) for one in told]}


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="whole periods of each run (5)")
    parser.add_argument("--rates", type=float, nargs="*", default=[1000.0, 10000.0, 30000.0])
    parser.add_argument("--repeat", type=int, default=3, help="runs of ours at each rate (3)")
    parser.add_argument("--alone", action="store_true", help="leave the other tools out")
    options = parser.parse_args(arguments)
    cores, findings, data = Cores.allowed(), [], {}
    tools: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rate in options.rates:
            try:
                able_to, told = table(
                    rate, cores, folder, seconds=options.seconds, repeat=options.repeat, alone=options.alone
                )
            except RunFailed as failure:
                findings.append(failed(f"stall, {rate:.0f}/s", failure, test=1))
                continue
            theory = Theory.whole(rate, able_to)
            print(
                f"\n200 ms of every 1000 ms stopped, {rate:.0f}/s, {CONNECTIONS} connections, capacity {able_to:.0f}/s"
            )
            show(rate, theory, told)
            findings += judged(rate, theory, told)
            data[f"{rate:.0f}"] = {
                "capacity_rps": able_to,
                "theory": asdict(theory),
                "runs": [asdict(one) for one in told],
            }
            tools |= {one.tool: named(one.tool).version() or "" for one in told}
        try:
            found, data["half"] = half_stalled(cores, folder, options.seconds)
            findings += found
        except RunFailed as failure:
            findings.append(failed("half stalled", failure, test=2))
    print()
    show_findings(findings)
    return Outcome(findings=tuple(findings), data=data, tools=tools)


if __name__ == "__main__":
    main()

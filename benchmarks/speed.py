"""CPU per request of every generator that can do the same, in closed loops, against one server, in turns.

What is measured: user and system CPU of the whole generator process, as the kernel accounts it when the process ends,
less that of its start-up (the same program asked for nothing), divided by the requests it completed.

Why this way: tools take turns, so that a slow minute of the machine falls on all; the lowest of the turns is compared,
because everything else that runs here can only add. Both sides of every turn are published. A tool that has no goal
takes part in fewer turns.

What it assumes: release builds. With two or more cores the generator has one and the server another.

What it refuses: a figure from a run with failed requests, or of more requests than the server answered by its own
count (where it counts: our workload does); and a ratio without its reference tool.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import servers
from benchmarks.findings import Finding, Outcome, bounded, show_findings
from benchmarks.peers import Load, Peer, Report, able, named
from benchmarks.pinned import Cores, RunFailed, run
from meshperf.load.plan import Protocol

OURS = "meshperf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: a load, the tool to beat, and by how much."""

    name: str
    protocol: Protocol
    connections: int
    streams: int = 1
    tls: bool = False
    reference: str
    goal: float | None = None
    """Our CPU per request by the reference's, at most; None: only told."""


ROWS = (
    Row(name="http1", protocol=Protocol.HTTP1, connections=50, reference="wrk", goal=0.80),
    Row(name="http2 10x10", protocol=Protocol.HTTP2, connections=10, streams=10, reference="h2load", goal=1.05),
    Row(name="http2 4x100", protocol=Protocol.HTTP2, connections=4, streams=100, reference="h2load", goal=1.05),
    Row(name="grpc 5x10", protocol=Protocol.GRPC, connections=5, streams=10, reference="ghz", goal=0.40),
    Row(name="tls1.3 http1", protocol=Protocol.HTTP1, connections=50, tls=True, reference="wrk", goal=1.0),
    Row(name="tcp echo", protocol=Protocol.TCP, connections=50, reference="fortio", goal=0.8),
    Row(name="udp echo", protocol=Protocol.UDP, connections=50, reference="fortio"),
)


@dataclass(slots=True, kw_only=True)
class Costs:
    """What one row's turns gave."""

    row: Row
    server: str = ""
    turns: dict[str, list[float]] = field(default_factory=dict)
    """Tool to CPU seconds per request."""
    rates: dict[str, list[float]] = field(default_factory=dict)
    counted: dict[str, list[tuple[int, int | None]]] = field(default_factory=dict)
    """Tool to what it claims and what the server answered, by turn."""
    failed: dict[str, str] = field(default_factory=dict)

    def lowest(self, tool: str) -> float | None:
        return min(self.turns.get(tool, ()), default=None)

    def ratio(self, tool: str) -> float | None:
        ours, theirs = self.lowest(OURS), self.lowest(tool)
        return None if ours is None or theirs is None else ours / theirs

    def why_not(self) -> str:
        """Why there is no ratio to the reference."""
        missing = [name for name in (OURS, self.row.reference) if self.lowest(name) is None]
        return "; ".join(f"{name}: {self.failed.get(name, 'not installed')}" for name in missing)


def start_up(peer: Peer, cores: Cores, known: dict[str, float]) -> float:
    """CPU seconds of a start that does nothing, the lowest of 3; measured once a tool."""
    if peer.program not in known:
        path = str(peer.path())
        # Some tools end with an error when they have only said their version.
        known[peer.program] = min(
            run([path, *peer.idle], cores.generator, within_s=20, failing=True).cpu_s for _ in range(3)
        )
    return known[peer.program]


@contextmanager
def served(row: Row, cores: Cores, folder: Path) -> Iterator[tuple[servers.Server, Load]]:
    """The row's server, and the load on it (seconds to be chosen)."""
    load = Load(
        protocol=row.protocol,
        address="",
        connections=row.connections,
        streams=row.streams,
        seconds=1,
        folder=folder,
    )
    if row.tls:
        with servers.tls_workload(cores.server, folder, "--response-bytes", "16") as (server, ca):
            yield server, replace(load, address=server.address, ca=ca)
    else:
        with servers.serving(row.protocol, cores.server, folder, 16) as server:
            yield server, replace(load, address=server.address)


def measure(
    row: Row, *, runs: int, others: int, seconds: float, cores: Cores, known: dict[str, float], folder: Path
) -> Costs:
    """Alternate all tools that can, `runs` times ours and the reference and `others` times the rest."""
    costs = Costs(row=row)
    try:
        with served(row, cores, folder) as (server, any_load):
            costs.server = server.name
            load = replace(any_load, seconds=seconds)
            peers = able(load)
            for turn in range(runs):
                # Every other turn in reverse, so that no tool always follows the same one.
                for peer in peers if turn % 2 == 0 else reversed(peers):
                    hopeless = peer.name in costs.failed and peer.name not in costs.turns
                    if hopeless or (turn >= others and peer.name not in (OURS, row.reference)):
                        continue
                    try:
                        idle_s = start_up(peer, cores, known)
                        before = server.answered(load.protocol, load.message_bytes)
                        spent = run(peer.line(load), cores.generator, within_s=seconds * 3 + 20)
                        told = peer.read(spent.printed, load)
                        answered = None
                        if before is not None:
                            answered = (server.answered(load.protocol, load.message_bytes) or 0) - before
                        refuse(told, answered)
                    except (RunFailed, ValueError, LookupError) as failure:
                        costs.failed[peer.name] = str(failure)
                        continue
                    costs.turns.setdefault(peer.name, []).append((spent.cpu_s - idle_s) / told.requests)
                    costs.rates.setdefault(peer.name, []).append(told.rate)
                    costs.counted.setdefault(peer.name, []).append((told.requests, answered))
    except (RunFailed, OSError) as failure:
        costs.failed["server"] = str(failure)
    return costs


def refuse(told: Report, answered: int | None) -> None:
    """Raises RunFailed: the run gives no figure to compare."""
    if not told.requests or told.note:
        raise RunFailed(told.note or "no request succeeded")
    if answered is not None and told.requests > answered:
        raise RunFailed(f"claims {told.requests} requests, the server answered {answered}")


def show(costs: Costs) -> None:
    """The turns of every tool, the lowest first."""
    row = costs.row
    shape = f"{row.connections} connections" + (f" x {row.streams} streams" if row.streams > 1 else "")
    print(f"\n{row.name}: {shape}, server {costs.server or 'none'}; us of CPU per request by turn", flush=True)
    for tool in sorted(costs.turns, key=lambda name: min(costs.turns[name])):
        ratio = costs.ratio(tool)
        turns = " ".join(f"{value * 1e6:6.2f}" for value in costs.turns[tool])
        beside = "" if tool == OURS or ratio is None else f"  ours/its {ratio:.3f}"
        print(f"  {tool:9} lowest {min(costs.turns[tool]) * 1e6:6.2f}{beside:17} | {turns}", flush=True)
    for tool, reason in costs.failed.items():
        print(f"  {tool}: {reason}", flush=True)


def finding(costs: Costs) -> Finding:
    row = costs.row
    what = f"CPU per request, {row.name}, by {row.reference}'s"
    ratio = costs.ratio(row.reference)
    test = 6 if row.goal is not None else None
    if ratio is None:
        limit = "" if row.goal is None else f"<= {row.goal:g}"
        return Finding(
            what=what, figure="-", limit=limit, test=test, note=costs.failed.get("server") or costs.why_not()
        )
    if row.goal is None:
        return Finding(what=what, figure=f"{ratio:.3f}", value=ratio)
    return bounded(what, ratio, row.goal, test=test)


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8, help="turns of ours and of the tool to beat (8)")
    parser.add_argument("--others", type=int, default=2, help="turns of the rest (2)")
    parser.add_argument("--seconds", type=int, default=2, help="of each run (2)")
    parser.add_argument("--rows", nargs="+", choices=[row.name for row in ROWS], default=[row.name for row in ROWS])
    options = parser.parse_args(arguments)
    cores = Cores.allowed()
    known: dict[str, float] = {}
    found: list[Costs] = []
    with tempfile.TemporaryDirectory() as name:
        for row in ROWS:
            if row.name in options.rows:
                costs = measure(
                    row,
                    runs=options.runs,
                    others=options.others,
                    seconds=options.seconds,
                    cores=cores,
                    known=known,
                    folder=Path(name),
                )
                show(costs)
                found.append(costs)
    tools = {tool: named(tool).version() or "" for tool in dict.fromkeys(t for costs in found for t in costs.turns)}
    print("\nstart-up subtracted [ms]: " + ", ".join(f"{Path(n).name} {s * 1e3:.0f}" for n, s in known.items()))
    print("versions: " + ", ".join(f"{tool} {version}" for tool, version in tools.items()) + "\n")
    findings = tuple(finding(costs) for costs in found)
    show_findings(findings)
    return Outcome(
        findings=findings,
        tools=tools,
        data={
            costs.row.name: {
                "server": costs.server,
                "connections": costs.row.connections,
                "streams": costs.row.streams,
                "cpu_s_per_request": costs.turns,
                "achieved_rps": costs.rates,
                "claimed_and_answered": costs.counted,
                "failed": costs.failed,
            }
            for costs in found
        }
        | {"start_up_cpu_s": {Path(name).name: value for name, value in known.items()}},
    )


if __name__ == "__main__":
    main()

"""Known truth: a server with one worker that computes 1 ms a request by the clock, so at most 1000 replies a second.

What it really does a second is counted by the server itself, under a closed loop before and after each search: the
best of three stretches each, since a stretch in which others had its core says nothing of it. The search itself is told
nothing. Arrivals are constant; the objective is that 99 % of the offered rate comes back.

Asked for: the interval contains the counted rate, its estimate lies within 2 % of that, and that within 2 % of 1000/s:
what is missing there is what a request costs the server beside its millisecond. On a machine that
others use, a search may answer "at least", with the machine or the generator as the limit, or find no step clean
enough to confirm its answer; it is repeated then.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import servers
from benchmarks.findings import Finding, Outcome, bounded, show_findings, show_table
from benchmarks.pinned import Cores
from benchmarks.servers import Server
from meshperf.experiment.kinds import run_kind
from meshperf.load.kinds import CapacityShape
from meshperf.load.native import NativeSession
from meshperf.load.plan import Arrivals, Phase, SessionPlan, Target
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.kinds import CapacityOutcome
from meshperf.workloads import Endpoint, counters

THEORY_RPS = 1000.0
CONNECTIONS = 16
TOLERANCE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A single server that counts what it does."""

    server: Server
    cores: Cores

    def target(self) -> Target:
        return Target(
            name="known", address=self.server.address, host="bench.meshperf", connections=CONNECTIONS
        )  # fmt: skip

    def point(self) -> LoadPoint:
        cpus = () if self.cores.generator is None else (self.cores.generator,)
        return LoadPoint(arrivals="constant", connections=CONNECTIONS, warmup_s=0.3, cpus=cpus)

    def counted_rps(self, *, stretches: int = 3, seconds: float = 1.0) -> float:
        """Requests a second by the server's own counter while it is never idle: the best of some stretches."""
        endpoint = Endpoint(address=self.server.address, admin=self.server.admin)
        rates = []
        with NativeSession.open(SessionPlan(targets=(self.target(),), cpus=self.point().cpus)) as session:
            for _ in range(stretches):
                before = counters(endpoint)["requests"]
                phase = session.run([Phase(target=0, duration_s=seconds, arrivals=Arrivals.CLOSED)]).phases[0]
                rates.append((counters(endpoint)["requests"] - before) / (phase.drained_s - phase.begin_s))
        return max(rates)


@contextmanager
def single_server(*options: str, cores: Cores | None = None) -> Iterator[Known]:
    """The workload with one worker that is busy for 1 ms a request, and whatever options say."""
    cores = cores or Cores.allowed()
    line = ("--service-time", "1ms", "--busy", "--workers", "1", "--response-bytes", "16")
    with servers.workload(cores.server, *line, *options) as server:
        yield Known(server=server, cores=cores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search beside what the server counted."""

    counted_rps: float
    found: CapacityOutcome
    steps: int

    @property
    def contains(self) -> bool | None:
        """Whether the interval has the counted rate in it, to 0.1 %; None without a confirmed interval."""
        low, high = self.found.low_rps, self.found.high_rps
        if low is None or high is None or not self.found.confirmed:
            return None
        return low <= self.counted_rps * 1.001 and self.counted_rps <= high * 1.001


def search_once(known: Known, shape: CapacityShape, *, seed: int = 1, stretch_s: float = 1.0) -> Search:
    """Count, search, count; `stretch_s`: seconds of one stretch of counting."""
    before = known.counted_rps(seconds=stretch_s)
    run, _ = run_kind(
        known.target(),
        shape,
        name="capacity",
        point=known.point(),
        host_facts={},
        seed=seed,
        watch={"workload": known.server.pid},
    )
    assert run.kind is not None
    assert run.kind.capacity is not None
    counted_rps = max(before, known.counted_rps(seconds=stretch_s))
    return Search(counted_rps=counted_rps, found=run.kind.capacity, steps=len(run.kind.steps))


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="searches that must end with an interval")
    parser.add_argument("--step", type=float, default=2.0, help="seconds of a step")
    options = parser.parse_args(arguments)
    shape = CapacityShape(start_rate=250, step_s=options.step)
    searches: list[Search] = []
    rows = [("counted/s", "low", "high", "estimate", "holds it", "limit", "its busy share", "confirmed", "steps")]
    with single_server() as known:
        for number in range(3 * options.repeat):
            one = search_once(known, shape, seed=number + 1)
            searches.append(one)
            found = one.found
            rows.append(
                (
                    f"{one.counted_rps:.1f}",
                    *(f"{rate:.1f}" if rate else "-" for rate in (found.low_rps, found.high_rps, found.estimate_rps)),
                    {True: "yes", False: "no", None: f"{found.answer}, repeated"}[one.contains],
                    found.limiting,
                    f"{found.limiting_busy:.0%}" if found.limiting_busy is not None else "-",
                    f"{found.confirmed_below}/{found.asked_below} {found.confirmed_above}/{found.asked_above}",
                    str(one.steps),
                )
            )
            if sum(search.contains is not None for search in searches) == options.repeat:
                break
    show_table(rows)
    findings = tuple(_findings(searches))
    show_findings(findings)
    return Outcome(findings=findings, data={"searches": [_data(one) for one in searches]})


def _findings(searches: Sequence[Search]) -> Iterator[Finding]:
    ended = [one for one in searches if one.contains is not None]
    note = f"{len(ended)} of {len(searches)} searches ended with a confirmed interval"
    missed = float(sum(not one.contains for one in ended)) if ended else None
    yield bounded("capacity intervals that miss the counted rate", missed, 0, digits=0, note=note)
    off = [abs((one.found.estimate_rps or 0.0) / one.counted_rps - 1) * 100 for one in ended]
    yield bounded("estimate off the counted rate, worst", max(off, default=None), TOLERANCE * 100, unit=" %", digits=2)
    counted = [abs(one.counted_rps / THEORY_RPS - 1) * 100 for one in ended]
    yield bounded("counted rate off 1000/s, worst", max(counted, default=None), TOLERANCE * 100, unit=" %", digits=2)


def _data(one: Search) -> dict[str, object]:
    return {
        "counted_rps": one.counted_rps,
        "low_rps": one.found.low_rps,
        "high_rps": one.found.high_rps,
        "estimate_rps": one.found.estimate_rps,
        "answer": one.found.answer,
        "limiting": one.found.limiting,
        "confirmed": one.found.confirmed,
        "contains": one.contains,
    }


if __name__ == "__main__":
    main()

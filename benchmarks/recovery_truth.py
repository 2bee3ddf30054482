"""Known truth: a single server of capacity C that a surge or a stall leaves a backlog with, and when that is served.

At offered rate r before and after, a peak of p for T seconds leaves (p - C) T requests, and C - r a second are to
spare; a stall of S seconds leaves r S. So with b the backlog, recovery takes

    b / (C - r)      from the end of the peak, or of the stall

C is counted by the server just before under a closed loop, never fitted. Asked for: the stated bounds of the recovery,
one window wide on either side, contain it. The median of the runs counts. A run was disturbed, and is repeated, when
the server waited for its core for more than 2 % of the time, or the generator was late by its own verdict; the figure
under test never decides that.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.capacity_truth import Known, single_server
from benchmarks.findings import Finding, Outcome, show_findings, show_table
from benchmarks.sessions import until
from meshperf.experiment.kinds import run_kind
from meshperf.load.kinds import SpikeShape
from meshperf.spec.kinds import SpikeOutcome
from meshperf.spec.records import RunResult
from meshperf.telemetry import longest_wait_share, thread_times

STALL_S, PERIOD_S = 0.5, 15.0
DISTURBED_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """One spike beside its theory."""

    cause: str
    found: SpikeOutcome
    theory_s: float
    """From the end of the peak."""
    highest_theory_s: float
    window_s: float
    waited: float
    """Share of the time that the server was ready to run and had no core."""
    valid: bool
    """By the generator's own verdict."""

    @property
    def off_s(self) -> float | None:
        """How far the theory lies outside of the stated bounds; None where it did not recover."""
        recovery = self.found.recovery
        if recovery is None or recovery.low is None or recovery.high is None:
            return None
        return max(0.0, recovery.low - self.theory_s, self.theory_s - recovery.high)

    @property
    def sound(self) -> bool:
        return self.waited <= DISTURBED_SHARE and self.valid


def watched_run(known: Known, shape: SpikeShape) -> tuple[RunResult, float]:
    """The spike, and which share of its time the server waited for a core."""
    before, began = thread_times(known.server.pid), time.monotonic()
    run, _ = run_kind(known.target(), shape, name="spike", point=known.point(), host_facts={})
    waited = longest_wait_share(before, thread_times(known.server.pid), time.monotonic() - began)
    return run, waited or 0.0


def surge(shape: SpikeShape) -> Recovered:
    """A peak above what the server can do."""
    with single_server() as known:
        capacity = known.counted_rps(seconds=0.5)
        run, waited = watched_run(known, shape)
    assert run.kind is not None
    assert run.kind.spike is not None
    backlog = (shape.peak_rate - capacity) * shape.peak_s
    return Recovered(
        cause="surge",
        found=run.kind.spike,
        theory_s=backlog / (capacity - shape.rate),
        highest_theory_s=backlog / capacity,
        window_s=shape.window_s,
        waited=waited,
        valid=run.validity.ok,
    )


def stall(shape: SpikeShape) -> Recovered:
    """A peak of the same rate, in which the server stops once. The stall's moments are the server's own."""
    with single_server("--stall", f"{STALL_S * 1e3:.0f}ms/{PERIOD_S * 1e3:.0f}ms") as known:
        capacity = known.counted_rps(seconds=0.5)
        # The stall ends a period; the warm-up and the opening of the connections take some of the lead.
        lead_s = known.point().warmup_s + shape.stages()[0].duration_s + shape.peak_s / 2
        time.sleep(until(known.server, PERIOD_S - STALL_S - lead_s, PERIOD_S))
        run, waited = watched_run(known, shape)
        # From the monotonic clock of the server to the wall clock of the run.
        origin_s = time.time() - time.monotonic() + known.server.started_monotonic_ns * 1e-9
    assert run.kind is not None
    assert run.kind.spike is not None
    peak_end_s = run.start_time.timestamp() + sum(stage.duration_s for stage in shape.stages()[:2])
    stall_end_s = origin_s + round((peak_end_s - origin_s) / PERIOD_S) * PERIOD_S
    return Recovered(
        cause="stall",
        found=run.kind.spike,
        theory_s=max(0.0, stall_end_s - peak_end_s + shape.rate * STALL_S / (capacity - shape.rate)),
        highest_theory_s=STALL_S,
        window_s=shape.window_s,
        waited=waited,
        valid=run.validity.ok,
    )


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    surging = SpikeShape(rate=400, peak_rate=1600, before_s=3, peak_s=1, after_s=5)
    stalling = SpikeShape(rate=400, peak_rate=400, before_s=3, peak_s=0.5, after_s=5)
    rows = [("cause", "theory s", "low", "high", "highest ms (theory)", "verdict", "errors", "")]
    findings: list[Finding] = []
    data: list[dict[str, object]] = []
    for measure, shape in ((surge, surging), (stall, stalling)):
        sound: list[Recovered] = []
        for _ in range(3 * options.repeat):
            one = measure(shape)
            rows.append(_row(one))
            data.append({"cause": one.cause, "theory_s": one.theory_s, "off_s": one.off_s, "sound": one.sound})
            sound += [one] if one.sound else []
            if len(sound) == options.repeat:
                break
        findings.append(_finding(measure.__name__, sound))
    show_table(rows)
    show_findings(findings)
    return Outcome(findings=tuple(findings), data={"spikes": data})


def _row(one: Recovered) -> tuple[str, ...]:
    recovery = one.found.recovery
    bounds = ("-", "-") if recovery is None else (f"{recovery.low:.2f}", f"{recovery.high:.2f}")
    highest = (one.found.highest_s or 0.0) * 1e3
    return (
        one.cause,
        f"{one.theory_s:.3f}",
        *bounds,
        f"{highest:.0f} ({one.highest_theory_s * 1e3:.0f})",
        one.found.verdict,
        str(one.found.errors.failed),
        ""
        if one.sound
        else f"disturbed: server waited {one.waited:.0%}{'' if one.valid else ', generator late'}; repeated",
    )


def _finding(cause: str, sound: Sequence[Recovered]) -> Finding:
    limit = "within a window of its bounds"
    if not sound:
        return Finding(what=f"recovery after a {cause}", figure="-", limit=limit, note="every run was disturbed")
    missed = [one.off_s is None or one.off_s > one.window_s for one in sound]
    off = sorted(one.off_s if one.off_s is not None else float("inf") for one in sound)[len(sound) // 2]
    return Finding(
        what=f"recovery after a {cause}",
        figure=f"{off * 1e3:.0f} ms outside, median",
        value=off,
        limit=limit,
        met=sum(missed) * 2 < len(sound),
    )


if __name__ == "__main__":
    main()

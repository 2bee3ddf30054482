"""The kinds against the real workload, whose capacity, leak and recovery are known.

On a machine that others use, a kind may answer that it could not tell. What it must never do is answer wrongly: so an
answer is held to the truth, and where there is none, to saying why. `make bench` asks for the answers themselves.
"""

from __future__ import annotations

import pytest

from benchmarks.capacity_truth import Search, search_once, single_server
from benchmarks.leak_truth import memory_of, soak
from benchmarks.recovery_truth import surge
from meshperf.experiment.kinds import run_kind
from meshperf.load.kinds import CapacityShape, LoadShape, SoakShape, SpikeShape, StressShape, SweepShape
from meshperf.load.plan import Protocol
from meshperf.spec.kinds import StepState

pytestmark = pytest.mark.needs_native

CLOCK_RPS = 1000.0
"""One worker, 1 ms by the clock a request: more is not possible."""


def test_the_capacity_of_a_single_server_lies_in_the_interval_or_the_search_says_why_not() -> None:
    shape = CapacityShape(start_rate=500, step_s=0.55, resolution=0.04, confirmations=3, longest_s=14)
    with single_server() as known:
        one: Search = search_once(known, shape, stretch_s=0.5)
    found = one.found
    assert found.low_rps is None or found.low_rps <= CLOCK_RPS
    if one.contains is None:
        assert found.limiting in ("machine", "generator") or not found.confirmed
        return
    if found.high_rps < 0.95 * one.counted_rps:
        pytest.fail(f"the server counted {one.counted_rps:.0f}/s, and {found.high_rps:.0f}/s was said to be too much")
    assert found.low_rps <= one.counted_rps * 1.01
    assert found.broken_objectives[0] == "achieved >= 99%"
    assert found.limiting == "workload"


def test_an_injected_leak_is_found_and_the_server_beside_it_is_not_accused() -> None:
    shape = SoakShape(
        rate=50, duration_s=8, peak_period_s=2, peak_s=0.2, sample_s=0.1, settle_share=0.2
    )  # fmt: skip
    with single_server() as known:
        found = soak(known, shape, bytes_per_s=1_000_000.0)
    leak = memory_of(found, "leaking")
    assert leak.slope.low <= 1_000_000 <= leak.slope.high
    assert leak.slope.value == pytest.approx(1_000_000, rel=0.1)
    assert (leak.verdict, found.leak) == ("leak", "leak")
    assert memory_of(found, "workload").verdict != "leak"
    assert found.restarts == {"workload": 0, "leaking": 0}
    assert found.peaks == 3


def test_the_time_to_recover_from_a_surge_is_that_of_its_backlog() -> None:
    shape = SpikeShape(rate=300, peak_rate=1500, before_s=2, peak_s=0.6, after_s=4)
    one = surge(shape)
    assert one.found.highest_s >= one.highest_theory_s * 0.8
    if one.sound:
        assert one.found.verdict == "recovered"
        assert one.off_s <= 4 * one.window_s + 0.1 * one.theory_s
    elif one.found.recovery is not None:
        assert one.found.recovery.high >= one.theory_s * 0.8, "a disturbed server does not recover sooner"


def test_a_plateau_counts_what_the_server_counted() -> None:
    with single_server() as known:
        before = known.server.answered(Protocol.HTTP1, 0)
        run, broken = run_kind(
            known.target(), LoadShape(rate=200, duration_s=3), name="load", point=known.point(), host_facts={}
        )
        after = known.server.answered(Protocol.HTTP1, 0)
    assert not broken
    assert run.kind.complete
    assert run.counts.offered == 200 * 2.4
    # Warm-up, both ramps and the plateau.
    assert after - before == sum(step.requests for step in run.kind.steps)
    assert {window.stage for window in run.kind.windows} == {"ramp-up", "plateau", "ramp-down"}
    assert sum(w.offered for w in run.kind.windows if w.stage == "plateau") == run.counts.offered


def test_stress_breaks_the_throughput_of_a_single_server_where_its_capacity_is() -> None:
    shape = StressShape(start_rate=400, factor=1, add=400, step_s=0.6, steps=4)
    with single_server() as known:
        run, _ = run_kind(
            known.target(), shape, name="stress", point=known.point(), host_facts={},
            watch={"workload": known.server.pid},
        )  # fmt: skip
    states = {step.offered_rps: step.state for step in run.kind.steps if step.label == "step"}
    assert all(states[rate] is not StepState.HELD for rate in states if rate > CLOCK_RPS * 1.02)
    assert all(entry.held_at_rps is None or entry.held_at_rps <= 800 for entry in run.kind.stress.breaks)
    assert (
        run.kind.stress.breaks or "generator" in run.kind.stress.stopped_by or "disturbed" in run.kind.stress.stopped_by
    )


def test_a_sweep_on_a_real_server_keeps_every_point() -> None:
    shape = SweepShape(rates=(100, 300, 500, 700, 900), step_s=0.5, metric="mean")
    with single_server() as known:
        run, _ = run_kind(known.target(), shape, name="sweep", point=known.point(), host_facts={})
    steps = {step.offered_rps: step for step in run.kind.steps if step.label == "step"}
    assert sorted(steps) == [100, 300, 500, 700, 900]
    assert all(step.p50_s >= 0.001 for step in steps.values())
    assert run.kind.sweep.verdict in ("found", "beyond", "below", "inconclusive")
    assert run.kind.sweep.metric == "mean"

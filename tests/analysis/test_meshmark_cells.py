"""Efficiencies of single rounds whose figures are known: what they count, per what, and what leaves them alone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ladder_sample import Truth, ladder
from meshperf.analysis.meshmark_cells import RoundPair, efficiencies
from meshperf.analysis.meshmark_score import MeshMark, mark
from meshperf.spec.records import RunResult

SAME = Truth()
DEAR = Truth(slope=100e-6, memory=40 * 2**20, median_s=2e-3, sidecars=1)
CAPACITY = {"baseline": 1000.0, "envoy": 1000.0}


def with_bytes(run: RunResult, *, interface: int | None = None, socket: int | None = None) -> RunResult:
    """Its service with so many bytes on the wire, or through its sockets, for each request; half of them each way.

    Lead-ins add a tenth to what was counted, as in a real run.
    """
    stretch = run.counts.sent * 11 // 10

    def half(of: int | None) -> int | None:
        return None if of is None else of * stretch // 2

    return replace(
        run,
        resources=tuple(
            replace(
                use,
                served=stretch,
                bytes_in=half(socket),
                bytes_out=half(socket),
                interface_bytes_in=half(interface),
                interface_bytes_out=half(interface),
            )
            if use.role == "app"
            else use
            for use in run.resources
        ),
    )


def pair(truth: Truth = DEAR) -> RoundPair:
    runs = {run.arm: run for run in ladder({"baseline": SAME, "envoy": truth}, rates=(500.0,), rounds=1)}
    return RoundPair(baseline=runs["baseline"], mesh=runs["envoy"])


def wire(of: RoundPair) -> float | None:
    return efficiencies(of, latency=True)[0].get("wire")


def test_the_network_class_is_bytes_on_the_pods_interfaces() -> None:
    both = pair()
    found = RoundPair(
        baseline=with_bytes(both.baseline, interface=1100, socket=1000),
        mesh=with_bytes(both.mesh, interface=1180, socket=1000),
    )
    assert wire(found) == pytest.approx(1100 / 1180)
    assert "wire" not in efficiencies(found, latency=True)[1]


def test_bytes_of_sockets_do_where_every_process_counts_them() -> None:
    library = pair(replace(DEAR, sidecars=0))
    found = RoundPair(baseline=with_bytes(library.baseline, socket=1000), mesh=with_bytes(library.mesh, socket=1250))
    assert wire(found) == pytest.approx(0.8)


def test_bytes_that_one_side_alone_knows_are_no_efficiency_and_the_reason_is_told() -> None:
    both = pair()
    for found in (
        both,
        RoundPair(baseline=with_bytes(both.baseline, interface=1100), mesh=with_bytes(both.mesh, socket=1000)),
        RoundPair(baseline=with_bytes(both.baseline, socket=1000), mesh=with_bytes(both.mesh, socket=1000)),
    ):
        have, missing = efficiencies(found, latency=True)
        assert "wire" not in have and "interfaces" in missing["wire"]


def test_bytes_are_those_of_a_successful_request() -> None:
    """Failures that answer with little would otherwise make a failing mesh look thrifty."""
    failing = pair(replace(DEAR, fails=0.5))
    found = RoundPair(
        baseline=with_bytes(failing.baseline, interface=1000), mesh=with_bytes(failing.mesh, interface=1000)
    )
    assert wire(found) == pytest.approx(0.5)


@settings(max_examples=15, deadline=None)
@given(cpu=st.floats(1e-3, 1e3), memory=st.floats(1e-2, 1e2), seconds=st.floats(1e-1, 1e1), size=st.floats(0.1, 10))
def test_a_quantity_in_another_unit_has_the_same_efficiency(
    cpu: float, memory: float, seconds: float, size: float
) -> None:
    def told(truth: Truth) -> Truth:
        return replace(
            truth, slope=truth.slope * cpu, memory=round(truth.memory * memory), median_s=truth.median_s * seconds
        )

    def found(same: Truth, dear: Truth, factor: float) -> dict[str, float]:
        runs = ladder({"baseline": same, "envoy": dear}, rates=(500.0,), rounds=1)
        sizes = {"baseline": 1000, "envoy": 1200}
        both = {run.arm: with_bytes(run, interface=round(sizes[run.arm] * factor)) for run in runs}
        return efficiencies(RoundPair(baseline=both["baseline"], mesh=both["envoy"]), latency=True)[0]

    plain, other = found(SAME, DEAR, 1.0), found(told(SAME), told(DEAR), size)
    assert set(plain) == {"cpu", "resident", "wire", "p50", "p99", "success"}
    assert other == pytest.approx(plain, rel=5e-3)  # whole bytes, and buckets of 0.1 %


def test_the_order_of_the_runs_changes_nothing() -> None:
    runs = ladder({"baseline": SAME, "envoy": DEAR}, noise=0.03)

    def marked(of: list[RunResult]) -> MeshMark:
        return mark(of, arm="envoy", baseline="baseline", capacity_rps=CAPACITY)

    mixed = random.Random(4).sample(runs, len(runs))
    assert marked(mixed).value == marked(runs).value and marked(mixed).terms == marked(runs).terms

"""Which load points form one curve."""

from __future__ import annotations

from dataclasses import replace

from ladder_sample import RATES, ladder
from meshperf.analysis.load_family import CONCURRENCY, RATE, load_families, main_ladder
from meshperf.spec.records import Fact, RunResult


def with_load(run: RunResult, **values: object) -> RunResult:
    facts = {f"load.{name}": Fact(value=value, source="plan") for name, value in values.items()}
    return replace(run, facts={**run.facts, **facts})


def rates(**shared: object) -> list[RunResult]:
    runs = ladder(rounds=1)
    return [with_load(run, rate=run.offered_rps, protocol="http1", connections=16, **shared) for run in runs]


def closed(in_flight: list[int], **shared: object) -> list[RunResult]:
    sample = ladder(rounds=1)[0]
    return [
        with_load(
            replace(sample, run_id=f"c{n}", load_point=n, offered_rps=None),
            rate="as fast as replies come", arrivals="closed", protocol="http1", in_flight=count, connections=count,
            **shared,
        )
        for n, count in enumerate(in_flight)
    ]  # fmt: skip


def test_load_points_that_differ_in_rate_alone_are_one_family_by_rising_rate() -> None:
    (found,) = load_families(rates())
    assert (found.kind, found.values, found.points) == (RATE, RATES, (0, 1, 2, 3))
    assert found.label == "http1, 16 connections, poisson"


def test_how_long_a_point_was_measured_makes_no_other_family() -> None:
    runs = [with_load(run, duration_s=float(run.load_point + 1), warmup_s=float(run.load_point)) for run in rates()]
    assert len(load_families(runs)) == 1


def test_another_protocol_or_size_is_another_family() -> None:
    runs = [with_load(run, path="/?bytes=65536") if run.load_point > 1 else run for run in rates()]
    assert [found.points for found in load_families(runs)] == [(0, 1), (2, 3)]
    lone = [with_load(run, protocol="http2") if run.load_point == 3 else run for run in rates()]
    assert [found.points for found in load_families(lone)] == [(0, 1, 2)]


def test_closed_loops_that_differ_in_concurrency_are_a_family_of_it() -> None:
    (found,) = load_families(closed([8, 1, 2]))
    assert (found.kind, found.values, found.points) == (CONCURRENCY, (1.0, 2.0, 8.0), (1, 2, 0))


def test_a_closed_loop_that_thinks_is_in_no_family() -> None:
    assert load_families(closed([1, 2, 4, 8], think_s=0.01)) == ()


def test_a_rate_that_changes_while_it_is_measured_is_in_no_family() -> None:
    assert load_families([with_load(run, stages="100/s to 200/s for 5 s") for run in rates()]) == ()


def test_a_single_load_point_is_no_family() -> None:
    assert load_families([run for run in rates() if run.load_point == 0]) == ()


def test_lines_are_drawn_through_the_longest_ladder_only() -> None:
    runs = [with_load(run, protocol="http2") if run.load_point == 0 else run for run in rates()]
    assert {run.load_point for run in main_ladder(runs)} == {1, 2, 3}
    apart = [with_load(run, path=f"/{run.load_point}") for run in rates()]
    assert {run.load_point for run in main_ladder(apart)} == {0}
    assert main_ladder([]) == []

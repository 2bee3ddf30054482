"""The one view that every format is written from."""

from __future__ import annotations

from dataclasses import replace

import pytest

import kept_sample
import run_sample
from meshperf.histograms import Histogram
from meshperf.interchange.export.outgoing import names_of, of_imported, of_run, time_word
from meshperf.interchange.export.parts import Part, left_out, parts_of
from meshperf.spec.imported import Imported, LatencyOf, LatencyOrigin, LoopModel, Source

TIMES = Histogram.from_values([0.001] * 99 + [0.004])


def imported(**changes: object) -> Imported:
    base = Imported(source=Source(tool="fortio", form="json", file="a b/c.json"), ok=100, requests=100, response=TIMES)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_a_failure_is_every_due_request_without_a_good_answer() -> None:
    run = run_sample.single()
    record = of_run(run).record
    assert record.errors == 500 + 40 + 40
    assert (record.ok or 0) + record.errors == record.requests == run.counts.offered


def test_a_run_is_of_an_open_loop_and_from_the_intended_start() -> None:
    record = of_run(run_sample.single()).record
    assert (record.loop, time_word(record)) == (LoopModel.OPEN, "response_time")
    assert of_run(run_sample.single(offered_rps=None)).record.loop is LoopModel.CLOSED


def test_the_quantiles_of_a_run_have_the_bounds_of_their_buckets() -> None:
    run = run_sample.single()
    found = {one.q: one for one in of_run(run).record.quantiles}
    assert set(found) == {0.5, 0.75, 0.9, 0.95, 0.99, 0.999}
    for q, one in found.items():
        assert (one.low_s, one.high_s) == run.response.bracket(q)
        assert one.value_s == pytest.approx(float(run.response.quantile(q)))


def test_a_quantile_beyond_which_no_request_lies_is_left_out() -> None:
    few = run_sample.single(response=Histogram.from_values([0.001] * 50))
    assert [one.q for one in of_run(few).record.quantiles] == [0.5, 0.75, 0.9, 0.95]


def test_a_run_without_a_reply_has_no_times() -> None:
    record = of_run(run_sample.single(response=Histogram.from_values([]))).record
    assert (record.mean_s, record.min_s, record.max_s, record.stddev_s, record.quantiles) == (None,) * 4 + ((),)


@pytest.mark.parametrize(
    ("origin", "word"),
    [
        (LatencyOrigin.INTENDED, "response_time"),
        (LatencyOrigin.ACTUAL, "service_time"),
        (LatencyOrigin.UNKNOWN, "unclassified_time"),
    ],
)
def test_times_are_named_by_where_their_clock_starts(origin: LatencyOrigin, word: str) -> None:
    assert time_word(imported(latency_origin=origin)) == word


def test_times_of_failures_alone_are_no_latencies() -> None:
    failed = of_imported(imported(ok=0, errors=100, latency_of=LatencyOf.ALL, mean_s=0.001))
    assert (failed.record.response.total, failed.record.mean_s) == (0, None)
    assert failed.whole.response.total == 100
    assert Part.OTHER_TIMES in parts_of(failed)
    assert of_imported(imported(ok=0, latency_of=LatencyOf.SUCCESSES)).record.response.total == 100


def test_names_are_fit_for_files_and_no_two_are_alike() -> None:
    results = [of_imported(imported()), of_imported(imported()), of_run(run_sample.single(run_id="../../etc"))]
    assert names_of(results) == ("fortio-a-b-c.json", "fortio-a-b-c.json-2", "etc")


def test_what_is_lost_is_what_is_there_and_has_no_place() -> None:
    run = of_run(kept_sample.run("envoy", 0, 0, experiment_id="x"))
    bare = of_imported(imported(response=Histogram.from_values([])))
    assert parts_of(bare) == frozenset()
    assert {Part.OVER_TIME, Part.USAGE, Part.FACTS, Part.BOUNDS} <= parts_of(run)
    assert left_out([bare], ()) == ()
    assert left_out([bare, run], frozenset(Part) - {Part.USAGE, Part.KIND}) == (Part.USAGE,)

"""OpenMetrics text, read by a small strict reader of its grammar."""

from __future__ import annotations

import pytest

import kept_sample
import run_sample
from meshperf.histograms import Histogram
from meshperf.interchange.export.open_metrics import WRITERS
from meshperf.interchange.export.outgoing import Outgoing, of_imported, of_run
from meshperf.spec.imported import Bucket, Imported, LatencyOrigin, Quantile, Source
from open_metrics_grammar import Family, parsed

RUN = run_sample.single()


def written(*results: Outgoing) -> dict[str, Family]:
    return parsed(WRITERS[0].write(results).decode())


def values(family: Family, **labels: str) -> list[float]:
    return [value for _, own, value, _ in family.samples if labels.items() <= own.items()]


def test_a_run_has_its_figures_under_names_with_units() -> None:
    found = written(of_run(RUN))
    assert values(found["meshperf_requests"], outcome="ok") == [9420.0]
    assert values(found["meshperf_requests"], outcome="failed") == [580.0]
    assert values(found["meshperf_achieved_rate_requests_per_second"]) == [pytest.approx(471.0)]
    assert values(found["meshperf_duration_seconds"]) == [20.0]
    p99 = values(found["meshperf_response_time_quantile_seconds"], quantile="0.99")
    assert p99 == [pytest.approx(float(RUN.response.quantile(0.99)))]
    low = values(found["meshperf_response_time_quantile_low_seconds"], quantile="0.99")
    assert low == [RUN.response.bracket(0.99)[0]]


def test_buckets_rise_to_the_count_and_the_sum_is_of_all() -> None:
    family = written(of_run(RUN))["meshperf_response_time_seconds"]
    assert family.unit == "seconds"
    buckets = [(labels["le"], value) for suffix, labels, value, _ in family.samples if suffix == "_bucket"]
    bounds = [float(le) for le, _ in buckets]
    counts = [value for _, value in buckets]
    assert bounds == sorted(set(bounds)) and counts == sorted(counts)
    assert buckets[-1] == ("+Inf", float(RUN.response.total))
    ends = {suffix: value for suffix, _, value, _ in family.samples if suffix != "_bucket"}
    assert ends["_count"] == RUN.response.total
    assert ends["_sum"] == pytest.approx(RUN.response.mean() * RUN.response.total)


def test_every_sample_has_the_end_of_the_result_as_its_time() -> None:
    times = {time for family in written(of_run(RUN)).values() for _, _, _, time in family.samples}
    assert times == {f"{RUN.end_time.timestamp():.3f}"}


def test_several_results_share_the_families_and_no_series() -> None:
    alike = [of_run(RUN), of_run(RUN), of_run(kept_sample.run("envoy", 0, 0, experiment_id="x"))]
    found = written(*alike)
    assert [labels["result"] for _, labels, _, _ in found["meshperf_result"].samples] == [
        "load-0", "load-0-2", "r0-g0-p0-a0-envoy-0",
    ]  # fmt: skip


def test_labels_from_outside_are_escaped() -> None:
    hostile = 'a "quoted" \\ back\nslash }{'
    found = written(of_run(run_sample.single(experiment=hostile)))
    (_, labels, _, _) = found["meshperf_result"].samples[0]
    assert labels["experiment"] == 'a \\"quoted\\" \\\\ back\\nslash }{'


def test_times_of_another_origin_have_another_name_and_no_sum_without_a_mean() -> None:
    other = Imported(
        source=Source(tool="fortio", form="json"),
        latency_origin=LatencyOrigin.ACTUAL,
        buckets=(Bucket(low_s=0.0, high_s=0.001, count=7), Bucket(low_s=0.001, high_s=float("inf"), count=3)),
        quantiles=(Quantile(q=0.5, value_s=0.0007, low_s=0.0, high_s=0.001),),
    )
    found = written(of_imported(other))
    family = found["meshperf_service_time_seconds"]
    assert [(labels["le"], value) for _, labels, value, _ in family.samples] == [("0.001", 7.0), ("+Inf", 10.0)]
    assert not [name for name in found if "response_time" in name or "requests" in name]
    assert {time for one in found.values() for _, _, _, time in one.samples} == {None}


def test_quantiles_that_are_near_one_another_are_series_of_their_own() -> None:
    near = tuple(Quantile(q=q, value_s=1.0, low_s=1.0, high_s=1.0) for q in (0.999, 0.9990001, 0.99999999))
    found = written(of_imported(Imported(source=Source(tool="wrk2", form="text"), quantiles=near)))
    (family,) = (one for name, one in found.items() if name.endswith("_quantile_seconds"))
    assert [float(labels["quantile"]) for _, labels, _, _ in family.samples] == [one.q for one in near]


def test_a_run_without_replies_has_no_histogram() -> None:
    found = written(of_run(run_sample.single(response=Histogram.from_values([]))))
    assert not [name for name in found if "time" in name and "timeouts" not in name]


def test_the_reader_of_this_test_sees_what_is_wrong() -> None:
    good = WRITERS[0].write([of_run(RUN)]).decode()
    for bad in (
        good.removesuffix("# EOF\n"),
        good + good,
        good.replace('load_point="0"}', 'load_point="0",}', 1),
        good.replace("meshperf_requests_total{", "meshperf_requests{", 1),
    ):
        with pytest.raises(AssertionError):
            parsed(bad)

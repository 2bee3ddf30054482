"""What each metric of a run means."""

import math
from dataclasses import replace

import pytest
from simulated import Simulation, constant_run, make_run

from meshperf.analysis import figure, slices_add_up
from meshperf.analysis.figures import METRICS, error_share
from meshperf.histograms import Histogram
from meshperf.spec.records import ComponentUsage, Counts


def test_quantiles_and_mean_are_those_of_the_response_times():
    run = make_run(arm="envoy", response=Histogram.from_values([i * 1e-3 for i in range(1, 101)]))
    assert figure(run, "p50") == pytest.approx(50.5e-3, rel=0.011)
    assert figure(run, "p90") == pytest.approx(90.1e-3, rel=0.011)
    assert figure(run, "mean") == pytest.approx(50.5e-3, rel=1e-3)


def test_cpu_per_request_counts_application_and_sidecars_but_not_the_generator():
    run = constant_run(1e-3, arm="envoy", requests=1000, cpu_s=0.05)
    sidecar = ComponentUsage(component="envoy-client", role="sidecar", cpu_s=0.15, private_bytes=5_000_000)
    both = replace(run, resources=(*run.resources, sidecar))
    assert figure(both, "cpu_per_request") == pytest.approx(200e-6)
    assert figure(both, "memory") == 25_000_000


def test_cpu_is_summed_over_the_slices_and_divided_by_the_requests_that_were_sent():
    run = Simulation(slices=10, requests=1000, rounds=1).run(1)[1]
    spent = sum(piece.cpu_s["app"] for piece in run.slices)
    late = replace(run.slices[0], counts=Counts(offered=100, sent=80, ok=80, not_sent=20))
    assert figure(run, "cpu_per_request") == pytest.approx(spent / 1000)
    assert figure(replace(run, slices=(late, *run.slices[1:])), "cpu_per_request") == pytest.approx(spent / 980)


def test_one_missing_clock_makes_cpu_unknown_and_not_smaller():
    run = Simulation(slices=10, requests=1000, rounds=1).run(1)[1]
    dead = ComponentUsage(component="envoy-server", role="sidecar", cpu_s=None, private_bytes=None)
    partial = replace(run, resources=(*run.resources, dead))
    assert math.isnan(figure(partial, "cpu_per_request"))
    assert math.isnan(figure(partial, "memory"))


def test_a_run_without_requests_has_no_figures():
    empty = replace(make_run(arm="envoy"), resources=())
    assert all(math.isnan(figure(empty, metric)) for metric in METRICS)


def test_a_metric_that_is_not_known_is_refused():
    with pytest.raises(KeyError, match="p42"):
        figure(make_run(arm="envoy"), "p42")


def test_the_histogram_of_a_run_must_be_the_exact_sum_of_its_slices():
    run = Simulation(slices=10, requests=1000, rounds=1).run(1)[0]
    assert slices_add_up(run)
    assert not slices_add_up(replace(run, response=run.response + Histogram.from_values([1.0])))


def test_the_error_share_counts_every_due_request_without_a_good_reply():
    counts = Counts(offered=1000, sent=998, ok=990, errors=3, timeouts=4, unanswered=1, not_sent=2)
    assert error_share([make_run(arm="envoy", counts=counts)]) == pytest.approx(0.010)
    assert math.isnan(error_share([]))

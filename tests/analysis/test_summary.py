"""An arm in absolute figures."""

import math
from dataclasses import replace

import pytest
from simulated import constant_run

from meshperf.analysis.summary import summarise
from meshperf.spec.records import ComponentUsage, Validity, ValidityState


def _runs(arm, times, **settings):
    return [constant_run(seconds, arm=arm, round=number, **settings) for number, seconds in enumerate(times, start=1)]


def test_figures_are_geometric_means_over_rounds():
    found = summarise(_runs("envoy", [1e-3, 4e-3]), [])
    assert found.figures["p50"].value == pytest.approx(2e-3, rel=1e-3)
    assert (found.rounds, found.requests) == (2, 4000)
    assert found.achieved_rps == pytest.approx(500.0)


def test_the_p99_of_small_rounds_is_pooled_and_has_no_interval():
    small, large = (summarise(_runs("envoy", [1e-3] * 3, requests=n), []) for n in (9_999, 10_000))
    assert math.isnan(small.figures["p99"].low)
    assert "pooled" in small.figures["p99"].method
    assert "pooled" not in large.figures["p99"].method


def test_only_quantiles_with_requests_beyond_them_are_shown():
    found = summarise(_runs("envoy", [1e-3], requests=2000), [])
    assert "p99" in found.pooled_quantiles_s
    assert "p99.9" not in found.pooled_quantiles_s


def test_invalid_runs_are_listed_and_not_averaged():
    runs = _runs("envoy", [1e-3, 50e-3])
    runs[1] = replace(runs[1], validity=Validity(state=ValidityState.CLIENT_LIMITED, reasons=("late",)))
    found = summarise(runs, [])
    assert found.figures["p50"].value == pytest.approx(1e-3, rel=1e-3)
    assert found.invalid == ("round 2, envoy: client-limited (late)",)


def test_every_component_has_its_cpu_and_memory():
    sidecar = ComponentUsage(component="envoy-client", role="sidecar", cpu_s=0.4, private_bytes=9_000_000, pss_bytes=12)
    runs = [replace(run, resources=(*run.resources, sidecar)) for run in _runs("envoy", [1e-3] * 3)]
    costs = {cost.component: cost for cost in summarise(runs, []).components}
    assert costs["envoy-client"].cpu_s_per_request.value == pytest.approx(200e-6)
    assert costs["envoy-client"].private_bytes.value == pytest.approx(9_000_000)
    assert costs["envoy-client"].pss_bytes == 12
    assert set(costs) == {"app", "generator", "envoy-client"}


def test_what_an_arm_brings_is_what_the_baseline_has_not():
    found = summarise(_runs("envoy", [1e-3]), _runs("baseline", [1e-3]))
    assert found.brings["security.mtls"] == "strict"
    assert "host.kernel" not in found.brings
    assert "proxy.access_log" not in found.brings
    assert summarise(_runs("baseline", [1e-3]), _runs("baseline", [1e-3])).brings == {}

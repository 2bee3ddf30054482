"""Objectives on arms: held, broken, or unknown."""

import pytest
from simulated import constant_run, make_run

from meshperf.analysis.objectives import objective_value, try_objectives
from meshperf.spec.experiment import Objective
from meshperf.spec.records import Counts
from meshperf.units import Unit


def _objective(metric, op, threshold, unit=Unit.SECONDS):
    return Objective(metric=metric, op=op, threshold=threshold, unit=unit, text=f"{metric} {op} {threshold}")


def _outcome(runs, *objective):
    (found,) = try_objectives("envoy", runs, [_objective(*objective)])
    return found.outcome


@pytest.mark.parametrize(
    ("op", "threshold", "outcome"),
    [("<=", 0.05, "held"), ("<=", 0.01, "broken"), (">", 0.01, "held"), (">=", 0.05, "broken"), ("<", 0.03, "held")],
)
def test_a_bound_is_held_or_broken(op, threshold, outcome):
    assert _outcome([constant_run(0.02, arm="envoy")], "p90", op, threshold) == outcome


def test_what_was_not_measured_is_unknown_and_never_held():
    assert _outcome([], "p90", "<=", 1.0) == "unknown"
    assert _outcome([make_run(arm="envoy")], "p90", "<=", 1.0) == "unknown"
    assert _outcome([constant_run(0.02, arm="envoy")], "energy", "<=", 1.0) == "unknown"


def test_all_rounds_count_together_so_a_bad_one_cannot_hide():
    runs = [constant_run(0.01, arm="envoy", round=1), constant_run(0.09, arm="envoy", round=2)]
    assert objective_value(runs, "p90") == pytest.approx(0.09, rel=0.01)
    assert objective_value(runs, "mean") == pytest.approx(0.05, rel=0.01)


def test_errors_rate_and_resources_can_be_objectives():
    counts = Counts(offered=2000, sent=2000, ok=1998, errors=2)
    run = constant_run(0.01, arm="envoy", counts=counts, measured_s=4.0, cpu_s=0.2)
    assert objective_value([run], "errors") == pytest.approx(0.001)
    assert objective_value([run], "achieved_rate") == pytest.approx(499.5)
    assert objective_value([run], "cpu_per_request") == pytest.approx(100e-6)
    assert objective_value([run], "memory") == 20_000_000

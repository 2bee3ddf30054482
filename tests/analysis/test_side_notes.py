"""What is told beside the verdicts: a library's half in the generator, and slices against a continuous stretch."""

import math
from dataclasses import replace

import pytest
from simulated import BARE, BASELINE, MARGINS, SimulatedArm, Simulation, constant_run

from meshperf.analysis import compare
from meshperf.analysis.side_notes import client_in_generator
from meshperf.spec.records import Fact, WarningKind

LIBRARY = {**BARE, "security.mtls": "strict", "client_library.functions": "mutual TLS"}
ARMS = {"baseline": BASELINE, "library": SimulatedArm(ratio=1.2, cpu_ratio=1.5, facts=LIBRARY), "envoy": SimulatedArm()}


def _runs(**settings):
    return Simulation(**{"arms": ARMS, "slices": 10, "run_sd": 0.001, "cpu_sd": 0.0, "rounds": 3, **settings}).run(1)


def _told(runs, kind):
    (found,) = compare(runs, baseline="baseline", subject=("mesh", "client_library"), margins=MARGINS)
    return [entry for entry in found.warnings if entry.kind is kind]


def _generator(run, cpu_s):
    return replace(run, slices=tuple(replace(part, cpu_s={**part.cpu_s, "generator": cpu_s}) for part in run.slices))


def test_a_librarys_half_in_the_generator_is_told_and_counted():
    # 200 requests a slice: 10 µs a request in the baseline, 30 µs in the library's arm, 50 µs app CPU in the baseline.
    cost = {"baseline": 2e-3, "envoy": 2e-3, "library": 6e-3}
    (told,) = _told([_generator(run, cost[run.arm]) for run in _runs()], WarningKind.CLIENT_IN_GENERATOR)
    assert told.text.startswith("library:") and "20 µs per request more than in baseline" in told.text
    assert told.figures["generator_cpu_s_per_request"] == pytest.approx(20e-6)
    assert told.figures["ratio"] == pytest.approx(1.5, rel=0.03)
    assert told.figures["ratio_with_generator"] == pytest.approx(1.5 + 20 / 50, rel=0.03)


def test_a_half_that_was_not_measured_is_told_without_a_figure():
    bare = constant_run(1e-3, arm="baseline", resources=())
    library = constant_run(1e-3, arm="library", resources=(), facts={"client_library.functions": Fact(value="mTLS")})
    (told,) = client_in_generator([bare, library], "baseline")
    assert told.figures == {} and "per request" not in told.text


def test_arms_without_a_library_are_not_told_of():
    assert _told([run for run in _runs() if run.arm != "library"], WarningKind.CLIENT_IN_GENERATOR) == []


def test_a_continuous_stretch_is_shown_beside_the_slices_of_its_round():
    control = {
        "baseline": {"p50_s": 1e-3, "p90_s": 2e-3, "requests": 1000.0, "duration_s": 2.0},
        "library": {"p50_s": 1.4e-3, "p90_s": 3e-3, "requests": 990.0, "duration_s": 2.0},
        "envoy": {"requests": 0.0, "duration_s": 2.0},
    }
    runs = [replace(run, control=control[run.arm]) if run.round == 1 else run for run in _runs()]
    (told,) = _told(runs, WarningKind.SLICED_CONTROL)
    assert told.figures["p50_continuous"] == pytest.approx(1.4)
    assert told.figures["p90_continuous"] == pytest.approx(1.5)
    assert told.figures["p50_sliced"] == pytest.approx(1.2, rel=0.1)
    assert not math.isclose(told.figures["p50_sliced"], 1.4, rel_tol=0.05)
    assert "library against baseline" in told.text and "continuous x1.4;" in told.text
    assert "990 requests" in told.text and "not judged" in told.text


def test_without_a_continuous_stretch_there_is_nothing_to_tell():
    assert _told(_runs(), WarningKind.SLICED_CONTROL) == []

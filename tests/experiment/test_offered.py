"""From load points to phases: the counted load is what was asked for, and what stands beside it is steady."""

from __future__ import annotations

from meshperf.experiment.offered import counted_phase, mean_rate, steady_phase
from meshperf.load.plan import Arrivals, Phase
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.experiment_load import Stage

RAMP = LoadPoint(arrivals="poisson", rate=10.0, rate_end=50.0, quantum_s=1e-3, duration_s=4.0)
CLOSED = LoadPoint(arrivals="closed", in_flight=6, think_s=5e-3, connections=4)
TRACE = LoadPoint(arrivals="trace", trace_s=(0.0, 0.5, 0.5, 1.5), duration_s=2.0)


def test_a_ramp_is_counted_and_what_stands_beside_it_begins_as_it_does() -> None:
    assert counted_phase(RAMP, 1, 4.0, seed=7, label="a", mix=((1, 3.0), (2, 1.0)), drain_s=1.0) == Phase(
        target=1,
        duration_s=4.0,
        arrivals=Arrivals.POISSON,
        rate=10.0,
        rate_end=50.0,
        quantum_s=1e-3,
        mix=((1, 3.0), (2, 1.0)),
        drain_s=1.0,
        seed=7,
        label="a",
    )
    steady = steady_phase(RAMP, 1, 1.0, seed=7, label="a")
    assert (steady.arrivals, steady.rate, steady.rate_end) == (Arrivals.POISSON, 10.0, None)


def test_a_closed_loop_has_no_rate() -> None:
    for phase in (counted_phase(CLOSED, 0, 1.0, seed=0, label=""), steady_phase(CLOSED, 0, 1.0, seed=0, label="")):
        assert (phase.arrivals, phase.rate, phase.in_flight, phase.think_s) == (Arrivals.CLOSED, None, 6, 5e-3)


def test_a_trace_is_warmed_up_at_its_mean_rate() -> None:
    counted = counted_phase(TRACE, 0, 2.0, seed=0, label="")
    assert (counted.arrivals, counted.rate, counted.trace_s) == (Arrivals.TRACE, None, TRACE.trace_s)
    steady = steady_phase(TRACE, 0, 1.0, seed=0, label="")
    assert (steady.arrivals, steady.rate, steady.trace_s) == (Arrivals.CONSTANT, 2.0, ())


def test_the_mean_rate_is_of_all_the_counted_time() -> None:
    stages = (Stage(duration_s=1.0, rate=10.0, rate_end=30.0), Stage(duration_s=3.0, rate=40.0))
    assert mean_rate(RAMP) == 30.0
    assert mean_rate(CLOSED) is None
    assert mean_rate(TRACE) == 2.0
    assert mean_rate(LoadPoint(arrivals="constant", stages=stages)) == (20.0 + 3 * 40.0) / 4

"""A plan dealt out to generators: nothing is lost, nothing is there twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshperf.errors import UsageError
from meshperf.load import Arrivals, Phase, SessionPlan, Target
from meshperf.load.splitting import split


def _target(**changes) -> Target:
    return Target(**{"name": "echo", "address": "127.0.0.1:1", "host": "x", "connections": 16, **changes})


def _phase(**changes) -> Phase:
    return Phase(**{"target": 0, "duration_s": 5.0, "arrivals": Arrivals.POISSON, "rate": 100.0, "seed": 3, **changes})


@given(
    generators=st.integers(1, 20),
    workers=st.integers(1, 3),
    spare=st.integers(0, 50),
    growth=st.none() | st.integers(0, 50),
)
def test_all_connections_are_dealt_out_evenly_and_every_worker_has_one(generators, workers, spare, growth):
    connections = generators * workers + spare
    most = None if growth is None else connections + growth
    plan = SessionPlan(targets=(_target(connections=connections, max_connections=most),), workers=workers)
    targets = [part.targets[0] for part, _ in split(plan, [_phase()], generators)]
    dealt = [target.connections for target in targets]
    assert sum(dealt) == connections
    assert min(dealt) >= workers
    assert max(dealt) - min(dealt) <= 1
    if most is None:
        assert {target.max_connections for target in targets} == {None}
    else:
        assert sum(target.max_connections for target in targets) == most
        assert all(target.max_connections >= target.connections for target in targets)


def test_rates_seeds_and_in_flight_stay_those_of_all_and_each_part_has_its_number():
    phases = [_phase(), _phase(arrivals=Arrivals.CLOSED, rate=None, in_flight=12)]
    plan = SessionPlan(targets=(_target(),), workers=2, clocks={"proxy": 7})
    parts = split(plan, phases, 8)
    assert [part.share for part, _ in parts] == [(number, 8) for number in range(8)]
    assert all(mine == phases for _, mine in parts)
    assert {part.workers for part, _ in parts} == {2}
    assert [dict(part.clocks) for part, _ in parts] == [{"proxy": 7}] + [{}] * 7


def test_split_over_one_generator_a_plan_stays_as_it_is():
    plan = SessionPlan(targets=(_target(connections=1),), workers=1)
    assert split(plan, [_phase()], 1) == ((plan, [_phase()]),)


def test_phases_begin_together_after_the_whole_drain_of_those_before():
    phases = [_phase(guard_s=0.5, lead_in_s=1.0, drain_s=2.0), _phase(drain_s=1.0), _phase()]
    for _, mine in split(SessionPlan(targets=(_target(),)), phases, 4, start_unix_s=1000.0):
        assert [phase.start_unix_s for phase in mine] == [1000.0, 1008.5, 1014.5]


def test_without_a_start_the_first_phase_says_when():
    plan = SessionPlan(targets=(_target(),))
    for start, expected in ((None, [None, None]), (50.0, [50.0, 57.0])):
        ((_, mine),) = split(plan, [_phase(start_unix_s=start), _phase()], 1)
        assert [phase.start_unix_s for phase in mine] == expected
    assert split(plan, [], 2, start_unix_s=1.0)[1][1] == []


def test_a_later_phase_that_is_to_begin_even_later_does():
    plan = SessionPlan(targets=(_target(),))
    ((_, mine),) = split(plan, [_phase(), _phase(start_unix_s=90.0)], 1, start_unix_s=50.0)
    assert [phase.start_unix_s for phase in mine] == [50.0, 90.0]


def test_too_few_connections_are_refused_with_how_many_are_needed():
    plan = SessionPlan(targets=(_target(), _target(name="other", connections=15)), workers=2)
    said = "other has 15 connections; 8 generators with 2 workers each need at least 16"
    with pytest.raises(UsageError, match=said) as caught:
        split(plan, [_phase()], 8)
    assert caught.value.code == "MP1002"


@pytest.mark.parametrize("generators", [0, -1])
def test_no_generators_are_refused(generators):
    with pytest.raises(UsageError) as caught:
        split(SessionPlan(targets=(_target(),)), [], generators)
    assert caught.value.code == "MP1001"


def test_a_part_is_not_split_again():
    (_, (part, phases)) = split(SessionPlan(targets=(_target(),)), [_phase()], 2)
    with pytest.raises(UsageError, match="already part 1 of 2"):
        split(part, phases, 2)

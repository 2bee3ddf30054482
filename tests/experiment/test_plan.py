"""Order of rounds and slices."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from meshperf.experiment.plan import make_plan, seed_of, slice_phases
from meshperf.spec.experiment import Arm, Experiment, LoadPoint


def experiment(candidates: int = 2, *, rounds: int = 4, seed: int = 1, aa: tuple[str, ...] = ()) -> Experiment:
    arms = {"baseline": Arm(name="baseline", mesh="none")}
    arms |= {f"m{number}": Arm(name=f"m{number}", mesh="envoy") for number in range(candidates)}
    return Experiment(
        name="t", subject=("mesh",), load=(LoadPoint(rate=500.0, duration_s=1.0),), rounds=rounds, seed=seed, arms=arms,
        aa=aa,
    )  # fmt: skip


@given(st.integers(1, 7), st.integers(0, 2**31))
def test_every_group_has_the_baseline_and_at_most_two_candidates(candidates: int, seed: int) -> None:
    plan = make_plan(experiment(candidates, seed=seed))
    placed = Counter()
    for group in plan.groups:
        names = [resident.arm.name for resident in group.residents]
        assert names[0] == "baseline"
        assert 1 <= len(names) - 1 <= 2
        placed.update(names[1:])
    assert placed == Counter({f"m{number}": 1 for number in range(candidates)})


def test_an_aa_arm_is_resident_twice_beside_its_twin() -> None:
    plan = make_plan(experiment(2, aa=("baseline", "m1")))
    assert [resident.name for resident in plan.groups[0].residents] == ["baseline", "m0", "m1", "baseline#2", "m1#2"]


def test_the_same_seed_gives_the_same_plan_and_another_seed_another_one() -> None:
    assert make_plan(experiment(seed=3)) == make_plan(experiment(seed=3))
    orders = {tuple(item.start_order for item in make_plan(experiment(seed=seed)).rounds) for seed in range(8)}
    assert len(orders) > 4


def test_every_block_holds_each_resident_once_in_an_order_that_varies() -> None:
    plan = make_plan(experiment(2, aa=("baseline",)))
    point = LoadPoint(rate=500.0, duration_s=5.0)
    phases, blocks = slice_phases(plan.rounds[0], point, load_point=0, slice_s=0.1)
    assert blocks == 50
    orders = set()
    for block in range(blocks):
        mine = [phase.target for phase in phases if phase.label == str(block)]
        assert sorted(mine) == [0, 1, 2, 3]
        orders.add(tuple(mine))
    assert len(orders) > 12
    firsts = Counter(phases[block * 4].target for block in range(blocks))
    assert min(firsts.values()) >= 4


def test_counted_time_is_at_least_what_was_asked_in_whole_slices() -> None:
    plan = make_plan(experiment())
    point = LoadPoint(rate=500.0, duration_s=1.03)
    phases, blocks = slice_phases(plan.rounds[0], point, load_point=0, slice_s=0.1)
    assert blocks == 11
    assert abs(sum(phase.duration_s for phase in phases if phase.target == 0) - 1.1) < 1e-9


def test_no_two_slices_share_their_arrivals() -> None:
    plan = make_plan(experiment())
    point = LoadPoint(rate=500.0, duration_s=2.0)
    phases, _ = slice_phases(plan.rounds[0], point, load_point=0, slice_s=0.1)
    again, _ = slice_phases(plan.rounds[0], point, load_point=0, slice_s=0.1, attempt=1)
    seeds = [phase.seed for phase in (*phases, *again)]
    assert len(set(seeds)) == len(seeds)


def test_a_seed_is_exact_in_json() -> None:
    assert all(0 <= seed_of("x", number) < 2**53 for number in range(1000))

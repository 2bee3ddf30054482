"""Which cores each role may use."""

from __future__ import annotations

import pytest

from meshperf.environments.cpus import MEASURED, assign
from meshperf.errors import UsageError


def test_one_core_is_shared_by_all_and_flagged() -> None:
    plan = assign([3])
    assert {plan.cpus_for(role) for role in ("generator", *MEASURED)} == {(3,)}
    assert plan.generator_shared
    assert plan.measured_cores == 1
    assert "shares core 3" in plan.note


def test_with_two_cores_the_generator_has_one_and_everything_measured_the_other() -> None:
    plan = assign([0, 1])
    assert plan.cpus_for("generator") == (0,)
    assert {plan.cpus_for(role) for role in MEASURED} == {(1,)}
    assert not plan.generator_shared
    assert "all measured processes share core 1" in plan.note


@pytest.mark.parametrize("count", [3, 4, 5, 8, 64])
def test_with_more_cores_generator_application_and_sidecars_are_kept_apart(count: int) -> None:
    plan = assign(range(count))
    generator, app, sidecar = (set(plan.cpus_for(role)) for role in ("generator", "app", "sidecar"))
    assert (len(generator), len(app)) == (1, 1)
    assert not generator & app and not generator & sidecar and not app & sidecar
    assert not plan.generator_shared
    assert plan.measured_cores == count - 1
    assert set().union(*plan.by_role.values()) == set(range(count))


def test_the_users_assignment_wins_and_the_rest_is_filled_from_what_is_left() -> None:
    plan = assign([0, 1, 2, 3], {"generator": (3,), "app": (0,)})
    assert plan.cpus_for("generator") == (3,)
    assert plan.cpus_for("app") == (0,)
    assert plan.cpus_for("sidecar") == (1, 2)
    assert not plan.generator_shared


def test_measured_stands_for_all_three_roles_and_a_named_role_overrides_it() -> None:
    plan = assign([0, 1, 2, 3], {"measured": (1, 2), "control-plane": (3,)})
    assert plan.cpus_for("app") == plan.cpus_for("sidecar") == (1, 2)
    assert plan.cpus_for("control-plane") == (3,)
    assert plan.cpus_for("generator") == (0,)


def test_an_overlap_that_the_user_asked_for_is_flagged() -> None:
    plan = assign([0, 1], {"generator": (0, 1), "measured": (1,)})
    assert plan.generator_shared
    assert "never waits by spinning" in plan.note


@pytest.mark.parametrize(
    ("wanted", "says"),
    [({"generator": (7,)}, "core 7"), ({"proxy": (0,)}, "'proxy'"), ({"app": ()}, "no core")],
)
def test_cores_that_cannot_be_had_are_a_usage_error(wanted: dict[str, tuple[int, ...]], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        assign([0, 1], wanted)
    assert caught.value.code == "MP1001"


def test_a_measured_process_on_the_generators_hyperthread_is_named() -> None:
    beside = assign([0, 1, 2, 3], {"generator": (0,), "measured": (1,)}, siblings={frozenset({0, 1})})
    apart = assign([0, 1, 2, 3], {"generator": (0,), "measured": (2,)}, siblings={frozenset({0, 1})})
    assert "hardware thread" in beside.note
    assert "hardware thread" not in apart.note

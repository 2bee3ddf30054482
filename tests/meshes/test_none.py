"""No mesh refuses what only a mesh can do."""

from __future__ import annotations

import pytest

from meshperf.errors import UsageError
from meshperf.meshes import open_mesh
from meshperf.spec.experiment import Arm, Functions, Workload


def test_an_arm_without_a_mesh_can_do_no_function_of_one() -> None:
    arm = Arm(name="bare", mesh="none", functions=Functions(retries=2, metrics=True))
    with pytest.raises(UsageError, match="retries, metrics") as refusal:
        open_mesh("none").check(arm, Workload().as_graph(), "local")
    assert refusal.value.code == "MP1008"


def test_a_plain_baseline_is_never_refused() -> None:
    open_mesh("none").check(Arm(name="baseline", mesh="none"), Workload().as_graph(), "local")

"""What static sidecars cannot be is refused before anything is deployed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshperf.errors import PrerequisiteError, UsageError
from meshperf.meshes import open_mesh
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.graph import Call, Graph, GraphService, digest_of

ARM = Arm(name="mine", mesh="envoy")
ONE = (GraphService(name="app"),)
TWO = (GraphService(name="back"), GraphService(name="front", calls=(Call(to="back"),)))


def check(arm: Arm, services: tuple[GraphService, ...] = ONE, environment: str = "local") -> None:
    entry = services[-1].name
    open_mesh("envoy").check(
        arm, Graph(name="t", entry=entry, services=services, digest=digest_of(entry, services)), environment
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"interception": "transparent"}, "a network namespace for each pod"),
        ({"mode": "tcp", "functions": Functions(retries=1, routes=5, metrics=True)}, "cannot do routes, retries\n"),
        ({"control_plane": {"PILOT_X": "1"}}, "no control plane"),
        ({"clusters": 2}, "two clusters need a network namespace"),
        ({"server_bootstrap": Path("/there.yaml"), "functions": Functions(retries=1)}, "no functions of ours"),
    ],
    ids=["transparent", "tcp", "control plane", "clusters", "template"],
)
def test_it_is_refused_with_what_to_write_instead(change: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told) as refused:
        check(replace(ARM, **change))
    assert refused.value.code == "MP1008"
    assert "`mine`" in str(refused.value.message)
    assert refused.value.hint


def test_a_template_for_a_pair_is_none_for_a_graph() -> None:
    arm = replace(ARM, client_bootstrap=Path("/there.yaml"))
    with pytest.raises(UsageError, match="single service"):
        check(arm, TWO)


@pytest.mark.needs_envoy
def test_a_graph_with_every_function_is_accepted() -> None:
    functions = Functions(
        authorization_rules=5, routes=5, split=(1, 1), retries=1, timeout_s=1, rate_limit=5, metrics=True, tracing=True
    )
    check(replace(ARM, functions=functions, mtls="strict"), TWO)
    check(replace(ARM, mode="tcp", functions=Functions(metrics=True)), TWO)


def test_a_program_that_is_named_and_is_not_there_is_missed_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError) as refused:
        check(replace(ARM, binaries={"envoy": tmp_path / "envoy"}))
    assert refused.value.code == "MP3001"

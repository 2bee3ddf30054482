from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from graphs import ECHO, TRIANGLE, graph
from meshperf.errors import PrerequisiteError, UsageError
from meshperf.meshes import open_mesh
from meshperf.meshes.istio import mesh as mesh_module
from meshperf.spec.experiment import Functions
from meshperf.spec.graph import GraphService


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"interception": "explicit"}, "reached by redirection"),
        ({"clusters": 2}, "two clusters of Istio"),
        ({"client_bootstrap": Path("/x")}, "itself"),
        ({"functions": Functions(tracing=True)}, "a collector"),
        ({"functions": Functions(retries=1), "mode": "tcp"}, "forwards bytes"),
        ({"functions": Functions(authorization_rules=2), "mode": "tcp"}, "forwards bytes"),
        ({"functions": Functions(authorization_rules=1), "mtls": "off"}, "without mutual TLS"),
        ({"control_plane": {"nothing": "1"}}, "is no setting"),
    ],
)
def test_what_istio_is_not_here_is_refused_with_the_reason(arm_of: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        open_mesh("istio").check(arm_of(**settings), ECHO, "netns")
    assert refused.value.code == "MP1008"
    assert "`istio`" in refused.value.message
    assert refused.value.hint


def test_on_loopback_the_hint_says_what_to_write(arm_of: Any) -> None:
    with pytest.raises(UsageError, match="pods") as refused:
        open_mesh("istio").check(arm_of(), ECHO, "local")
    assert "environment: netns" in str(refused.value.hint)


@pytest.mark.parametrize("name", ["control", "outsider", "istiod", "Front", "a_b"])
def test_services_that_istio_could_not_carry_are_refused_by_name(arm_of: Any, name: str) -> None:
    with pytest.raises(UsageError, match=f"`{name}`"):
        open_mesh("istio").check(arm_of(), graph(GraphService(name=name), entry=name), "netns")


def test_a_missing_iptables_is_named(arm_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(mesh_module.shutil, "which", lambda tool, path: None if "save" in tool else f"/sbin/{tool}")
    with pytest.raises(PrerequisiteError, match="iptables-save") as refused:
        open_mesh("istio").check(arm_of(), TRIANGLE, "netns")
    assert "apt install iptables" in str(refused.value.hint)


def test_without_root_redirection_is_refused(arm_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PrerequisiteError, match="needs root"):
        open_mesh("istio").check(arm_of(), ECHO, "netns")


def test_a_missing_program_is_named_with_the_way_to_get_it(
    arm_of: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(mesh_module.shutil, "which", lambda tool, path: f"/sbin/{tool}")
    monkeypatch.setenv("ISTIOD_BIN", str(tmp_path / "istiod"))
    with pytest.raises(PrerequisiteError, match="istiod") as refused:
        open_mesh("istio").check(arm_of(), ECHO, "netns")
    assert refused.value.code == "MP3007"
    assert "lab install istio" in str(refused.value.hint)
    assert not open_mesh("istio").detect().available


def test_an_agent_that_may_not_be_executed_is_told_so(
    arm_of: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent = tmp_path / "pilot-agent"
    agent.write_bytes(b"\x7fELF")
    agent.chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(mesh_module.shutil, "which", lambda tool, path: f"/sbin/{tool}")
    monkeypatch.setattr("meshperf.meshes.istio.installation.ISTIOD", _nothing_needed())
    with pytest.raises(PrerequisiteError, match="may not be executed"):
        open_mesh("istio").check(arm_of(binaries={"istiod": Path("/bin/true"), "pilot-agent": agent}), ECHO, "netns")


def _nothing_needed() -> Any:
    from dataclasses import replace

    from meshperf.meshes.programs import ISTIOD

    return replace(ISTIOD, pattern=r"(?P<version>.*)", version_argv=("--version",))

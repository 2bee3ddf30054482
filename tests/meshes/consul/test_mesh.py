"""What an arm of Consul cannot be is said before anything is deployed, and what is missing is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphs import ECHO, graph
from meshperf.errors import PrerequisiteError, UsageError
from meshperf.meshes import mesh_names, open_mesh
from meshperf.meshes.binaries import Binary
from meshperf.meshes.consul import ConsulMesh, mesh
from meshperf.spec.experiment import Arm, Functions, Limits
from meshperf.spec.graph import Graph, GraphService

SOME = Binary(name="some", path=Path("/bin/some"), origin="PATH", version="1.22.5", build=None, sha256="0" * 64)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Consul and Envoy were installed."""
    monkeypatch.setattr(mesh, "find_binary", lambda spec, option=None: SOME)
    monkeypatch.setattr(mesh, "find_envoy", lambda option=None: SOME)


def arm(**settings: Any) -> Arm:
    return Arm(**{"name": "c", "mesh": "consul", "mtls": "strict", **settings})


def check(one: Arm, over: Graph = ECHO, environment: str = "local") -> None:
    ConsulMesh().check(one, over, environment)


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("settings", "says", "hint"),
    [
        ({"mtls": "off"}, "always speak mutual TLS", "mtls: strict"),
        ({"interception": "transparent"}, "network of its own", "netns"),
        ({"functions": Functions(rate_limit=10.0)}, "enterprise edition", "leave it out"),
        ({"functions": Functions(tracing=True)}, "collector", "leave it out"),
        ({"functions": Functions(routes=3), "mode": "tcp"}, "`routes` is about requests", "mode: http"),
        (
            {"functions": Functions(authorization_rules=3), "mode": "tcp"},
            "`authorization_rules` is about",
            "mode: http",
        ),
        ({"functions": Functions(authorization_rules=201)}, "excludes every earlier rule", "at most 200"),
        ({"clusters": 2}, "mesh gateways", "leave `clusters`"),
        ({"client_bootstrap": Path("/x")}, "itself", "mesh: envoy"),
        ({"limits": {"server": Limits(cpu=1.0)}}, "limits hold for a pod", "netns"),
        ({"control_plane": {"ports.http": "1"}}, "meshperf makes itself", "performance"),
    ],
)
def test_what_consul_cannot_be_is_refused_with_the_reason(settings: dict[str, Any], says: str, hint: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        check(arm(**settings))
    assert refused.value.code == "MP1008"
    assert hint in str(refused.value.hint)
    assert "arm `c`" in refused.value.message


@pytest.mark.usefixtures("found")
def test_what_consul_can_be_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = Functions(
        authorization_rules=10, routes=100, route_match="last", split=(1, 9), retries=2, timeout_s=1.0
    )
    check(arm(functions=functions, access_log=True, defaults="mesh", interception="explicit"), environment="netns")
    check(arm(mode="tcp"))
    monkeypatch.setattr(mesh, "require_iptables", lambda: None)
    check(arm(interception="transparent"), environment="netns")
    check(arm(limits={"server": Limits(cpu=1.0)}), environment="netns")


@pytest.mark.usefixtures("found")
def test_a_service_may_not_be_where_the_agent_is() -> None:
    with pytest.raises(UsageError, match="a service named `control`"):
        check(arm(), graph(GraphService(name="control"), entry="control"))


@pytest.mark.usefixtures("found")
def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(UsageError, match="not run in the environment `kubernetes`"):
        check(arm(), environment="kubernetes")


def test_a_missing_consul_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MESHPERF_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("CONSUL_BIN", raising=False)
    detection = ConsulMesh().detect()
    assert not detection.available
    assert "lab install consul" in str(detection.missing)
    with pytest.raises(PrerequisiteError, match="Consul") as missing:
        check(arm())
    assert missing.value.code == "MP3007"


def test_a_consul_that_may_not_be_executed_is_said_to_be_so(tmp_path: Path) -> None:
    program = tmp_path / "consul"
    program.write_bytes(b"\x7fELF")
    with pytest.raises(PrerequisiteError, match="may not be executed"):
        check(arm(binaries={"consul": program}))


def test_another_program_is_no_consul() -> None:
    with pytest.raises(PrerequisiteError, match="does not say a Consul version"):
        check(arm(binaries={"consul": Path("/bin/true").resolve()}))


@pytest.mark.parametrize(("version", "fits"), [("1.16.9", False), ("1.17.0", True), ("2.0.1", True)])
def test_a_consul_that_cannot_deny_by_default_is_too_old(
    version: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = Binary(name="consul", path=Path("/c"), origin="PATH", version=version, build=None, sha256="0")
    monkeypatch.setattr(mesh, "find_binary", lambda spec, option=None: binary)
    monkeypatch.setattr(mesh, "find_envoy", lambda option=None: SOME)
    if fits:
        check(arm())
    else:
        with pytest.raises(PrerequisiteError, match=f"Consul {version} .* is older than 1.17") as refused:
            check(arm())
        assert refused.value.code == "MP3007"


@pytest.mark.usefixtures("found")
def test_consul_is_a_mesh_like_any_other() -> None:
    assert "consul" in mesh_names()
    detection = open_mesh("consul").detect()
    assert detection.available
    assert detection.proven
    assert "1.22.5" in str(detection.version)

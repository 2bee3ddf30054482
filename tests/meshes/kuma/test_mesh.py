"""What an arm of Kuma cannot be is said before anything is deployed, what is missing is named, and it is unproven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphs import ECHO, graph
from meshperf.errors import PrerequisiteError, UsageError
from meshperf.meshes import mesh_names, open_mesh
from meshperf.meshes.binaries import Binary, BinarySpec
from meshperf.meshes.kuma import KumaMesh, mesh
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.graph import Graph, GraphService


def arm(**settings: Any) -> Arm:
    return Arm(**{"name": "k", "mesh": "kuma", "mtls": "strict", **settings})


def check(one: Arm, over: Graph = ECHO, environment: str = "netns") -> None:
    KumaMesh().check(one, over, environment)


def installed(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """As if Kuma's programs of these versions (2.14.3 where none is said) were installed."""

    def find(spec: BinarySpec, option: Path | None = None) -> Binary:
        version = versions.get(spec.name.replace("-", "_"), versions.get("all", "2.14.3"))
        return Binary(name=spec.name, path=Path("/x"), origin="PATH", version=version, build=None, sha256=spec.name)

    monkeypatch.setattr(mesh, "find_binary", find)
    monkeypatch.setattr(
        mesh,
        "find_envoy",
        lambda option=None: Binary(
            name="envoy", path=Path("/e"), origin="PATH", version="1.40.0", build=None, sha256="e"
        ),
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"functions": Functions(authorization_rules=1)}, "who calls, not about what is asked for"),
        ({"functions": Functions(split=(1, 1))}, "tags of their endpoints"),
        ({"functions": Functions(metrics=True)}, "socket that the scraper does not read"),
        ({"functions": Functions(tracing=True)}, "collector"),
        ({"functions": Functions(routes=5)}, "exact paths before the prefix"),
        ({"functions": Functions(rate_limit=1.5)}, "whole requests"),
        ({"functions": Functions(retries=1), "mode": "tcp"}, "`retries` is about requests"),
        ({"clusters": 2}, "ingress and egress"),
        ({"server_bootstrap": Path("/x")}, "itself"),
        ({"control_plane": {"x.y": "1"}}, "no setting of Kuma's control plane"),
    ],
)
def test_what_kuma_cannot_be_is_refused_with_the_reason(
    settings: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch)
    with pytest.raises(UsageError, match=says) as refused:
        check(arm(**settings))
    assert refused.value.code == "MP1008"
    assert refused.value.hint


def test_on_loopback_kuma_is_refused_because_it_would_listen_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    with pytest.raises(UsageError, match="listens on every address of its network") as refused:
        check(arm(), environment="local")
    assert "netns" in str(refused.value.hint)


def test_what_kuma_can_be_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    check(arm(functions=Functions(routes=9, route_match="last", retries=1, timeout_s=1.0, rate_limit=10.0)))
    check(arm(mtls="off", interception="explicit", mode="tcp", defaults="mesh"))


def test_a_service_may_not_be_where_the_control_plane_is(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    with pytest.raises(UsageError, match="a service named `unlisted`"):
        check(arm(), graph(GraphService(name="unlisted"), entry="unlisted"))


def test_a_missing_kuma_is_said_with_how_its_users_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MESHPERF_CACHE_DIR", str(tmp_path))
    for variable in ("KUMA_CP_BIN", "KUMA_DP_BIN", "KUMACTL_BIN"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(PrerequisiteError, match="`kuma-cp` of Kuma was found") as missing:
        check(arm())
    assert missing.value.code == "MP3007"
    assert "release archive" in str(missing.value.hint)


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        ({"kuma_dp": "2.13.0"}, "several versions: 2.13.0, 2.14.3"),
        ({"all": "2.9.1"}, "Kuma 2.9.1 is none"),
        ({"all": "3.0.0"}, "Kuma 3.0.0 is none"),
    ],
)
def test_versions_that_do_not_fit_are_refused(
    versions: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, **versions)
    with pytest.raises(PrerequisiteError, match=says) as refused:
        check(arm())
    assert refused.value.code == "MP3007"


def test_kuma_is_unproven_even_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "kuma" in mesh_names()
    installed(monkeypatch)
    detection = open_mesh("kuma").detect()
    assert detection.available
    assert not detection.proven
    assert set(detection.binaries) == {"kuma-cp", "kuma-dp", "kumactl", "envoy"}

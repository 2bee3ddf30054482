from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from meshperf.errors import PrerequisiteError
from meshperf.meshes.binaries import Binary
from meshperf.meshes.istio import installation
from meshperf.meshes.istio.installation import Installation, template_of


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Binary:
    """An agent in a folder of its own, on a machine without any template."""
    for variable in ("ISTIO_BOOTSTRAP", "GOMODCACHE", "GOPATH"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(installation, "PACKAGED", tmp_path / "var" / "template.json")
    program = tmp_path / "bin" / "pilot-agent"
    program.parent.mkdir()
    return Binary(name="pilot-agent", path=program, origin="option", version="v1.2.3", build=None, sha256="0")


def written(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return path


def test_a_template_is_found_beside_the_agent_before_anywhere_else(agent: Binary, tmp_path: Path) -> None:
    written(tmp_path / "var" / "template.json")
    beside = written(agent.path.with_name("envoy_bootstrap.json"))
    assert template_of(agent, None) == beside


def test_a_template_is_found_where_istios_packages_put_it(agent: Binary, tmp_path: Path) -> None:
    packaged = written(tmp_path / "var" / "template.json")
    assert template_of(agent, None) == packaged


@pytest.mark.parametrize("variable", ["GOMODCACHE", "GOPATH", None])
def test_a_template_is_found_in_the_source_of_the_agents_own_version(
    agent: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    folders = {"GOMODCACHE": "cache", "GOPATH": "cache/pkg/mod", None: "home/go/pkg/mod"}
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "cache"))
    for version in ("v1.2.3", "v1.2.4"):
        place = tmp_path / folders[variable] / f"istio.io/istio@{version}" / "tools/packaging/common"
        written(place / "envoy_bootstrap.json")
    assert "istio@v1.2.3" in str(template_of(agent, None))


def test_what_is_named_wins_and_must_be_there(agent: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(agent.path.with_name("envoy_bootstrap.json"))
    own = written(tmp_path / "own.json")
    assert template_of(agent, own) == own
    monkeypatch.setenv("ISTIO_BOOTSTRAP", str(tmp_path / "gone.json"))
    with pytest.raises(PrerequisiteError, match=r"gone.json \(from ISTIO_BOOTSTRAP\)"):
        template_of(agent, None)


def test_a_machine_without_a_template_is_told_where_it_comes_from(agent: Binary) -> None:
    with pytest.raises(PrerequisiteError, match="was not found") as refused:
        template_of(agent, None)
    assert refused.value.code == "MP3007"
    assert "tools/packaging/common/envoy_bootstrap.json" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("version", "patched", "label", "released"),
    [
        ("1.24.3", False, "istio 1.24, no telemetry", True),
        ("1.24.3", True, "istio-dev, no telemetry", False),
        ("v0.0.0-20260827124520-eed52ebb66ad", True, "istio-dev, no telemetry", False),
        ("1.25-alpha.0", False, "istio-dev, no telemetry", False),
        ("unknown", False, "istio-dev, no telemetry", False),
    ],
)
def test_only_a_released_build_with_its_own_start_is_named_by_its_version(
    agent: Binary, tmp_path: Path, version: str, patched: bool, label: str, released: bool
) -> None:
    istiod = replace(agent, name="istiod", version=version, patched=patched)
    found = Installation(istiod=istiod, agent=agent, envoy=agent, template=tmp_path)
    assert (found.label, found.is_release) == (label, released)

"""Linkerd has its place: it is looked for, and every arm of it is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphs import ECHO
from meshperf.errors import UsageError
from meshperf.meshes import linkerd, mesh_names, open_mesh
from meshperf.meshes.binaries import Binary, BinarySpec
from meshperf.spec.experiment import Arm
from paper_site import PaperSite

ARM = Arm(name="l", mesh="linkerd", mtls="strict")


def test_every_arm_is_refused_with_the_services_that_it_lacks() -> None:
    mesh = open_mesh("linkerd")
    with pytest.raises(UsageError, match="identity, policy and destination services") as refused:
        mesh.check(ARM, ECHO, "netns")
    assert refused.value.code == "MP1008"
    assert "through Kubernetes" in refused.value.message
    assert "`consul`" in str(refused.value.hint)
    with pytest.raises(UsageError, match="Kubernetes API"):
        mesh.prepare(PaperSite(Path("/nowhere")), ARM, "l", ECHO)


def test_nothing_installed_is_not_available_and_not_proven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MESHPERF_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("LINKERD_BIN", raising=False)
    monkeypatch.delenv("LINKERD_PROXY_BIN", raising=False)
    detection = open_mesh("linkerd").detect()
    assert "linkerd" in mesh_names()
    assert (detection.available, detection.proven, detection.version) == (False, False, None)
    assert str(detection.missing).startswith("Linkerd's proxies need")


def test_what_is_installed_is_said_and_still_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(spec: BinarySpec, option: Path | None = None) -> Binary:
        version = {"linkerd": "edge-26.1.1", "linkerd2-proxy": "2.300.0"}[spec.name]
        return Binary(name=spec.name, path=Path("/x"), origin="PATH", version=version, build=None, sha256=spec.name)

    monkeypatch.setattr(linkerd, "find_binary", find)
    detection = open_mesh("linkerd").detect()
    assert not detection.available
    assert detection.version == "edge-26.1.1"
    assert set(detection.binaries) == {"linkerd", "linkerd2-proxy"}
    assert "linkerd2-proxy 2.300.0 (from PATH) is here, but Linkerd's proxies need" in str(detection.missing)

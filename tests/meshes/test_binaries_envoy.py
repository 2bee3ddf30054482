"""Finding an Envoy, and refusing what is none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from meshperf.errors import PrerequisiteError
from meshperf.meshes.binaries import find_binary
from meshperf.meshes.programs import ENVOY, find_envoy


def test_a_script_named_envoy_on_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "envoy"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MESHPERF_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("ENVOY_BIN", raising=False)
    with pytest.raises(PrerequisiteError, match="no Envoy binary was found") as none:
        find_binary(dataclasses.replace(ENVOY, packaged=None))
    assert none.value.code == "MP3001"
    assert "ENVOY_BIN" in str(none.value.hint)


def test_a_binary_named_by_environment_must_be_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVOY_BIN", str(tmp_path / "absent"))
    with pytest.raises(PrerequisiteError, match="absent \\(from ENVOY_BIN\\) is not an executable"):
        find_envoy()


def test_a_program_that_is_no_envoy_is_refused() -> None:
    with pytest.raises(PrerequisiteError, match="does not say an Envoy version"):
        find_envoy(Path("/bin/true").resolve())


@pytest.mark.needs_envoy
def test_version_build_and_digest_are_the_binarys_own() -> None:
    binary = find_envoy()
    assert binary.version.count(".") == 2
    assert len(binary.sha256) == 64
    assert "/" in str(binary.build)
    assert binary.revision is not None

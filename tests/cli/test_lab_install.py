"""`meshperf lab install` from the command line: names, what is had elsewhere, output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from meshperf.cli import lab_install, main
from meshperf.errors import ExitCode
from meshperf.load.adapters.finding import find
from meshperf.load.adapters.registry import adapter as load_adapter
from meshperf.meshes.build_record import BuildRecord
from meshperf.meshes.building import Installed, Progress, Recipe


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the recipes that were to be built; each is as good as built, with two lines of progress."""
    names: list[str] = []

    def install(recipes: Sequence[Recipe], *, go: Path | None, rebuild: bool, note: object) -> tuple[Installed, ...]:
        assert callable(note)
        names.extend(recipe.name for recipe in recipes)
        note(Progress(program="p", stage="fetch", doing="fetching m@v1", packages=0, elapsed_s=0.0))
        note(Progress(program="p", stage="build", doing="building p v1", packages=0, elapsed_s=0.0))
        note(Progress(program="p", stage="build", doing="one/package", packages=1, elapsed_s=1.0))
        return tuple(
            Installed(
                state="built",
                path=Path("/cache/bin") / recipe.name,
                elapsed_s=2.5,
                record=BuildRecord(
                    name=recipe.name, module=recipe.module, version=recipe.version, h1=recipe.h1, package="p",
                    go="go1.26.8", flags=recipe.flags, patched=recipe.name == "istio", sha256="ab" * 32, size=2_000_000,
                ),
            )
            for recipe in recipes
        )  # fmt: skip

    monkeypatch.setattr(lab_install, "install", install)
    return names


def test_what_was_built_is_data_and_progress_is_told_beside_it(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "install", "fortio", "consul", "--json"]) == ExitCode.OK
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert asked == ["fortio", "consul"]
    assert [(each["name"], each["state"], each["version"]) for each in told] == [
        ("fortio", "built", "v1.68.2"),
        ("consul", "built", "v1.22.5"),
    ]
    assert told[0]["flags"] == ["-trimpath", "-ldflags", "-s -w"]
    assert err.splitlines()[:2] == ["p: fetching m@v1", "p: building p v1"]
    assert "one/package" not in err
    assert "BUSL-1.1" in err


def test_the_table_names_a_patched_start(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "install", "istio"]) == ExitCode.OK
    out, err = capsys.readouterr()
    assert "(start patched)" in out
    assert "2 MB" in out
    assert "development commit" in err


def test_for_kuma_it_says_how_its_users_get_it_after_building_the_rest(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "install", "kuma", "fortio", "linkerd"]) == ExitCode.PREREQUISITE
    out, err = capsys.readouterr()
    assert asked == ["fortio"]
    assert "fortio" in out
    assert "error[MP3008]: meshperf does not build kuma and linkerd" in err
    assert "kuma: Kuma's users unpack a release archive" in err
    assert "KUMA_DP_BIN" in err


def test_an_unknown_name_is_refused_before_anything_is_built(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "install", "fortio", "fortran"]) == ExitCode.USAGE
    assert asked == []
    assert "no program called fortran" in capsys.readouterr().err


def test_a_load_generator_that_was_built_is_found_behind_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHPERF_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("FORTIO_BIN", raising=False)
    fortio = load_adapter("fortio")
    assert find(fortio) is None
    for folder in ("bin", "path"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "fortio").write_text("#!/bin/sh\n")
        (tmp_path / folder / "fortio").chmod(0o755)
        assert find(fortio) == tmp_path / folder / "fortio"

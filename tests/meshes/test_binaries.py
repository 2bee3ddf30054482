"""One order of finding for every program of a mesh, tried with copies of a real small program."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from meshperf.errors import PrerequisiteError
from meshperf.folders import cache_dir, program_dir
from meshperf.meshes import binaries
from meshperf.meshes.binaries import BinarySpec, find_binary
from meshperf.meshes.build_record import BuildRecord, record_path
from meshperf.meshes.programs import PROGRAMS
from meshperf.workloads import executable

SPEC = BinarySpec(
    name="sample-cp",
    title="Sample",
    variable="SAMPLE_CP_BIN",
    version_argv=("--version",),
    pattern=r"meshperf-workload (?P<version>\S+)",
    hint="`make build` makes it",
)
pytestmark = pytest.mark.needs_native


@pytest.fixture(autouse=True)
def nothing_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("MESHPERF_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(SPEC.variable, raising=False)


def program(path: Path) -> Path:
    """A program at this path that says a version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(executable(), path)
    return path


def script(path: Path) -> Path:
    path.write_text("#!/bin/sh\necho meshperf-workload 9.9.9\n")
    path.chmod(0o755)
    return path


def record(path: Path, sha256: str) -> None:
    made = BuildRecord(
        name=path.name, module="m", version="v1", h1="h1:x", package="m", go="go", flags=("-trimpath",),
        patched=False, sha256=sha256, size=1,
    )  # fmt: skip
    record_path(path).write_text(made.text())


def test_option_wins_over_variable_over_path_over_package_over_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    option, named, packaged = (program(tmp_path / name) for name in ("a", "b", "c"))
    on_path, cached = program(tmp_path / "path" / SPEC.name), program(program_dir() / SPEC.name)
    monkeypatch.setenv(SPEC.variable, str(named))
    spec = dataclasses.replace(SPEC, packaged=lambda: packaged, package="sample-server")
    assert (find_binary(spec, option).path, find_binary(spec, option).origin) == (option, "option")
    assert (find_binary(spec).path, find_binary(spec).origin) == (named, "SAMPLE_CP_BIN")
    monkeypatch.delenv(SPEC.variable)
    assert (find_binary(spec).path, find_binary(spec).origin) == (on_path, "PATH")
    on_path.unlink()
    assert (find_binary(spec).path, find_binary(spec).origin) == (packaged, "package sample-server")
    found = find_binary(dataclasses.replace(spec, packaged=lambda: None))
    assert (found.path, found.origin) == (cached, "cache")


def test_version_and_digest_are_the_programs_own() -> None:
    found = find_binary(SPEC, executable())
    assert found.version.count(".") == 2
    assert found.sha256 == hashlib.sha256(executable().read_bytes()).hexdigest()
    assert (found.build, found.patched) == (None, False)


def test_a_program_that_changed_is_looked_at_again(tmp_path: Path) -> None:
    path = program(tmp_path / "cp")
    before = find_binary(SPEC, path)
    with path.open("ab") as file:
        file.write(b"more")
    assert find_binary(SPEC, path).sha256 != before.sha256


def test_a_program_under_another_of_its_names_is_found(tmp_path: Path) -> None:
    path = program(tmp_path / "path" / "sample-discovery")
    assert find_binary(dataclasses.replace(SPEC, also_called=("sample-discovery",))).path == path


def test_a_script_on_path_is_passed_over_for_the_program_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "path" / SPEC.name)
    behind = program(tmp_path / "later" / SPEC.name)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:{tmp_path / 'later'}")
    assert find_binary(SPEC).path == behind


def test_nothing_found_says_what_to_do_and_what_was_passed_over(tmp_path: Path) -> None:
    script(tmp_path / "path" / SPEC.name)
    with pytest.raises(PrerequisiteError, match="no `sample-cp` of Sample was found") as missing:
        find_binary(SPEC)
    assert missing.value.code == "MP3007"
    assert "script" in missing.value.message
    assert missing.value.hint == "`make build` makes it, or name a binary with SAMPLE_CP_BIN"


@pytest.mark.parametrize("kind", ["absent", "not executable", "script", "folder", "empty"])
def test_what_was_named_must_be_usable_even_if_another_is_on_path(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "path" / SPEC.name)
    named = tmp_path / "named"
    if kind == "not executable":
        program(named).chmod(0o644)
    elif kind == "script":
        script(named)
    elif kind == "folder":
        named.mkdir()
    elif kind == "empty":
        named.touch(mode=0o755)
    monkeypatch.setenv(SPEC.variable, str(named))
    with pytest.raises(PrerequisiteError, match=r"named \(from SAMPLE_CP_BIN\) is not an executable program"):
        find_binary(SPEC)


def test_a_broken_program_cannot_be_run(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF and no more")
    broken.chmod(0o755)
    with pytest.raises(PrerequisiteError, match=r"broken \(from option\) cannot be run: Exec format error"):
        find_binary(SPEC, broken)


def test_another_program_of_that_name_is_refused_with_what_it_said(tmp_path: Path) -> None:
    other = dataclasses.replace(SPEC, pattern=r"Sample v(?P<version>\S+)")
    with pytest.raises(PrerequisiteError, match="does not say a Sample version") as refused:
        find_binary(other, executable())
    assert "meshperf-workload (from option)" in refused.value.message
    assert "it printed 'meshperf-workload " in refused.value.message
    assert SPEC.hint in str(refused.value.hint), "the next step"


def system_program(name: str) -> Path:
    return Path(shutil.which(name, path=os.defpath) or f"/usr/bin/{name}").resolve()


def test_a_program_that_does_not_end_is_refused_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_ANSWER_WITHIN_S", 0.3)
    spec = dataclasses.replace(SPEC, version_argv=("60",))
    with pytest.raises(PrerequisiteError, match=r"sleep \(from option\) cannot be run: no answer within 0.3 s"):
        find_binary(spec, system_program("sleep"))


def test_a_program_that_prints_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(PrerequisiteError, match="does not say a Sample version"):
        find_binary(dataclasses.replace(SPEC, version_argv=("endless",)), system_program("yes"))


def test_a_cached_program_must_be_what_its_record_says() -> None:
    path = program(program_dir() / SPEC.name)
    record(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert find_binary(SPEC).origin == "cache"
    record(path, "0" * 64)
    with pytest.raises(PrerequisiteError, match="not what was built there"):
        find_binary(SPEC)


def test_the_cache_folder_is_the_users_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("MESHPERF_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "meshperf"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "meshperf"


def test_asking_for_a_version_sees_no_settings_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # `env` prints what it was given; what it prints is taken for the version.
    monkeypatch.setenv("KUBECONFIG", "secret")
    spec = dataclasses.replace(SPEC, version_argv=(), pattern=r"(?s)(?P<version>.*)")
    said = find_binary(spec, system_program("env")).version
    assert "PATH=" in said
    assert "KUBECONFIG" not in said


VERSIONS = {
    "envoy": (
        "envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL",
        "1.40.0",
    ),
    "istiod": (
        'client version: version.BuildInfo{Version:"1.30.2", GitRevision:"ab", GolangVersion:"go1.26.8", GitTag:"x"}',
        "1.30.2",
    ),
    "pilot-agent": ('version.BuildInfo{Version:"unknown", GitRevision:"unknown"}', "unknown"),
    "consul": ("Consul v1.22.5\nBuild Date 1970-01-01T00:00:01Z\n", "1.22.5"),
    "kuma-cp": ("2.14.3\n", "2.14.3"),
    "kuma-dp": ("Kuma: 2.14.3\n", "2.14.3"),
    "kumactl": ("Kuma: 2.14.3\nUnable to connect to control plane: refused\n", "2.14.3"),
    "linkerd": ("Client version: edge-26.1.2\n", "edge-26.1.2"),
    "fortio": ("1.68.2\n", "1.68.2"),
}


def test_every_program_of_the_table_is_known_by_what_it_prints() -> None:
    import re

    assert set(VERSIONS) == set(PROGRAMS)
    for name, (printed, version) in VERSIONS.items():
        match = re.search(PROGRAMS[name].pattern, printed)
        assert match is not None, name
        assert match["version"] == version


def test_every_program_has_a_variable_of_its_own() -> None:
    variables = [spec.variable for spec in PROGRAMS.values()]
    assert sorted(set(variables)) == sorted(variables)
    assert {"ENVOY_BIN", "ISTIOD_BIN", "PILOT_AGENT_BIN", "CONSUL_BIN", "KUMA_CP_BIN", "LINKERD_BIN"} <= set(variables)

"""Temporary folders: gone after their block, and after the death of whoever made them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshperf import passing_folders
from meshperf.environments import sweep
from meshperf.passing_folders import passing_folder, remove_forsaken_folders

HOLD = """\
import sys
from meshperf.passing_folders import passing_folder
with passing_folder("trial") as folder:
    (folder / "written").write_text("by its owner")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a folder, whose path it has printed."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        yield it
        it.kill()


def held_by(owner: subprocess.Popen[str]) -> Path:
    assert owner.stdout is not None
    return Path(owner.stdout.readline().strip())


def test_a_folder_lasts_as_long_as_its_block(temporary: Path) -> None:
    with passing_folder("trial") as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
        assert remove_forsaken_folders() == 0, "its owner lives"
        (folder / "below").mkdir()
        assert folder.is_dir()
    assert list(temporary.iterdir()) == []


def test_the_folder_of_another_process_is_removed_when_that_was_killed_and_not_before(
    temporary: Path, owner: subprocess.Popen[str]
) -> None:
    folder = held_by(owner)
    assert folder.parent == temporary
    assert remove_forsaken_folders() == 0
    assert (folder / "written").is_file()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert (folder / "written").is_file(), "nobody removes anything after kill -9"
    assert any("1 temporary folder" in line for line in sweep(temporary / "state"))
    assert not folder.exists()


def test_whoever_makes_the_next_folder_removes_those_of_the_killed(owner: subprocess.Popen[str]) -> None:
    folder = held_by(owner)
    owner.kill()
    owner.wait()
    with passing_folder("other"):
        assert not folder.exists()


def test_a_folder_that_was_taken_for_forsaken_before_it_was_locked_is_made_anew(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    locked: list[int] = []

    def flock(descriptor: int, how: int) -> None:
        if not locked:  # the moment before the lock: somebody else sweeps
            for folder in temporary.iterdir():
                folder.rmdir()
        locked.append(descriptor)

    monkeypatch.setattr(fcntl, "flock", flock)
    with passing_folder("trial") as folder:
        assert folder.is_dir()
        assert len(locked) == 2
    assert list(temporary.iterdir()) == []


def test_what_merely_looks_like_one_is_left_alone(temporary: Path) -> None:
    precious = temporary / "precious"
    precious.mkdir()
    (temporary / "meshperf-passing-thesis").mkdir()
    (temporary / f"meshperf-passing-link-{'0' * 32}").symlink_to(precious)
    (temporary / f"meshperf-passing-file-{'0' * 32}").write_text("no folder")
    assert remove_forsaken_folders() == 0
    assert len(list(temporary.iterdir())) == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_the_folder_of_another_user_is_left_alone(temporary: Path) -> None:
    other = temporary / f"meshperf-passing-trial-{'0' * 32}"
    other.mkdir()
    os.chown(other, 65534, 65534)
    assert remove_forsaken_folders() == 0
    assert other.is_dir()


def test_nobody_else_makes_a_temporary_folder_that_nothing_sweeps() -> None:
    source = Path(passing_folders.__file__).parent
    making = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if re.search(r"\b(TemporaryDirectory|mkdtemp)\(", path.read_text(encoding="utf-8"))
    }
    assert making == {"meshes/building/cache_folder.py"}, "that one sweeps its own folder, under its own lock"

"""Homes for one question: gone after it, and after the death of whoever asked."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from meshperf.environments import sweep
from meshperf.environments.passing_homes import passing_home, remove_forsaken_homes

HELD = """\
import os, signal
from meshperf.environments.passing_homes import passing_home
with passing_home() as home:
    (home / "written").write_text("by the program")
    print(home, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_a_home_lasts_as_long_as_its_question(temporary: Path) -> None:
    with passing_home() as home:
        assert home.parent == temporary
        assert remove_forsaken_homes() == 0, "its owner lives"
        assert home.is_dir()
    assert not home.exists()


def test_the_home_of_a_killed_owner_goes_at_the_next_start(temporary: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, env=os.environ, check=False)
    home = Path(killed.stdout.strip())
    assert (home / "written").is_file()
    assert home.parent == temporary
    assert any("asked for their version" in line for line in sweep(temporary / "state"))
    assert not home.exists()


def test_what_merely_looks_like_one_is_left_alone(temporary: Path) -> None:
    precious = temporary / "precious"
    precious.mkdir()
    (temporary / "meshperf-asked-thesis").mkdir()
    (temporary / "meshperf-asked-999999999-1-abc").symlink_to(precious)
    assert remove_forsaken_homes() == 0
    assert sorted(path.name for path in temporary.iterdir()) == [
        "meshperf-asked-999999999-1-abc", "meshperf-asked-thesis", "precious",
    ]  # fmt: skip

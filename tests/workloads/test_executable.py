"""Finding the workload's executable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meshperf.errors import ExitCode, PrerequisiteError
from meshperf.workloads import executable


def test_the_override_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("MESHPERF_WORKLOAD", str(mine))
    assert executable() == mine


@pytest.mark.parametrize("mode", [None, 0o644])
def test_an_override_that_cannot_be_executed_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int | None
) -> None:
    mine = tmp_path / "mine"
    if mode is not None:
        mine.touch(mode)
    monkeypatch.setenv("MESHPERF_WORKLOAD", str(mine))
    with pytest.raises(PrerequisiteError, match="MESHPERF_WORKLOAD") as missing:
        executable()
    assert (missing.value.code, missing.value.exit_code) == ("MP3002", ExitCode.PREREQUISITE)


def test_a_package_without_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MESHPERF_WORKLOAD", raising=False)
    # The function hides the module of the same name, as it should for callers.
    module = sys.modules["meshperf.workloads.executable"]
    monkeypatch.setattr(module, "__file__", str(tmp_path / "workloads" / "executable.py"))
    with pytest.raises(PrerequisiteError, match="not installed") as missing:
        executable()
    assert missing.value.code == "MP3002"
    assert missing.value.hint is not None

"""The stub of the compiled engine says what the built module has: names, arguments and defaults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import meshperf

pytestmark = pytest.mark.needs_native


def _stubtest(folder: Path, *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """mypy's comparison of `meshperf/_native.pyi` below `folder` with the module as it is imported from there."""
    return subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "meshperf._native"],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(folder), "MYPYPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that holds the engine and its stub only, so that nothing else is checked."""
    home = Path(meshperf.__file__).parent
    folder = tmp_path / "engine" / "meshperf"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "py.typed").write_text("")
    (folder / "_native.pyi").write_text((home / "_native.pyi").read_text())
    (module,) = home.glob("_native*.so")
    (folder / module.name).symlink_to(module)
    return folder.parent


@pytest.mark.timeout(120)
def test_the_stub_is_that_of_the_built_module(package, tmp_path):
    told = _stubtest(package, cwd=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.timeout(120)
def test_a_stub_that_says_something_else_is_seen(package, tmp_path):
    stub = package / "meshperf" / "_native.pyi"
    stub.write_text(stub.read_text().replace("interval_s: float = 0.25", "interval: float = 0.25"))
    told = _stubtest(package, cwd=tmp_path)
    assert told.returncode == 1
    assert "interval" in told.stdout

"""The programs of the Python guide run, and print what the page says."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from console_blocks import ROOT, blocks, matches

from meshperf.workloads import executable

PAGE = ROOT / "docs" / "guides" / "python-load.md"
DOCUMENTED = "127.0.0.1:8080"


def _told() -> dict[str, tuple[str, ...]]:
    """What each program prints, by the page."""
    return {
        found[1]: tuple(found[2].rstrip("\n").splitlines())
        for block in blocks(PAGE)
        if block.language == "console" and (found := re.fullmatch(r"\$ python (\S+)\n(.*)", block.text, re.DOTALL))
    }


@pytest.fixture
def served() -> Iterator[str]:
    """Address of a workload that stands where the page has its service."""
    command = [str(executable()), "--listen", "127.0.0.1:0", "--seconds", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], 5)[0], "the workload does not become ready"
            found = re.search(r'"address":"([^"]+)"', process.stdout.readline())
            assert found is not None
            yield found[1]
        finally:
            process.terminate()


def test_every_program_of_the_page_has_its_output_beside_it() -> None:
    programs = {block.file for block in blocks(PAGE) if block.language == "python"}
    assert programs == set(_told())
    assert len(programs) >= 4


@pytest.mark.needs_native
@pytest.mark.parametrize("name", sorted(_told()))
def test_a_program_of_the_page_prints_what_the_page_says(name: str, served: str, tmp_path: Path) -> None:
    (text,) = (block.text for block in blocks(PAGE) if block.file == name)
    (tmp_path / name).write_text(text.replace(DOCUMENTED, served), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert matches(_told()[name], done.stdout), done.stdout

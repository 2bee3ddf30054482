"""The Python program of the guide to exporting runs, and prints what the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from console_blocks import ROOT, blocks, matches

import kept_sample

PAGE = ROOT / "docs" / "guides" / "exporting.md"


def test_the_program_prints_what_the_page_says(tmp_path: Path) -> None:
    (program,) = (block for block in blocks(PAGE) if block.language == "python")
    told = [block.text for block in blocks(PAGE) if block.text.startswith(f"$ python {program.file}\n")]
    assert len(told) == 1 and program.file is not None
    (tmp_path / "made").mkdir()
    (tmp_path / "results").mkdir()
    kept_sample.bundle(tmp_path / "made").rename(tmp_path / "results" / "first")
    (tmp_path / program.file).write_text(program.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program.file],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert matches(tuple(told[0].splitlines()[1:]), done.stdout), done.stdout

"""The reference page lists what the executable itself lists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from meshperf.workloads import executable

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "workload.md"


@pytest.mark.needs_native
def test_every_option_is_in_the_reference_and_no_other() -> None:
    usage = subprocess.run([str(executable()), "--help"], capture_output=True, text=True, check=True, timeout=5).stdout
    known = set(re.findall(r"--[a-z-]+", usage))
    assert len(known) > 20
    assert set(re.findall(r"--[a-z-]+", re.sub(r"\|-+", "", PAGE.read_text()))) == known

"""Reads a text as an experiment file, and puts the generator of runs within the reach of these tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from meshperf.errors import DocumentError
from meshperf.spec.experiment import read_experiment

sys.path.insert(0, str(Path(__file__).parent))

GOOD = """\
experiment: sample
subject: mesh
load:
  - {rate: 500, duration: 5s}
arms:
  baseline: {mesh: none}
  envoy: {mesh: envoy, mtls: strict}
"""


@pytest.fixture
def problems(tmp_path: Path) -> Callable[[str], list[DocumentError]]:
    """All problems that reading a text as an experiment file finds."""

    def read(text: str) -> list[DocumentError]:
        path = tmp_path / "experiment.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DocumentError) as caught:
            read_experiment(path)
        return [caught.value, *caught.value.others]

    return read


@pytest.fixture
def good() -> str:
    return GOOD

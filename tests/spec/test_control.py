"""In which rounds each arm is also loaded alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshperf.errors import DocumentError
from meshperf.spec.experiment import read_experiment

ROOT = Path(__file__).resolve().parents[2]
TEXT = """\
experiment: e
subject: mesh
load: [{protocol: http1, rate: 100, connections: 4, duration: 5s}]
arms: {baseline: {mesh: none}, envoy: {mesh: envoy}}
"""


def read(folder: Path, *lines: str):
    file = folder / "e.yaml"
    file.write_text(TEXT + "".join(f"{line}\n" for line in lines))
    return read_experiment(file)


def test_the_first_round_alone_has_control_stretches_unless_every_round_is_asked_for(tmp_path: Path) -> None:
    assert read(tmp_path).control == "first-round"
    assert read(tmp_path, "control: every-round").control == "every-round"
    assert read_experiment(ROOT / "examples" / "rate-ladder.yaml").control == "every-round"


def test_another_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="control"):
        read(tmp_path, "control: never")


def test_a_continuous_design_has_no_control_stretches(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no control stretches") as refused:
        read(tmp_path, "design: continuous", "control: every-round")
    assert refused.value.code == "MP2107"

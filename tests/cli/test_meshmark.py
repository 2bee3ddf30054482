"""`meshperf meshmark`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import kept_sample
from ladder_sample import RATES, TRUTHS, bundle, ladder
from meshperf.cli import main


@pytest.fixture(scope="module")
def ladders(tmp_path_factory: pytest.TempPathFactory) -> str:
    slow = {arm: replace(truth, slow_from=1200.0) for arm, truth in TRUTHS.items()}
    runs = ladder(slow, rates=(*RATES, 1200.0), noise=0.02, rounds=5)
    return str(bundle(tmp_path_factory.mktemp("meshmark"), runs))


def test_the_score_stands_with_its_vector_weights_and_the_arithmetic_form(
    ladders: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meshmark", ladders]) == 0
    said = capsys.readouterr().out
    for part in ("MeshMark-R 1.0", "arithmetic form", "The vector of envoy", "p99 response time", "all weights from"):
        assert part in said


def test_json_and_report_hold_the_same_score(ladders: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["meshmark", ladders, "--json", "--weight", "latency=+50%", "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    (mark,) = found["marks"]
    assert mark["capacity_rps"] == {"baseline": 1000.0, "envoy": 1000.0} and len(mark["logs"]) == 5
    assert mark["value"]["low"] < mark["value"]["value"] < mark["value"]["high"]
    assert mark["weights"]["classes"] == {"latency": 0.5}
    assert json.loads((tmp_path / "out" / "data.json").read_text())["marks"] == found["marks"]


def test_without_a_score_the_exit_code_is_4_and_the_reason_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meshmark", str(kept_sample.bundle(tmp_path))]) == 4
    said = " ".join(capsys.readouterr().out.split())
    assert "no score" in said and "the capacity of baseline is not known" in said and "CPU time per" in said


def test_the_same_experiment_twice_is_not_distinguishable(ladders: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["meshmark", ladders, ladders]) == 0
    assert "not distinguishable" in capsys.readouterr().out


@pytest.mark.parametrize(
    "option",
    [["--capacity", "envoy"], ["--capacity", "envoy=-1"], ["--weight", "latency=60%"], ["--weight", "taste=1%"],
     ["--weight", "latency=much"]],
)  # fmt: skip
def test_options_that_make_no_sense_are_told(
    ladders: str, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meshmark", ladders, *option]) == 2
    assert "error[MP1001]" in capsys.readouterr().err


def test_a_capacity_may_be_given(ladders: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["meshmark", ladders, "--capacity", "envoy=500", "--json"]) == 4
    (mark,) = json.loads(capsys.readouterr().out)["marks"]
    assert any("125/s" in why for why in mark["refused"])

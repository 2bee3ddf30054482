"""`meshperf verify`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import kept_sample as sample
from meshperf.cli import main


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.bundle(tmp_path_factory.mktemp("verified"))


@pytest.fixture
def wrong(bundle: Path, tmp_path: Path) -> Path:
    copy = shutil.copytree(bundle, tmp_path / "wrong")
    (copy / "report.html").write_text("faster!")
    return copy


def test_a_right_bundle_exits_0(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(bundle)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"ok  {bundle} (complete): ") and "9 runs and 1 comparisons" in said.out
    assert said.err == ""


def test_a_wrong_bundle_exits_2_and_names_the_file(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(wrong)]) == 2
    head, problem = capsys.readouterr().out.splitlines()
    assert head.startswith("WRONG") and problem.split()[:2] == ["MP2301", "report.html:"]


def test_every_bundle_is_checked_though_one_cannot_be_read(
    bundle: Path, wrong: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(tmp_path / "gone"), str(wrong), str(bundle)]) == 2
    said = capsys.readouterr()
    assert "error[MP2001]" in said.err
    assert [line.split()[0] for line in said.out.splitlines() if not line.startswith(" ")] == ["WRONG", "ok"]


def test_json_tells_every_problem(bundle: Path, wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(wrong), str(bundle), "--json"]) == 2
    first, second = json.loads(capsys.readouterr().out)
    assert not first["ok"] and second["ok"] and second["problems"] == []
    assert [(problem["code"], problem["file"]) for problem in first["problems"]] == [("MP2301", "report.html")]


def test_no_bundle_named_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"]) == 2
    assert "MP1001" in capsys.readouterr().err

"""`meshperf cost`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import kept_sample
import ladder_sample
from meshperf.cli import main

PRICES = str(Path(__file__).parents[2] / "examples" / "prices.yaml")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(ladder_sample.bundle(tmp_path_factory.mktemp("cost"), ladder_sample.ladder(noise=0.02)))


def test_a_fleet_is_told_with_intervals(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", bundle, "--prices", PRICES, "--pods", "400", "--rate", "500"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "envoy instead of baseline, 400 pods at 500/s each: +" in said and "a month (" in said
    assert "slope and intercept" in said and "extrapolation" not in said and "Energy: not known" in said


def test_json_has_the_same_figures(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", bundle, "--prices", PRICES, "--pods", "10", "--rate", "300", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (fleet,) = found["fleet"]
    assert fleet["basis"] == "ladder" and fleet["cores"]["low"] < 10 * (0.02 + 0.03) < fleet["cores"]["high"]
    assert {one["arm"] for one in found["lines"]} == {"baseline", "envoy"} and found["lines"][0]["rounds"] == 6
    assert len(found["costs"]) == 8 and found["throughput"][0]["held"][0] == {
        "offered_rps": 250.0, "held": 6, "rounds": 6,
    }  # fmt: skip


def test_a_report_is_written_with_its_data_and_chart(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", bundle, "--prices", PRICES, "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert 'data-chart="money"' in page and "per million successful requests" in page
    assert "| envoy |" in (tmp_path / "out" / "report.md").read_text()
    assert json.loads((tmp_path / "out" / "data.json").read_text())["kind"] == "meshperf-cost"
    assert (tmp_path / "out" / "charts" / "money.svg").stat().st_size > 1000
    assert "report.html" in capsys.readouterr().err


def test_a_bundle_of_one_load_point_has_costs_and_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "cost",
        str(kept_sample.bundle(tmp_path)),
        "--prices",
        PRICES,
        "--pods",
        "4",
        "--rate",
        "500",
        "--json",
    ]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lines"] == [] and found["fleet"][0]["basis"] == "one load point"


@pytest.mark.parametrize(
    ("extra", "code"),
    [(["--pods", "4"], "MP1002"), (["--rate", "4"], "MP1002"), (["--node", "huge"], "MP1001")],
)
def test_options_that_make_no_sense_are_told(
    bundle: str, extra: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", bundle, "--prices", PRICES, *extra]) == 2
    assert f"error[{code}]" in capsys.readouterr().err


def test_the_report_does_not_go_into_a_bundle(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", bundle, "--prices", PRICES, "--out", bundle]) != 0
    assert "error[" in capsys.readouterr().err


def test_an_arm_that_has_no_estimate_for_a_fleet_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = ladder_sample.ladder(rates=(500.0,), rounds=3, requests=1000)
    apart = [replace(run, group=1, run_id=f"{run.run_id}-b") if run.arm == "envoy" else run for run in runs]
    arguments = ["cost", str(ladder_sample.bundle(tmp_path, apart)), "--prices", PRICES, "--pods", "4", "--rate", "500"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "envoy: no estimate for a fleet" in said.err and "What it adds to your fleet" not in said.out

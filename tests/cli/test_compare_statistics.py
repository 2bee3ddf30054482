"""`meshperf compare ID --statistics`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kept_sample
from meshperf.cli import main
from meshperf.experiment.bundle_reading import open_bundle
from meshperf.spec import read_experiment
from meshperf.store import Store

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_sample.bundle(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def stored(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.sqlite"))
    experiment = read_experiment(bundle / "experiment.yaml")
    with open_bundle(bundle) as view, Store.open() as store:
        return store.save(bundle, experiment, view.runs(), list(view.comparisons() or ()), command="meshperf run x")


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def compare(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = main(["compare", *arguments, "--statistics", "--json"])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return code, document

    return compare


def test_a_stored_experiment_is_judged_again_from_its_rows(stored: str, bundle: Path, ask: Ask) -> None:
    code, found = ask(stored[:8])
    (own,) = json.loads((bundle / "comparison.json").read_text())
    (point,) = found["comparisons"]
    assert (code, point["grade"], found["runs"]) == (0, own["comparability"]["grade"], 2 * kept_sample.ROUNDS)
    assert [metric["metric"] for metric in point["metrics"]] == ["p50", "p90", "mean"]
    uncentred = {one["metric"]: one["uncentred"] or one["ratio"] for one in own["metrics"]}
    for metric in point["metrics"]:
        assert metric["rounds"] == kept_sample.ROUNDS
        assert metric["ratio"]["value"] == pytest.approx(uncentred[metric["metric"]]["value"], rel=1e-9)
        assert metric["margin"] == {one["metric"]: one["margin"] for one in own["metrics"]}[metric["metric"]]


def test_other_margins_and_floors_give_other_verdicts(stored: str, ask: Ask) -> None:
    _, found = ask(stored, "--margin", "p50=100%", "--absolute-floor", "mean=2ms")
    metrics = {one["metric"]: one for one in found["comparisons"][0]["metrics"]}
    assert (metrics["p50"]["margin"], metrics["p50"]["verdict"]) == (1.0, "equivalent")
    assert (metrics["mean"]["absolute_floor"], metrics["mean"]["verdict"]) == (0.002, "equivalent")


def test_the_table_names_class_and_verdicts(stored: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", stored, "--statistics", "--margin", "p50=100%"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("sample: 6 runs judged from their stored figures")
    assert "load point 1, class A" in said
    assert any(
        line.startswith("- envoy against baseline, p50: x1.") and "equivalent, 3 rounds" in line for line in said
    )


@pytest.mark.parametrize("options", [["--out", "x"], ["--rules", "x"], ["--subject", "mesh"], ["other"]])
def test_what_rows_cannot_serve_is_refused(stored: str, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", stored, "--statistics", *options]) == 2
    assert "`--statistics` takes" in capsys.readouterr().err


def test_an_unknown_id_and_a_wrong_margin_are_usage_errors(stored: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "nothing", "--statistics"]) == 2
    assert "MP1004" in capsys.readouterr().err
    assert main(["compare", stored, "--statistics", "--margin", "p51=5%"]) == 2
    assert "no metric 'p51'" in capsys.readouterr().err

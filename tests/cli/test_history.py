"""`meshperf history`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import kept_sample
from history_sample import levels
from meshperf.analysis import comparison_from_document, comparison_to_document
from meshperf.cli import main
from meshperf.experiment.bundle import BundleView
from meshperf.spec.records import Fact
from meshperf.store import Store

COUNT, PLACE, FACTOR = 16, 9, 1.25


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_sample.bundle(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def kept(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with one result a day; from one of them on envoy's p50 ratio and the kernel are others."""
    path = tmp_path_factory.mktemp("store") / "store.sqlite"
    view = BundleView(bundle)
    (judged,) = [comparison_from_document(document) for document in view.comparisons() or ()]
    runs = view.runs()
    with Store.open(path) as store:
        for number, value in enumerate(levels(COUNT, [PLACE], [FACTOR], noise=0.01, seed=6)):
            ratio = {
                one.arm: replace(one.ratio, value=value, low=value * 0.98, high=value * 1.02) for one in judged.metrics
            }
            metrics = tuple(
                replace(one, ratio=ratio[one.arm]) if one.metric == "p50" and one.arm == "envoy" else one
                for one in judged.metrics
            )
            day = timedelta(days=number)
            store.save(
                bundle,
                view.experiment(),
                [replace(run, start_time=run.start_time + day, end_time=run.end_time + day, slices=()) for run in runs],
                [comparison_to_document(replace(judged, metrics=metrics))],
                experiment_id=f"aa{number:02d}history",
                facts={"host.kernel": Fact(value="6.1" if number < PLACE else "6.6", source="t")},
            )
    return str(path)


@pytest.fixture
def stored(kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHPERF_STORE", kept)


@pytest.mark.usefixtures("stored")
def test_since_when_and_by_how_much_is_told_with_what_else_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "sample"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "envoy by baseline, p50: +2" in said and "since 2026-01-10" in said
    assert "host.kernel: 6.1 -> 6.6" in said and "Changes of level" in said


@pytest.mark.usefixtures("stored")
def test_an_id_stands_for_its_experiment_and_json_holds_the_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "aa03", "--metric", "p50", "--arm", "envoy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["experiment"] == "sample" and found["results"] == COUNT
    (series,) = found["series"]
    (change,) = series["changes"]
    assert change["first_after_id"] == f"aa{PLACE:02d}history" and change["first_after"].startswith("2026-01-10")
    assert change["ratio"]["low"] < FACTOR < change["ratio"]["high"]


@pytest.mark.usefixtures("stored")
def test_a_change_for_the_worse_fails_only_where_that_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "sample", "--fail-on-change"]) == 1
    assert main(["history", "sample", "--fail-on-change", "--metric", "p90"]) == 0
    assert "No change of level" in capsys.readouterr().out


@pytest.mark.usefixtures("stored")
def test_the_report_holds_chart_table_and_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["history", "sample", "--metric", "p50", "--out", str(out), "--json"]) == 0
    page = (out / "report.html").read_text()
    assert 'data-chart="history-' in page and "Changes of level" in page
    assert json.loads((out / "data.json").read_text()) == json.loads(capsys.readouterr().out)
    assert "host.kernel" in (out / "report.md").read_text()


def test_a_single_bundle_is_too_few_results_and_no_error(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", str(bundle)]) == 0
    assert "too few to see a change" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["sample", "--metric", "speed"], "MP1001"),
        (["sample", "--arm", "linkerd"], "MP1001"),
        (["nobody-knows-it"], "MP1004"),
    ],
)
def test_what_makes_no_sense_is_told(arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", *arguments]) == 2
    assert f"error[{code}]" in capsys.readouterr().err

"""`meshperf show`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import kept_sample as sample
from meshperf.cli import main
from meshperf.experiment.bundle import Bundle, BundleView
from meshperf.store import Store


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.bundle(tmp_path_factory.mktemp("shown"))


@pytest.fixture
def stored(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.sqlite"))
    view = BundleView(bundle)
    with Store.open() as store:
        return store.save(
            bundle,
            view.experiment(),
            view.runs(),
            view.comparisons() or [],
            command="meshperf run sample.yaml",
            experiment_text=view.experiment_text(),
            facts=view.facts(),
        )


def test_a_bundle_shows_its_verdicts_on_stdout(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(bundle)]) == 0
    said = capsys.readouterr()
    assert "envoy" in said.out and "p50" in said.out and said.err == ""


def test_a_stored_experiment_shows_what_its_bundle_shows(
    bundle: Path, stored: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(bundle)]) == 0
    from_bundle = capsys.readouterr().out
    assert main(["show", stored[:6]]) == 0
    assert capsys.readouterr().out == from_bundle


def test_an_archive_shows_what_its_folder_shows(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        for path in bundle.rglob("*"):
            packed.write(path, path.relative_to(bundle).as_posix())
    assert main(["show", str(bundle), "--json"]) == 0
    folder = json.loads(capsys.readouterr().out)
    assert main(["show", str(tmp_path / "b.zip"), "--json"]) == 0
    assert {**json.loads(capsys.readouterr().out), "bundle": folder["bundle"]} == folder


def test_json_carries_the_comparisons_and_every_run(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(bundle), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    view = BundleView(bundle)
    assert document["comparisons"] == view.comparisons()
    assert document["state"] == "complete" and document["experiment"] == "sample"
    shown = {run["run_id"]: run for run in document["runs"] if not run["excluded"]}
    for run in view.runs():
        assert shown.pop(run.run_id)["p90_s"] == float(run.response.quantile(0.9))
    assert shown == {}
    assert len([run for run in document["runs"] if run["excluded"]]) == 1


def test_a_bundle_that_is_not_judged_yet_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Bundle.create(tmp_path / "b", sample.experiment(tmp_path), command="x") as writing:
        writing.append(sample.round_of(0, experiment_id=writing.experiment_id))
    assert main(["show", str(tmp_path / "b")]) == 0
    said = capsys.readouterr()
    assert said.out == "" and "3 runs, not judged yet (interrupted)" in said.err


@pytest.mark.parametrize(
    ("reference", "code"), [("ffff", "MP1004"), ("no/such/folder", "MP2001"), ("gone.zip", "MP2001"), (".", "MP2303")]
)
def test_what_is_not_there_is_a_usage_error(
    stored: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reference: str,
    code: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["show", reference]) == 2
    said = capsys.readouterr()
    assert said.out == "" and f"error[{code}]" in said.err


def test_a_reader_that_goes_away_is_no_error(bundle: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "meshperf", "show", str(bundle)],
            stdout=writer,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
            timeout=25,
        )
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")

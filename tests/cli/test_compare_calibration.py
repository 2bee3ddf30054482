"""`meshperf compare --calibration`: bundles that two load generators made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import prediction_sample
from meshperf.cli import main
from meshperf.spec.records import Fact

TRIED = {
    "generators": [
        {"generator": "meshperf", "version": "0.1.0", "p50_error_s": 2e-5},
        {"generator": "fortio", "version": "1.68.2", "p50_error_s": 1.2e-4},
    ],
    "missing": {},
}


def measured_by(folder: Path, name: str, version: str) -> str:
    told = {"load.generator": name, "load.generator_version": version}
    facts = {path: Fact(value=value, source="sample") for path, value in told.items()}
    return str(prediction_sample.chain(folder, name=name, other=facts))


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("generators")
    return measured_by(folder, "meshperf", "0.1.0"), measured_by(folder, "fortio", "1.68.2")


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "tried.json"
    path.write_text(json.dumps(TRIED))
    return path


def grades(document: dict[str, Any]) -> set[str]:
    return {one["comparability"]["grade"] for one in document["comparisons"]}


def test_results_of_two_generators_are_class_x_and_with_a_calibration_indicative(
    bundles: tuple[str, str], record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *bundles, "--json"]) == 4
    assert grades(json.loads(capsys.readouterr().out)) == {"X"}
    out = tmp_path / "out"
    assert main(["compare", *bundles, "--calibration", str(record), "--json", "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert grades(found) == {"D"}
    assert {one["verdict"] for each in found["comparisons"] for one in each["metrics"]} == {"inconclusive"}
    assert any("fortio by +0.120 ms" in line for line in found["loosened"])
    assert "--calibration" in (out / "report.html").read_text()


def test_the_reader_is_told_what_was_loosened(
    bundles: tuple[str, str], record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *bundles, "--calibration", str(record)]) == 0
    assert "loosened: load.generator by a calibration" in " ".join(capsys.readouterr().out.split())


def test_a_generator_that_was_not_tried_is_refused(
    bundles: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "alone.json"
    alone.write_text(json.dumps({"generators": TRIED["generators"][:1]}))
    assert main(["compare", *bundles, "--calibration", str(alone)]) == 4
    said = capsys.readouterr()
    assert "error[MP4001]" in said.err and "fortio 1.68.2" in said.err and said.out == ""
    other = tmp_path / "other.json"
    other.write_text('{"trials": []}')
    assert main(["compare", *bundles, "--calibration", str(other)]) == 2
    assert "error[MP2201]" in capsys.readouterr().err


def test_what_doctor_prints_is_a_calibration(record: Path) -> None:
    from meshperf.analysis.calibration import calibration_from_document
    from meshperf.cli.doctor_generators import trials_document
    from meshperf.experiment.generator_trial import Trial

    printed = trials_document([Trial(generator="fortio", version="1.68.2", p50_error_s=1e-4)], {"wrk": "apt"})
    found = calibration_from_document(json.loads(json.dumps(printed)))
    assert found.tried["fortio"].p50_error_s == 1e-4

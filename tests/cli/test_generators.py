"""`--generator`, `generator:` and `doctor --generators`: what is refused, where, and what comes out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from meshperf.cli import main
from meshperf.cli.doctor_generators import show_trials, trials_document
from meshperf.cli.output import consoles
from meshperf.experiment.generator_trial import Trial

EXPERIMENT = """\
experiment: e
subject: time
environment: local
load:
  - {protocol: http1, rate: 100, connections: 2, arrivals: constant, duration: 1s, generator: fortio}
design: continuous
rounds: 1
arms: {baseline: {mesh: none}}
"""


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MESHPERF_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def experiment(folder: Path, text: str = EXPERIMENT) -> str:
    path = folder / "experiment.yaml"
    path.write_text(text)
    return str(path)


def test_a_generator_that_is_not_there_is_a_missing_prerequisite(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "http://127.0.0.1:1/", "--generator", "oha", "--rate", "10"]) == 3
    told = capsys.readouterr().err
    assert "error[MP3006]: the load generator oha is not installed" in told
    assert "OHA_BIN" in told


def test_what_it_cannot_do_is_told_before_it_is_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "http://127.0.0.1:1/", "--generator", "wrk", "--rate", "10"]) == 2
    assert "error[MP1007]: wrk cannot hold a rate" in capsys.readouterr().err


def test_no_such_generator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "http://127.0.0.1:1/", "--generator", "gatling"]) == 2
    assert "error[MP1001]: --generator: there is no load generator 'gatling'" in capsys.readouterr().err


def test_a_test_kind_is_our_own_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "http://127.0.0.1:1/", "--generator", "oha", "--kind", "stress"]) == 2
    assert "error[MP1002]" in capsys.readouterr().err


def test_an_experiment_by_another_generator_is_valid_when_it_is_continuous(tmp_path: Path) -> None:
    assert main(["validate", experiment(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("before", "after", "place", "words"),
    [
        ("design: continuous", "design: interleaved", ":5:", "cannot interleave slices"),
        ("arrivals: constant, ", "arrivals: poisson, ", ":5:", "cannot send poisson arrivals"),
        ("arrivals: constant, ", "", ":5:", "cannot send poisson arrivals"),
        ("generator: fortio", "generator: gatling", ":5:", "gatling"),
    ],
)
def test_what_another_generator_cannot_do_is_told_with_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, place: str, words: str
) -> None:
    assert main(["validate", experiment(tmp_path, EXPERIMENT.replace(before, after))]) == 2
    told = capsys.readouterr()
    assert f"experiment.yaml{place}" in told.err + told.out
    assert words in told.err + told.out


def test_an_experiment_is_refused_before_anything_is_deployed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", experiment(tmp_path), "--out", str(tmp_path / "out"), "--no-store"]) == 3
    assert "error[MP3006]: the load generator fortio is not installed" in capsys.readouterr().err


def test_an_smp_file_is_loaded_by_who_it_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "smp.yaml"
    path.write_text(
        "test: {name: n, clients: [{load_generator: FORTIO, rps: 10, connections: 1, "
        "endpoint_urls: ['http://127.0.0.1:1/']}], duration: 1s}\nmesh: {type: 0}\n"
    )
    assert main(["load", str(path)]) == 3
    told = capsys.readouterr().err
    assert "client 0 is loaded by fortio, as it asks" in told
    assert "error[MP3006]" in told


def test_doctor_lists_generators_that_are_missing_with_how_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = tmp_path / "oha"
    tool.write_text(f"#!{sys.executable} -IS\nprint('oha 1.16.0')\n")
    tool.chmod(0o755)
    assert main(["doctor", "--generators", "--no-measure", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["generator"] for one in document["generators"]] == ["meshperf", "oha"]
    assert "fortio" in document["missing"]
    assert "oha" not in document["missing"]


def test_doctor_says_in_words_what_to_believe(capsys: pytest.CaptureFixture[str]) -> None:
    trials = (
        Trial(generator="oha", version="1.16.0", kept=1.0, p50_error_s=1e-4, stall_p99_s=0.19, stall_theory_s=0.19),
        Trial(generator="fortio", kept=1.0, p50_error_s=1e-4, stall_p99_s=0.002, stall_theory_s=0.19),
        Trial(generator="k6", failure="k6 failed with exit code 1"),
    )
    show_trials(trials, {"wrk2": "build it"}, consoles()[0])
    told = capsys.readouterr().out
    assert "oha: believe it for the rate, medians, tails" in told
    assert "fortio: believe it for the rate, medians; not for tails" in told
    assert "k6: it could not be tried to the end: k6 failed with exit code 1" in told
    assert "wrk2 (unproven): not installed: build it" in told
    document = trials_document(trials, {"wrk2": "build it"})
    assert json.loads(json.dumps(document))["generators"][1]["omits"] is True

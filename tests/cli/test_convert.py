"""`meshperf convert` on real command lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshperf.cli import main
from meshperf.cli.convert import DIALECTS, KINDS
from meshperf.spec.smp_document import Dialect, Kind

TEST = "test:\n  name: t\n  warmup_s: 2\n  clients: [{rps: 5, protocol: 1}]\n  duration: 5s\nmesh: {type: 3}\n"


@pytest.fixture
def test_file(tmp_path: Path) -> Path:
    path = tmp_path / "t.yaml"
    path.write_text(TEST)
    return path


def test_the_words_of_the_options_are_those_of_the_documents() -> None:
    assert tuple(DIALECTS) == tuple(one.value for one in Dialect)
    assert tuple(KINDS) == tuple(one.value for one in Kind)


@pytest.mark.parametrize("dialect", ["extended", "strict", "protobuf", "protobuf-delimited"])
def test_a_file_comes_back_through_every_dialect_that_keeps_all(
    test_file: Path, tmp_path: Path, dialect: str, capsys: pytest.CaptureFixture[str]
) -> None:
    there, back = tmp_path / "there", tmp_path / "back.json"
    assert main(["convert", str(test_file), "--to", dialect, "--out", str(there)]) == 0
    assert main(["convert", str(there), "--to", "extended", "--out", str(back)]) == 0
    assert json.loads(back.read_text()) == {
        "test": {
            "name": "t",
            "warmup_s": 2.0,
            "clients": [{"rps": 5, "protocol": "PROTOCOL_HTTP"}],
            "duration": "5s",
        },
        "mesh": {"type": "ISTIO"},
    }
    assert capsys.readouterr().out == ""


def test_a_loss_is_refused_with_its_path_and_told_when_allowed(
    test_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(test_file), "--to", "smp-go"]) == 2
    told = capsys.readouterr().err
    assert "error[MP2203]" in told
    assert f"--> {test_file}  (/test/warmup_s)" in told
    assert main(["convert", str(test_file), "--to", "smp-go", "--lossy"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["test"]["clients"] == [{"rps": 5, "protocol": 1}]
    assert shown.err == "left out: /test/warmup_s\n"


def test_units_are_converted_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"latencies_ms": {"p50": 0.02, "max": 0.5}}')
    assert main(["convert", str(path), "--to", "extended"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["latencies_ms"] == {"p50": 0.02, "max": 0.5}
    assert "probably holds seconds" in shown.err
    assert main(["convert", str(path), "--to", "extended", "--convert-units"]) == 0
    assert json.loads(capsys.readouterr().out)["latencies_ms"] == {"p50": 20.0, "max": 500.0}


def test_what_does_not_say_what_it_is_needs_the_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"id": "x"}')
    assert main(["convert", str(path), "--to", "protojson"]) == 2
    assert "--kind" in capsys.readouterr().err
    assert main(["convert", str(path), "--to", "protojson", "--kind", "EnvironmentConfig"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written == {"id": "x", "labels": {"smp.ext/kind": "EnvironmentConfig"}}


def test_a_file_that_is_not_there_and_a_folder_that_is_not_there_are_told(
    test_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(tmp_path / "no"), "--to", "strict"]) == 2
    assert "MP2001" in capsys.readouterr().err
    assert main(["convert", str(test_file), "--to", "strict", "--out", str(tmp_path / "no" / "x")]) == 5
    assert "MP5401" in capsys.readouterr().err
